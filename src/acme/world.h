/* What the client knows of the machine: clocks, sleep, HTTPS, the hook program. The real one stands
 * in world.c; unit tests bring their own, with a scripted CA and a clock that jumps. */
#pragma once

#include "base/slice.h"

#define ACME_BODY_BYTES_MAX (1u << 20) /* of an answer: more is an error */
#define ACME_ALTERNATES_MAX 4u
#define ACME_NONCE_MAX      256u
#define ACME_WHY_BYTES      512u

struct acme_call {
    const char *url;
    slice body; /* ptr NULL: GET */
    bool is_head;
    slice ca;      /* file with the roots; empty: the system's */
    slice connect; /* "127.0.0.1:8080": connect there, whatever the URL says; empty: by the URL */
};

struct acme_reply {
    int status;
    char *body; /* NUL behind it; never NULL after success */
    size_t body_bytes;
    char nonce[ACME_NONCE_MAX];                 /* Replay-Nonce */
    char location[1024];                        /* Location */
    char content_type[128];                     /* without parameters */
    char alternates[ACME_ALTERNATES_MAX][1024]; /* Link rel="alternate" */
    uint32_t alternate_count;
    int64_t retry_after_s;    /* a number of seconds, or from a date; -1: not said */
    int64_t date_ms;          /* the server's clock; 0: not said */
    char why[ACME_WHY_BYTES]; /* after a failure */
};

/* A run of the program for DNS-01. */
struct acme_hook_call {
    slice program;
    bool is_set; /* else removed */
    slice domain, record, value;
};

struct acme_world {
    void *context;
    int64_t (*wall_ms)(void *context);
    int64_t (*now_ms)(void *context); /* does not jump */
    /* 0 · -ECANCELED */
    MAY_WAIT int (*sleep)(void *context, int64_t ms);
    /* 0 an answer of whatever status · -errno, reply->why says it. The reply is cleared first. */
    MAY_WAIT int (*call)(void *context, const struct acme_call *call, struct acme_reply *reply);
    /* 0 it ended with 0 · -errno, why says it */
    MAY_WAIT int (*hook)(void *context, const struct acme_hook_call *call,
                         char why[ACME_WHY_BYTES]);
};

void acme_reply_clear(struct acme_reply *reply); /* frees the body */

/* Takes what one header line says. `line`: "Name: value", without its end. For `call`. */
void acme_reply_take_field(struct acme_reply *reply, slice line, int64_t wall_ms);
