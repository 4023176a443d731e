/* One loaded configuration: what the proxy reads while serving. Built by the generation process
 * (src/control/load*), immutable afterwards, shared copy-on-write by its workers.
 *
 * Inheritance is decided once at load: a route points to one block per feature; a block that no
 * statement of the route changed is the site's own block, and so on up to the built-in defaults. */
#pragma once

#include "base/arena.h"
#include "base/siphash.h"
#include "net/address.h"
#include "proxy/network_set.h"
#include "proxy/template.h"
#include "proxy/tls_settings.h"
#include "shared/counters.h"
#include "wire/fingerprint.h"
#include "wire/uri.h"

struct origin_tls;
struct ruleset;
struct tls_client;
struct acme_settings;

/* The features a route has settings of: one row here, one block in route.blocks. */
enum feature_slot {
    FEATURE_TIMEOUT, /* struct timeout_settings */
    FEATURE_LIMITS,  /* struct limits_settings  */
    FEATURE_TARGET,  /* struct target_settings: to, path options */
    FEATURE_ANSWER,  /* struct answer_settings: redirect, respond */
    FEATURE_ACCESS,  /* struct access_settings: allow, deny */
    FEATURE_HEADERS, /* struct headers_settings */
    FEATURE_TLS,     /* struct tls_settings; of a site, the same for all its routes */
    FEATURE_AUTH,    /* struct auth_settings, proxy/auth_settings.h */
    FEATURE_WAF,     /* struct waf_settings, proxy/waf_settings.h */
    FEATURE_COUNT
};

/* timeout { connect 5s; head 30s; idle 60s; send 30s; total 24h; header 10s } */
struct timeout_settings {
    int64_t connect_ms; /* one connection attempt to an origin server */
    int64_t head_ms;    /* from the request's last byte to the origin's response head */
    int64_t idle_ms;    /* no byte of a body; an idle keep-alive connection (defaults only) */
    int64_t send_ms;    /* no byte taken by the receiving side */
    int64_t total_ms;   /* the whole exchange; not tunnels */
    int64_t header_ms;  /* the whole request head, from its first byte (defaults only) */
    int64_t tunnel_ms;  /* idle WebSocket: 1h unless `idle` is written */
};

/* limits { body 10M; body-rate 1K/s } in defaults, policy, site, route */
struct limits_settings {
    uint64_t body_bytes_max;
    uint64_t
        body_rate_min; /* bytes per second of an upload, averaged from the 10th second on; 0 off */
};

/* limits at the top: what is decided before a route is known. */
struct limits_global {
    uint32_t head_bytes_max;              /* head 64K */
    uint32_t fields_max;                  /* fields 100 */
    uint32_t line_bytes_max;              /* line 16K */
    uint32_t target_bytes_max;            /* target 8K */
    uint32_t connections_max;             /* connections 20000: over all workers */
    uint32_t connections_per_client_max;  /* connections-per-client 256 */
    uint32_t streams_max;                 /* streams 100: of HTTP/2, at once on one connection */
    uint32_t h2_budget;                   /* h2-budget 10000: see proxy/h2_budget.h */
    uint32_t requests_per_connection_max; /* requests-per-connection 10000 */
    uint32_t fibers_max;                  /* fibers auto: per worker; 0 auto */
    uint64_t buffered_bytes_max;          /* buffered 256M: per worker */
    uint64_t held_bytes_max;              /* held 256M: per worker */
};

/* One server of an origin: an address that the configuration wrote. A name has several addresses in
 * time; see shared/names.h. */
/* What a server is spoken to in. */
enum server_speaks { SPEAKS_HTTP1, SPEAKS_HTTP2, SPEAKS_EITHER /* it chooses in the handshake */ };

struct server {
    const struct origin *origin; /* whose it is */
    slice text;                  /* as written, for logs */
    bool is_name;
    bool is_grpc; /* grpc:// */
    bool is_tls;  /* https://, grpcs:// */
    enum server_speaks speaks;
    slice host; /* when is_name */
    uint16_t port;
    struct address address; /* when not is_name */
    int name_slot;          /* when is_name; -1 none (checks without shared memory) */
    uint32_t weight;        /* 1..1000 */
    uint32_t max;           /* requests at once over all workers; 0 unlimited */
    uint32_t counter_row;
    uint32_t index; /* 0.. over the whole configuration */
};

enum proxy_protocol_out { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_V1, PROXY_PROTOCOL_V2 };

