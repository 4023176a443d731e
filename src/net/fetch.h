/* One HTTP request on a fiber, made by libcurl: for what the program itself asks of others (the
 * status of certificates, certificate authorities), never for what clients ask. The fiber waits;
 * others go on. Names are resolved by libcurl, in a thread of its own: not for workers. */
#pragma once

#include "base/slice.h"

#define FETCH_WHY_MAX 256u

struct fetch {
    const char *url;
    bool is_head;
    bool may_be_plain;        /* http:// is allowed besides https:// */
    slice body;               /* ptr NULL: GET, or HEAD */
    const char *content_type; /* of the body */
    const char *ca_file;      /* roots; NULL: the system's */
    const char *connect_to;   /* "127.0.0.1:8080": whatever the URL says; NULL */
    size_t bytes_max;         /* of the answer's body */
    int64_t deadline_ms;
    /* Each header line of the final answer, without its end; may be NULL. */
    void (*on_field)(void *context, slice line);
    void *context;
};

struct fetched {
    int status;
    char *body; /* NUL behind it; fetched_clear() frees it */
    size_t bytes;
    char why[FETCH_WHY_MAX]; /* after a failure, for people */
};

/* Once per process, before the first: loads libcurl. 0 · -ENOSYS it is not there, or another one */
MUST_CHECK int fetch_open(void);
void fetch_close(void);

/* Redirects are answers like others. 0 an answer of whatever status · -ETIMEDOUT · -ECANCELED ·
 * -EMSGSIZE the body is too long · -EIO; ret->why says why not */
MAY_WAIT int fetch(const struct fetch *what, struct fetched *ret);
void fetched_clear(struct fetched *f); /* also one that is zeroed; for OWNS() */
