/* Filters: features that judge or change an exchange. One file each in src/filters, one struct, up
 * to five optional hooks; their order is one array in src/filters/filters.c, and order is security.
 *
 * A hook may wait. It returns a verdict; filters_run turns it into 0 or a negative result, so that
 * a verdict never meets TRY. */
#pragma once

#include "proxy/exchange.h"

enum verdict {
    NEXT,     /* go on */
    ANSWERED, /* x->answer or x->failure holds the decision */
    BROKEN,   /* x->failure says what went wrong; none: a wait was cancelled */
};

struct h2_session;

struct filter {
    enum verdict (*on_request)(struct exchange *x); /* head known, route known */
    enum verdict (*on_response)(
        struct exchange *x); /* the origin's head, before anything is stored */
    enum verdict (*on_deliver)(struct exchange *x); /* per client: any final response, ours too */
    void (*on_finish)(struct exchange *x);          /* always, also for cancelled exchanges */
    void (*on_release)(struct exchange *x);         /* when all have finished */
};

enum filter_point { ON_REQUEST, ON_RESPONSE, ON_DELIVER };

/* In order; NULL-terminated. Defined in src/filters/filters.c. */
extern const struct filter *const filters_in_order[];

/* 0 · -EANSWERED · -EREFUSED */
MUST_CHECK int filters_run(struct exchange *x, enum filter_point point);
void filters_finish(struct exchange *x);

/* A connection was refused before any exchange: counted and written to the security log. Defined in
 * src/filters/security_log.c. */
void filters_connection_refused(const struct failure *f, struct ip peer);
/* The same of one that has told something about itself: in its handshake, or by how it began HTTP/2
 * (session; may be NULL). */
void filters_connection_ended(const struct failure *f, const struct connection *c,
                              const struct h2_session *session);