struct origin {
    slice name;             /* "app", or the address for `to 127.0.0.1:3000` */
    struct server *servers; /* at most 64 */
    uint32_t server_count;
    uint32_t queue_max; /* exchanges waiting for `max`, per worker; queue 128 */
    int64_t queue_ms;   /* how long they wait; 5s */
    uint32_t idle_max;  /* idle connections kept per server and worker; keep-alive 64 */
    int64_t idle_ms;    /* how long; 60s (fewer than the usual server's 75 s) */
    enum proxy_protocol_out proxy_protocol;
    uint8_t http2;                /* http2 on|off: offered to https:// servers unless off */
    bool is_grpc;                 /* one of its servers is: calls may take long */
    bool takes_calls;             /* all are h2://, grpc:// or grpcs://: calls to them stream */
    const struct origin_tls *tls; /* proxy/origin_tls.h; NULL: no server has is_tls */
    const struct timeout_settings
        *timeout; /* NULL: the route's; else connect, head, idle, send of it that are not 0 */
    uint32_t index;
};

struct target_settings {
    const struct origin *origin; /* NULL: nothing written */
    slice prefix;                /* `to app path /base`: put before the canonical path; empty */
    enum slash_policy slashes;   /* `slashes refuse|decode|keep` */
};

enum answer_kind { ANSWER_NONE, ANSWER_REDIRECT, ANSWER_RESPOND };
struct answer_settings {
    enum answer_kind kind;
    uint16_t status;
    struct template text; /* Location, or the body */
};

struct access_settings {
    struct network_entry *entries; /* accumulated while loading */
    uint32_t entry_count;
    struct network_set networks; /* built when the route is complete */
    uint32_t methods_allowed;    /* bit enum method; 0: no `allow method` was written */
    uint32_t methods_denied;
    struct slice_list {
        slice *items;
        uint32_t count;
    } other_methods_allowed, other_methods_denied; /* tokens of METHOD_OTHER */
    slice methods_where; /* the last statement about methods; it decides for the reader of a log */
    struct denied_fingerprint {
        enum fingerprint_kind kind;
        slice pattern;
        slice where;
    } * fingerprints;
    uint32_t fingerprint_count;
    bool denies_h2; /* one of them is of HTTP/2 */
};

enum header_edit_kind { HEADER_SET, HEADER_ADD, HEADER_REMOVE };
struct header_edit {
    enum header_edit_kind kind;
    slice name;
    enum field_id id;
    struct template value;
};
struct headers_settings {
    bool is_hardened;            /* `headers hardened` */
    bool says_via;               /* `headers { via on }`: tell clients; off */
    struct header_edit *request; /* to the origin, in order */
    uint32_t request_count;
    struct header_edit *response; /* to the client */
    uint32_t response_count;
};

/* --- Routing -------------------------------------------------------------------------------- */

enum match_kind { MATCH_EXACT, MATCH_PREFIX, MATCH_EXTENSION, MATCH_REGEX, MATCH_ANY };

struct route_pattern {
    enum match_kind kind;
    slice text; /* "/x" (exact), "/x" for "/x/ *" (prefix), ".css" (extension), the regex */
    struct pattern *regex; /* waf/patterns/pattern.h; compiled before the fork */
};

enum condition_kind {
    CONDITION_METHOD,
    CONDITION_HEADER,
    CONDITION_QUERY,
    CONDITION_COOKIE,
    CONDITION_IP,
    CONDITION_JA4,
    CONDITION_H2
};
struct condition {
    enum condition_kind kind;
    bool negated;
    slice name;    /* header, query, cookie */
    slice *values; /* any of them; none: it is present. ja4, h2: patterns */
    uint32_t value_count;
    struct network_set networks; /* ip */
};

struct route {
    const struct site *site;
    struct route_pattern *patterns;
    uint32_t pattern_count;
    struct condition *conditions;
    uint32_t condition_count;
    int32_t priority;
    const void *blocks[FEATURE_COUNT];
    slice label; /* "/api/ *" for logs and metrics; "" for the site itself */
    slice where; /* "portcullis.conf:12:3" */
};

/* Whether what a route lets in goes on to an origin: the configuration itself answers elsewhere. */
static inline bool route_forwards(const struct route *route)
{
    const struct answer_settings *answer = route->blocks[FEATURE_ANSWER];
    const struct target_settings *target = route->blocks[FEATURE_TARGET];
    return answer->kind == ANSWER_NONE && target->origin;
}

