/* From the text of a configuration to what the proxy reads while serving. Used by `check`, by every
 * command that looks into the configuration, and by the generation process before it forks workers.
 *
 * Loading is all or nothing: with one error there is no configuration, and `diagnostics` holds all
 * errors at once. Warnings do not stop it. It may read files (includes, lists, secrets) and the
 * environment; it opens no socket and changes nothing. It waits for a second at most, for the other
 * half of a pair of certificate and key that is just being replaced. */
#pragma once

#include "config/diagnostics.h"
#include "config/reader.h"
#include "proxy/configuration.h"

/* Where a loaded configuration meets shared memory and the keyholder. Each may be NULL: without
 * the first three names have slot -1 and every row is 0, without the last keys are not looked at.
 * `check` has the last alone. */
struct load_hooks {
    void *context;
    /* A host name that has to be resolved: its slot >= 0, or -errno (names_want). */
    int (*want_name)(void *context, slice name);
    /* The row of counters that belongs to the site or server of that name; never fails: the last
     * row stands for what does not fit. */
    uint32_t (*site_row)(void *context, slice name);
    uint32_t (*server_row)(void *context, slice name);
    /* Has the keyholder open the private key in the file `path`, which must belong to the public
     * one (SubjectPublicKeyInfo, DER). NULL: keys are not looked at.
     * 0, perhaps with a warning in `why` · -EKEYREJECTED it does not belong · -errno, both with the
     * reason there */
    int (*load_key)(void *context, slice path, slice spki, struct writer *why);
};

struct ruleset;

struct load_options {
    const char *path; /* the file; NULL: `text` is the configuration */
    slice text;
    uint64_t generation;
    const struct load_hooks *hooks; /* may be NULL */
    const char *log_folder;      /* where logs go when nothing is written; NULL: standard output */
    const struct reader *reader; /* of files and references; NULL: load_reader */
    const struct ruleset *rules; /* those that are part of the program, by load_own_rules(), when
                                    several configurations share them; they outlive all of these.
                                    NULL: compiled when a route asks for them */
};

/* The rules that are part of the program, compiled: some milliseconds. For ruleset_free().
 * 0 · -ENOMEM */
MUST_CHECK int load_own_rules(struct ruleset **ret);

/* returns 0, *ret belongs to the caller · -EINVAL there are errors, all in `d` · -ENOMEM */
MUST_CHECK int configuration_load(const struct load_options *options, struct configuration **ret,
                                  struct diagnostics *d);
/* NULL is allowed. */
void configuration_free(struct configuration *c);

/* Prints all diagnostics for people to `fd`, in colour when it is a terminal and NO_COLOR is not
 * set; `name` of the file and the closing line included. */
void load_report(struct diagnostics *d, const char *name, int fd);
