/* One simulated world: clients and origins around the real gate, everything from a seed. world_run
 * builds it, lets it run to its end in simulated time, and checks what must hold:
 *
 *   - a response that a client sees as complete is byte for byte what the origin sent, complete, to
 *     this request; what is truncated is never completed, in either direction
 *   - one record of the access log per exchange, written or counted as dropped
 *   - every exchange ends within its time limits, and nothing waits for ever
 *   - in good weather well-behaved clients get their responses, and malformed requests a refusal
 *     that can be read
 *   - at the end no fiber, buffer, descriptor, byte of memory or count is left
 *
 * What fails prints the seed and ends the program. */
#pragma once

#include "message.h"
#include "net/sim/network.h"
#include "runtime/sim/descriptor.h"

enum request_kind {
    REQUEST_GET,
    REQUEST_HEAD,
    REQUEST_POST, /* with a length */
    REQUEST_CHUNKED,
    REQUEST_EXPECT,
    REQUEST_WEBSOCKET,
    REQUEST_MALFORMED,
    REQUEST_KINDS
};

enum reply_kind {
    /* well-behaved */
    REPLY_LENGTH,
    REPLY_CHUNKED,
    REPLY_UNTIL_END,
    REPLY_EMPTY,   /* 204 */
    REPLY_INTERIM, /* a few 103 in front */
    REPLY_GOOD_KINDS,
    /* the rest is not */
    REPLY_EARLY = REPLY_GOOD_KINDS, /* before it has read the body */
    REPLY_LEFT_OVER,                /* bytes behind the response */
    REPLY_TRUNCATED,                /* a FIN in the middle */
    REPLY_RESET,                    /* a reset in the middle */
    REPLY_STALLED,                  /* nothing more after the middle */
    REPLY_MUTE,                     /* nothing at all */
    REPLY_CLOSED,                   /* a FIN instead of an answer */
    REPLY_GARBAGE,                  /* no HTTP */
    REPLY_BAD_CHUNK,
    REPLY_FLOOD, /* of interim responses */
    REPLY_KINDS
};

enum client_kind {
    CLIENT_ORDINARY,
    CLIENT_PIPELINE, /* all requests at once */
    CLIENT_OLD,      /* HTTP/1.0 */
    CLIENT_HALF_CLOSE,
    CLIENT_SLOW_WRITER,
    CLIENT_SLOW_READER,
    CLIENT_GOOD_KINDS,
    CLIENT_ABORTS = CLIENT_GOOD_KINDS, /* a reset at some moment */
    CLIENT_CLOSES,                     /* the same with a close */
    CLIENT_STUCK,                      /* stops to read */
    CLIENT_STALLED,                    /* stops to write, in the middle of a request */
    CLIENT_KINDS
};

enum host_kind { HOST_CALM, HOST_RESTLESS, HOST_BAD, HOST_NARROW, HOST_KINDS };

/* One exchange: what is planned, and what came of it. */
struct planned {
    uint32_t number, client;
    enum request_kind request;
    enum reply_kind reply;
    enum host_kind host;
    uint32_t request_bytes, response_bytes;
    bool must_succeed, must_be_refused, is_harmed;
    /* at the origin */
    uint32_t origin_heads;
    bool origin_read_all, origin_sent_all;
    /* at the client */
    bool was_sent; /* all of it */
    bool is_complete, from_origin;
    uint32_t status;
    /* in the log */
    uint32_t records;
};

struct client;

struct world_options {
    uint64_t seed;
    uint32_t clients_max;
    bool good_weather;       /* else the seed decides */
    bool ends_itself;        /* no drain, no cancellation in the middle */
    uint32_t fibers_max;     /* 0: as many as there may be */
    uint64_t buffered_bytes; /* 0: the default */
    uint32_t descriptors;    /* 0: plenty */
    uint64_t fail_first, fail_count;
    bool is_judged; /* by the rules that are built in, in shadow */
    bool is_loud;   /* prints the records */
};

struct world_result {
    uint64_t hash, fallible_calls;
    uint32_t exchanges, complete;
    uint32_t refused;        /* connections, for lack of something */
    uint32_t clients_harmed; /* whose planned success did not come; by faults only */
    int64_t simulated_us;
};

void world_run(const struct world_options *options, struct world_result *ret);

/* --- For the actors --------------------------------------------------------------------------- */

#define PLANNED_MAX 512u

extern struct world {
    struct planned planned[PLANNED_MAX];
    uint32_t planned_count;
    uint32_t clients_left;
    uint32_t body_max;
    bool is_good_weather, is_faulty, is_loud;
} world;

void world_name_seed(void); /* to standard error, when something has died */

/* Prints the seed and what is wrong, and ends the program. */
_Noreturn PRINTF(1, 2) void world_fail(const char *format, ...);
#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            world_fail(__VA_ARGS__);                                                               \
    } while (0)

struct planned *world_find(int64_t number); /* NULL: no such exchange */
bool is_idempotent(enum request_kind kind);

/* client.c: one client with its exchanges, coming to this listener at some moment. */
void client_make(int listener);
void clients_open(void);
void clients_report(void); /* those that are not done, to standard error */
/* origin.c: its servers. */
void origins_open(void);

/* memory.c: allocations of the program that live, and whether they are counted. */
uint64_t memory_live(void);
void memory_watch(bool on);
