/* The parts of the engine that acme.c (what is wanted, when, how many at once) and attempt.c (one
 * attempt and what follows from it) share, and that unit tests drive without a loop. */
#pragma once

#include "acme/acme.h"
#include "acme/record.h"
#include "acme/world.h"
#include "runtime/bundle.h"
#include "runtime/event.h"

#define ENGINE_LOOK_MS    60000                /* at the latest the clocks are compared again */
#define LOOK_AGAIN_MAX_MS (24 * 3600 * 1000ll) /* between two questions for the window */

struct item {
    struct list link; /* of those that are leaving */
    struct acme *acme;
    slice name, *names; /* own memory */
    uint32_t name_count;
    X509 *leaf;                   /* NULL: none */
    char leaf_id[RENEWAL_ID_MAX]; /* empty: none, or it has no name at the CA */
    int64_t not_before_ms, not_after_ms;
    bool covers_names, is_issued_here, is_from_staging;
    bool is_running, is_wanted;
    bool is_ordering; /* while it runs: not merely asking for the window */
    bool must_renew;  /* acme_renew */
    bool was_put_off; /* not due after all, by the CA's clock */
    bool has_order;   /* of the record: one is under way */
    bool rehearses;
    uint32_t failures;
    int64_t retry_ms;  /* after a failure: not before, on the clock that does not jump */
    int64_t moment_ms; /* of renewal */
    struct renewal_window window;
    int64_t look_ms; /* ask for the window at, on the clock that does not jump */
    char *error;     /* NULL: none */
};

struct acme {
    struct acme_host host;
    const struct acme_world *world;
    struct store store;
    struct settings_copy *settings; /* NULL: not configured yet */
    struct item **items;            /* by name */
    uint32_t item_count;
    uint32_t running;
    struct list leaving; /* items that nobody wants any more and that are still worked on */
    struct bundle attempts;
    struct event has_work;
    /* The CA's clock, as it was heard last; 0: never, or our own has jumped since. */
    int64_t ca_ms, ca_at_ms;
    int64_t wall_ms, wall_at_ms; /* the clocks when they were compared last */
};

/* The world of this machine: clocks and sleep of the loop, HTTPS by net/fetch, programs. */
extern const struct acme_world acme_machine;

/* acme_open with another world. */
MUST_CHECK int engine_open(const struct acme_host *host, const char *folder,
                           const struct acme_world *world, struct acme **ret);
/* What time it is: ours, unless the CA's clock is known to be another. */
int64_t engine_now_ms(const struct acme *a);
/* Compares the clocks; says so when ours has jumped. */
void engine_note_clock(struct acme *a);
void engine_hear_date(struct acme *a, int64_t date_ms);

/* In how many milliseconds something is to do for it; 0: now. */
int64_t engine_wait_ms(const struct item *i);
/* The same of an order alone. */
int64_t engine_order_wait_ms(const struct item *i);
struct item *engine_find(const struct acme *a, slice name);
/* What the leaf and the record say; after either has changed. */
void engine_refresh(struct item *i, const struct record *r);
void engine_free_item(struct item *i);

/* attempt.c: does what is due: orders, or asks for the window. May wait. */
void attempt_run(struct item *i);

/* A configuration's settings, counted: an attempt finishes with those it began with. */
struct settings_copy {
    uint32_t references;
    struct arena arena;
    struct acme_settings settings;
};
struct settings_copy *settings_hold(struct settings_copy *c);
void settings_drop(struct settings_copy **c);
