/* Lists in the DNS, asked with c-ares in the observer: what workers have put into
 * shared/dns_answers.h is taken out, asked for as an IPv4 address, and answered there for all of
 * them. The same name is asked for once at a time, at most 256 names at once. Asked are the servers
 * of the directive `resolver`, else those of /etc/resolv.conf.
 *
 * An address counts as long as its TTL says, but at least a minute and at most an hour; that there
 * is none, five minutes; that nobody has said anything of use, ten seconds. */
#pragma once

#include "shared/dns_answers.h"
#include "shared/names.h"

/* 0 · -EIO c-ares cannot start. Between resolver_open() and resolver_close(). */
MUST_CHECK int list_resolver_open(struct dns_answers_segment *answers,
                                  const struct names_segment *names);

/* The body of its fiber; returns when it is cancelled. */
void list_resolver_run(void *unused);

/* There are questions. */
void list_resolver_wake(void);

/* There is a new configuration: the name servers may be others. What is under way is forgotten, and
 * asked for again by those who wait for it. */
void list_resolver_reopen(void);

void list_resolver_close(void);