/* Whether its origin is one that calls of gRPC are for, whichever of its servers is chosen. To any
 * other, `application/grpc` is a word that everybody can write in front of everything. */
static inline bool route_takes_calls(const struct route *route)
{
    const struct target_settings *target = route->blocks[FEATURE_TARGET];
    return target->origin && target->origin->takes_calls;
}

struct site {
    slice name; /* the first host */
    slice *hosts;
    uint32_t host_count;
    uint64_t listener_mask; /* bit i: listens[i]; all bits when `on` is not written */
    struct route *routes;   /* most specific first: the first that matches is it; the last is the
                               site's own, MATCH_ANY */
    uint32_t route_count;
    uint32_t counter_row;
    slice where;
    struct site_tls tls;
};

/* Host to sites, a bucket chained through next: several sites may share a host on different
 * listeners. */
struct host_entry {
    slice host; /* canonical; a suffix ".example.com" for wildcards */
    uint64_t hash;
    const struct site *site;
    struct host_entry *next; /* of the same bucket */
};

struct listen {
    struct address address; /* with the port as resolved when it was 0 */
    slice text;
    bool proxy_protocol;
    bool is_h2c; /* HTTP/2 with prior knowledge besides HTTP/1 */
    bool is_tls;
    bool is_plain; /* `plain` is written: no redirect to HTTPS */
};

enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_COMBINED, LOG_FORMAT_MODSECURITY };
struct log_settings {
    bool is_on;
    enum log_format format;
    slice path;                /* absolute path, or "stdout" or "stderr" */
    uint16_t sink;             /* in the logger's table */
    uint32_t record_bytes_max; /* of LOG_AUDIT, with its newline */
};

#define LISTENS_MAX 64u

/* Which exchanges are kept for `explain`; as the words stand in the row. */
enum recent_choice { RECENT_ALL, RECENT_REFUSED, RECENT_OFF };

struct configuration {
    struct arena arena; /* owns everything below but the compiled expressions */
    struct compiled_regex {
        struct compiled_regex *next;
        struct pattern *pattern;
    } * regexes;
    struct made_client { /* for TLS to origins; freed with the configuration */
        struct made_client *next;
        struct tls_client *client;
        struct certificate *own; /* that it shows to servers; NULL */
    } * tls_clients;
    struct waf_rules { /* read once for all that name the same */
        struct waf_rules *next;
        struct ruleset *rules; /* NULL: they could not be read */
        slice digest;          /* of what was read, in hexadecimal */
    } * rulesets;
    struct tls_made_context *tls_contexts;
    struct tls_identity *tls_identities;
    uint32_t tls_identity_count;
    struct acme_settings *acme;     /* acme/settings.h; NULL: no `acme` is written */
    const struct site *tls_default; /* `tls CERT KEY default`; NULL: none */
    uint64_t generation;
    slice digest; /* of its files, those of lists and rules included, in hexadecimal: who has read
                     the same has the same */
    struct listen *listens;
    uint32_t listen_count;
    struct site *sites;
    uint32_t site_count;
    struct host_entry **exact; /* open hashing, power of two */
    uint32_t exact_mask;
    struct host_entry **wildcard; /* by suffix */
    uint32_t wildcard_mask;
    struct host_entry *any; /* `site *` */
    struct siphash_key hash_key;
    struct origin *origins;
    uint32_t origin_count;
    uint32_t server_count;               /* over all origins */
    const void *defaults[FEATURE_COUNT]; /* blocks in force before a route is known */
    struct limits_global limits;
    struct network_set trusted; /* peers whose forwarding fields and request ids are believed */
    bool trusts_any;
    struct log_settings logs[LOG_CHANNELS];
    uint8_t recent;                 /* enum recent_choice */
    struct address metrics_address; /* length 0: admin socket only */
    struct address admin_address;   /* length 0: the Unix socket of the state directory */
    slice resolvers;  /* name servers, "192.0.2.53:53,[::1]:53"; empty: the system's */
    slice user;       /* empty: the starting user, or "portcullis"/"nobody" for root */
    uint32_t workers; /* 0: auto */
    int64_t drain_ms; /* 1h */
    uint32_t drain_generations_max; /* 64 */
};

/* The host's sites that this listener serves: exact, longest wildcard, `*`; NULL: none. `host` is
 * canonical (lower case, no dot or port). Linear in the number of labels. */
const struct site *configuration_find_site(const struct configuration *c, slice host,
                                           uint32_t listener);
