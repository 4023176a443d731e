/* What a configuration decides about a request, stage by stage in the order of all filters, without
 * a connection, a clock or an origin: a function of the request and the configuration, the same
 * however often and in whatever order it is asked.
 *
 * Left out is what does not follow from these two. Budgets and limits of memory are not applied. A
 * client certificate that a route wants is assumed to be there. Collections that rules keep between
 * requests are empty, and nothing is on a list in the DNS. A response is judged when its head comes
 * with the request, and its body never does. */
#pragma once

#include "proxy/configuration.h"
#include "waf/bodies/decompress.h"
#include "waf/lists.h"
#include "waf/waf.h"
#include "wire/h1.h"

struct waf_settings;

struct dry_request {
    slice head;          /* HTTP/1 text; "HTTP/2.0" in its first line: as the gate keeps HTTP/2 */
    slice body;          /* without chunks, Content-Encoding still applied */
    uint64_t body_bytes; /* how long it really was, where `body` is not all of it */
    slice response;      /* the head that an origin has answered with, HTTP/1 text; empty: none */
    struct ip client;
    uint16_t client_port;
    uint32_t listener; /* of the configuration */
    slice scheme;      /* that the client has used: "http" or "https" */
    slice ja4, h2;     /* fingerprints; empty: none */
    slice id;
    int64_t now_ms; /* since 1970: the time that rules see, and exclusions with a date */
};

/* One stage and what it says. */
struct dry_stage {
    struct dry_stage *next;
    const char *name;
    slice verdict, where; /* where: a place of the configuration, or empty */
};

enum dry_outcome { DRY_REFUSED, DRY_ANSWERED, DRY_FORWARDED };

struct dry_result {
    struct dry_stage *stages;
    enum dry_outcome outcome;
    unsigned status;    /* 0: forwarded, or closed without a word */
    const char *reason; /* "access.deny"; "redirect", "respond"; "" when forwarded */
    slice text, where;  /* of a refusal, text also of one in shadow */
    slice path;         /* canonical; empty: it did not come so far */
    const struct site *site;
    const struct route *route;

    const struct waf_settings *waf;            /* rules that have judged; NULL: none */
    const struct waf_transaction *transaction; /* theirs */
    bool would_refuse;                         /* in shadow */
    bool saw_response;                         /* rules have judged its head */
    bool lacks_response;  /* forwarded, and rules would see more of the response than there is */
    bool looked_at_body;  /* rules wanted the body: the result depends on all of it */
    bool has_collections; /* rules of the route count from one request to the next */
    bool wanted_lists;    /* a rule asked a list in the DNS: none is, so nothing is listed */
    bool wants_certificate;

    /* its own: what the transaction goes on pointing to */
    struct work work;
    struct waf_lists lists;
    struct decompress body;
};

/* What the result points to lives as long as arena, request and configuration; dry_release() comes
 * after every run. 0 · -ENOMEM, also when the arena's limit is reached */
MUST_CHECK int dry_run(const struct configuration *c, const struct dry_request *request,
                       struct arena *arena, struct dry_result *ret);
void dry_release(struct dry_result *r);
