/* What the files of the supervisor share: supervisor.c (the loop and its signals),
 * supervisor_start.c (beginning and end), supervisor_generations.c (their life),
 * supervisor_orders.c (what it is asked), supervisor_helpers.c (logger and observer),
 * supervisor_certificates.c (the certifier), supervisor_keyholder.c. Nobody else includes this. */
#pragma once

#include "control/boot.h"
#include "control/message.h"
#include "control/supervisor.h"
#include "net/key_protocol.h"

#define RETRY_MS     1000 /* log files that cannot be opened, things that are waited for */
#define RESTART_MS   200  /* from the death of a process until it is started again */
#define QUICK_END_MS 5000 /* from the word to end at once until what is left is killed */

/* Numbers under which the observer waits for the outcome of a reload. */
struct tickets {
    int64_t numbers[BOOT_TICKETS_MAX];
    uint32_t count;
};

struct supervisor {
    struct boot_record state; /* everything that an upgrade hands over; the rest is rebuilt */
    struct shared_memory memory;
    struct ready_report settings; /* of the generation in force */
    int signals;
    int exit_code;
    bool announced; /* a generation has served */
    bool stopping, stopping_quickly;
    bool reload_again, upgrade_again;     /* asked for while one was loading */
    struct tickets loading, waiting;      /* for the one that loads, and for the one after it */
    int64_t settled_at_ms, settled_by_ms; /* orders_settle: look at, and at the latest; 0: no */
    bool last_reload_failed;
    char last_reload[512];
    int certifier_keys; /* of the certifiers' family of channels to the keyholder; -1: none yet */
    /* told to end, for one of another binary */
    bool replacing_logger, replacing_observer, replacing_certifier;
    uint64_t reported_generation; /* that the certifier's report is of; 0: not known */
    bool certifier_has_died;      /* the next one does not know what it had published */
    int64_t sinks_at_ms;          /* try to open log files again at; 0: all are open */
    int64_t ticket_keys_at_ms;    /* look whether a new one is due */
    int64_t keyholder_at_ms, logger_at_ms, observer_at_ms, certifier_at_ms,
        generation_at_ms; /* start it (again) at; 0: not planned */
    int64_t back_off_ms, promoted_ms;
};

extern struct supervisor supervisor;

/* --- supervisor_start.c --- */

/* Locks the state directory, adopts or makes what is to be kept, starts the first generation.
 * 0 · 1 said why not */
MUST_CHECK int supervisor_begin(const struct run_options *options);
/* Signals, limits, our place in the process tree. 0 · -errno */
MUST_CHECK int supervisor_open_process(enum log_level verbosity);
/* Removes what stands in the state directory, ends logger and observer. */
void supervisor_clean_up(void);
/* Says why it cannot start; 1. */
int supervisor_explain(int result, const char *what);

/* --- supervisor_helpers.c --- */

/* The record for a child: what everybody gets, and nothing of the supervisor's own. Static. */
struct boot_record *helpers_child_record(int channel);
/* Starts `role`; closes the child's end of the pair, and ours when it fails. 0 · -errno */
MUST_CHECK int helpers_start(const char *role, struct boot_record *record, int pair[2],
                             int32_t *ret_pid, int32_t *ret_channel);
/* A generation was promoted: start them, or tell them what is new. */
void helpers_follow(void);

/* A worker has a question to the DNS. */
void helpers_wake_observer(void);

/* After an upgrade or an adoption. */
void helpers_replace(void);
/* One has ended; says so. was_told: for one of another binary. */
void helpers_note_end(const char *name, int32_t *pid, int32_t *channel, bool was_told);
/* True when it was one of them. */
bool helpers_ended(pid_t pid);
void helpers_do_what_is_due(int64_t now);
void helpers_reopen_logs(void);

/* --- supervisor_keyholder.c --- */

#define KEYS_OF_GENERATION (KEY_MAY_SIGN | KEY_MAY_LOAD | KEY_MAY_OPEN)
#define KEYS_OF_CERTIFIER  (KEY_MAY_SIGN | KEY_MAY_SIGN_ANYTHING | KEY_MAY_LOAD | KEY_MAY_GENERATE)

/* Starts the first one. 0 · -errno */
MUST_CHECK int keyholders_begin(void);
/* A new channel with these rights, for a generation (NULL: for somebody else): the descriptor ·
 * -errno */
MUST_CHECK int keyholders_channel(const struct boot_generation *g, uint32_t rights);
/* Sends a generation that asked for it a channel, now or when the keyholder runs again. */
void keyholders_give(struct boot_generation *g);
/* True when it was a keyholder. */
bool keyholders_ended(pid_t pid, int status);
void keyholders_do_what_is_due(int64_t now);
/* One of the binary now on disk, for the generation that will be started with it. 0 · -errno */
MUST_CHECK int keyholders_prepare_upgrade(void);
/* That generation is in force, or has failed. */
void keyholders_finish_upgrade(bool in_force);

/* --- supervisor_generations.c --- */

struct boot_generation *generations_find(enum generation_state wanted);
/* With the running binary, or the one now on disk for an upgrade. 0 · -errno */
MUST_CHECK int generations_start(bool is_upgrade);
/* One message of a generation. False: it has gone, and `g` with it. */
bool generations_hear(struct boot_generation *g);
/* A child of ours has ended: a generation, or a worker whose generation died. */
void generations_reap(pid_t pid, int status);
/* The program ends. */
void generations_stop(bool quickly);
/* The workers of dead generations that an adopting supervisor finds in shared memory. */
void generations_note_orphans(void);
void generations_do_what_is_due(int64_t now);
/* When that should be called at the latest; 0: no matter. */
int64_t generations_due_ms(void);
/* A fresh one after a while, longer each time. */
void generations_plan(void);

/* --- supervisor_certificates.c --- */

/* A generation wants certificates: one descriptor in the message, taken over. The certifier is
 * started when it does not run. */
void certificates_want(struct boot_generation *g, struct message *m);
/* A generation came into force. */
void certificates_follow(const struct boot_generation *g);
/* A channel to the keyholder for the certifier · -1: there is no keyholder just now */
int certificates_open_keys(void);
/* A question for the certifier, which answers it. False: there is none. */
bool certificates_ask(const struct message *m);
/* A worker has put a question. */
void certificates_wake(void);
void certificates_hear(void); /* the certifier has something */
bool certificates_ended(pid_t pid);
void certificates_replace(void);
void certificates_do_what_is_due(int64_t now);

/* --- supervisor_orders.c --- */

void orders_hear(void);                              /* the observer has a question */
void orders_reload(int64_t ticket, bool is_upgrade); /* ticket 0: nobody waits */
void orders_stop(bool quickly);
/* The outcome of the reload that was loading. */
void orders_conclude(bool ok, const char *text);
/* It is in force: that is said when no worker of before takes connections any more, so that whoever
 * connects then meets the new configuration; or after a while. text: static
 * then: what is done behind that; NULL: nothing */
void orders_settle(const char *text, void (*then)(void));
/* The new configuration does not come into force. */
void orders_reject(const char *why);
void orders_do_what_is_due(int64_t now);
/* The observer is gone, and who waited with it. */
void orders_forget(void);
