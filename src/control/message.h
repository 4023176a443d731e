/* Messages between our own processes: one SOCK_SEQPACKET datagram each, a fixed head, a text, and
 * descriptors. A message that is cut, too long or of another shape is an error of the channel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

#define MESSAGE_TEXT_MAX 65536u
#define MESSAGE_FDS_MAX  250 /* the kernel takes 253 */

enum message_kind {
    /* generation to supervisor */
    MESSAGE_WANT_LISTENERS = 1, /* text: address; number: workers; detail: enum listener_use */
    MESSAGE_WANT_SLOTS,         /* number: how many */
    MESSAGE_WANT_SINK, /* number: id; text: path. Log files are opened by the supervisor: neither
                          workers nor logger need the right to */
    MESSAGE_READY,     /* text: struct ready_report, then warnings */
    MESSAGE_FAILED,    /* text: why */
    MESSAGE_EXHAUSTED, /* workers died too often */
    MESSAGE_WANT_CERTIFICATES, /* text: struct certificates_wish; one descriptor: a sheet
                                  (net/certificate_record.h). Handed on to the certifier, with
                                  number: the generation */
    MESSAGE_WANT_KEYS,         /* its channel to the keyholder has ended; also of a worker, to it */
    MESSAGE_WANT_STATUSES,     /* a question stands in shared/statuses.h; of a worker, to the
                                  generation, supervisor and certifier */
    /* supervisor to generation */
    MESSAGE_LISTENERS, /* descriptors; text: the address with its port, or the error; number: 0 or
                          -errno */
    MESSAGE_SLOTS,     /* text: uint32_t each */
    MESSAGE_KEYS,      /* one descriptor: a channel to the keyholder */
    MESSAGE_SERVE,     /* accept from now on */
    MESSAGE_DRAIN,     /* number: bit i: listens[i] of the configuration is closed for good;
                          detail: 1 when the program ends. To the observer too: that it ends */
    MESSAGE_STOP,
    /* generation to worker, besides KEYS, SERVE, DRAIN and STOP */
    MESSAGE_ACCEPT,         /* number: place in the listener table: also accept from this one */
    MESSAGE_ACCEPT_NO_MORE, /* number: the same: its own worker is back */
    /* observer to supervisor, and back with the same number */
    MESSAGE_ASK,          /* detail: enum control_verb; number: ticket */
    MESSAGE_ANSWER,       /* detail: HTTP status; text */
    MESSAGE_OBSERVE,      /* descriptors: listening sockets for metrics and admin; detail: enum
                             listener_use */
    MESSAGE_OBSERVE_ONLY, /* text: the addresses of those that stay, each with a line feed */
    MESSAGE_SINK,         /* to the logger. number: id; one descriptor */
    MESSAGE_REOPEN,       /* to the observer: a new configuration may want names */
    /* a new supervisor to a living generation, and back */
    MESSAGE_ADOPT,
    MESSAGE_ADOPTED,          /* see adoption.c */
    MESSAGE_ADOPTED_LISTENER, /* descriptors: the sockets of one address */
    /* certifier to supervisor to generation to worker */
    MESSAGE_CERTIFICATES, /* one descriptor: a sheet of what is presented from now on. number: the
                             generation whose wish is answered; 0: news for all */
    MESSAGE_IN_FORCE,     /* supervisor to certifier. number: the generation; detail 1: a certifier
                             before it has died */
    /* worker to generation to supervisor to observer */
    MESSAGE_WANT_DNS, /* a question stands in shared/dns_answers.h, and the observer sleeps */
    MESSAGE_REPORTED, /* certifier to supervisor: the report is written (or cannot be). number: the
                       * generation in force that it is of */
};

enum control_verb {
    VERB_STATUS = 1,
    VERB_RELOAD,
    VERB_DRAIN,
    VERB_STOP,
    VERB_UPGRADE,
    VERB_REOPEN,
    VERB_CERTIFICATES,      /* answered with the certifier's report, one descriptor; or none. detail
                               202: it is of the generation before, and the next one comes */
    VERB_RENEW_CERTIFICATE, /* text: a host name. Passed on to the certifier, which answers */
    VERB_REVOKE_CERTIFICATE, /* the same */
};

enum listener_use { USE_TRAFFIC, USE_METRICS, USE_ADMIN };

struct ready_report {
    int64_t drain_ms;
    uint32_t generations_max; /* that may drain at once */
    uint32_t uid, gid;        /* whom logger and observer run as */
};

struct message {
    uint32_t kind; /* enum message_kind */
    int32_t detail;
    int64_t number;
    uint32_t text_length;
    int fd_count;
    int fds[MESSAGE_FDS_MAX];
    char text[MESSAGE_TEXT_MAX + 1]; /* what was received ends with a NUL */
};

/* Sends kind, detail, number, text[0..text_length) and the descriptors. Does not wait. 0 · -errno
 */
MUST_CHECK int message_send(int fd, const struct message *m);

/* The short form: no text, no descriptors. */
MUST_CHECK int message_send_plain(int fd, enum message_kind kind, int32_t detail, int64_t number);

/* The same for whoever cannot do anything about a failure: the other end is gone, and its death is
 * noticed where it is watched. */
void message_pass(int fd, const struct message *m);
void message_tell(int fd, enum message_kind kind, int32_t detail, int64_t number);

/* 0 · -EAGAIN nothing is there · -EPIPE the other end is gone · -EPROTO malformed. Received
 * descriptors are close-on-exec and belong to the caller. */
MUST_CHECK int message_receive(int fd, struct message *ret);

/* The same, waiting at most timeout_ms (-1: for ever). -ETIMEDOUT */
MUST_CHECK int message_await(int fd, struct message *ret, int timeout_ms);

void message_close_fds(struct message *m);

/* A pair of connected ends, close-on-exec, non-blocking. 0 · -errno */
MUST_CHECK int message_pair(int ret_ends[2]);

/* Gives a socket room for the largest message. */
void message_widen(int fd);

/* One static message for a process's receiving: they are large. */
extern struct message message_in, message_out;

/* Fills message_out with a formatted text. */
struct message *message_with_text(enum message_kind kind, int32_t detail, int64_t number,
                                  const char *format, ...) PRINTF(4, 5);
