#include "control/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "control/dns_channel.h"
#include "runtime/event.h"
#include "runtime/loop.h"

#define TTL_MIN_S   5
#define TTL_MAX_S   300
#define TTL_HOSTS_S 30 /* what came without a TTL: the hosts file */
#define RETRY_MIN_S 2
#define RETRY_MAX_S 60
#define QUERY_MS    2000
#define PROCESS_MS  10 /* while queries are under way */

struct query {
    int slot;
    bool is_running;
    int64_t due_ms; /* next look; 0: at once */
    int retry_s;
    bool has_failed; /* said in the log, until it works again */
};

static struct names_segment *names;
static ares_channel channel;
static struct query queries[NAMES_MAX];
static uint32_t running;
static struct event look;
static bool is_open, must_reopen;

static void add_address(struct resolved_name *r, const struct ares_addrinfo_node *node)
{
    if (r->count >= NAME_ADDRESSES_MAX)
        return;
    uint8_t *to = r->addresses[r->count];
    memset(to, 0, 16);
    if (node->ai_family == AF_INET) {
        to[10] = to[11] = 0xff;
        memcpy(to + 12, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
        memcpy(to, &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr, 16);
    } else {
        return;
    }
    r->count++;
}

static bool same_addresses(const struct resolved_name *a, const struct resolved_name *b)
{
    return a->count == b->count && memcmp(a->addresses, b->addresses, a->count * 16u) == 0;
}

static void take_result(struct query *q, const struct ares_addrinfo *info)
{
    struct resolved_name result = { 0 }, before;
    int ttl = TTL_MAX_S;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        add_address(&result, node);
        int seconds = node->ai_ttl > 0 ? node->ai_ttl : TTL_HOSTS_S;
        ttl = seconds < ttl ? seconds : ttl;
    }
    names_read(names, q->slot, &before);
    if (before.version == 0 || !same_addresses(&before, &result))
        names_write(names, q->slot, &result);
    if (q->has_failed)
        log_info("the name %s resolves again", names->slots[q->slot].name);
    q->has_failed = false;
    q->retry_s = RETRY_MIN_S;
    q->due_ms = loop_now_ms() + 1000ll * (ttl < TTL_MIN_S ? TTL_MIN_S : ttl);
}

static void take_failure(struct query *q, int status)
{
    struct resolved_name nothing = { 0 }, before;
    names_read(names, q->slot, &before);
    if (before.version == 0) /* so that nobody waits for a first answer any more */
        names_write(names, q->slot, &nothing);
    if (!q->has_failed)
        log_warn("the name %s cannot be resolved: %s; %s", names->slots[q->slot].name,
                 ares_strerror(status),
                 before.count ? "its last addresses stay in use" : "it has no address");
    q->has_failed = true;
    q->due_ms = loop_now_ms() + 1000ll * q->retry_s;
    q->retry_s = q->retry_s * 2 < RETRY_MAX_S ? q->retry_s * 2 : RETRY_MAX_S;
}

static void on_result(void *argument, int status, int timeouts, struct ares_addrinfo *info)
{
    struct query *q = argument;
    (void)timeouts;
    q->is_running = false;
    running--;
    if (status == ARES_SUCCESS && info && info->nodes)
        take_result(q, info);
    else if (status != ARES_EDESTRUCTION)
        take_failure(q, status);
    if (info)
        ares_freeaddrinfo(info);
}

static int open_channel(void)
{
    TRY(dns_channel_open(&channel, names, QUERY_MS, 3));
    is_open = true;
    return 0;
}

/* What is under way ends without a result, and is due again. */
static void close_channel(void)
{
    if (is_open)
        ares_destroy(channel);
    is_open = false;
}

/* Another configuration: its name servers, or what the system's files say now. */
static void reopen_channel(void)
{
    close_channel();
    for (uint32_t i = 0; i < NAMES_MAX; i++)
        queries[i] = (struct query){ .slot = queries[i].slot, .has_failed = queries[i].has_failed };
    if (open_channel() != 0)
        log_error("cannot resolve names: c-ares does not start");
}

static void start(struct query *q)
{
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    q->is_running = true;
    running++;
    ares_getaddrinfo(channel, names->slots[q->slot].name, NULL, &hints, on_result, q);
}

/* Starts what is due; the moment of the next one. */
static int64_t start_due(void)
{
    int64_t next = NEVER;
    for (uint32_t i = 0; i < NAMES_MAX && atomic_load(&names->slots[i].is_wanted); i++) {
        struct query *q = &queries[i];
        q->slot = (int)i;
        if (q->retry_s == 0)
            q->retry_s = RETRY_MIN_S;
        if (!q->is_running && q->due_ms <= loop_now_ms())
            start(q);
        if (!q->is_running && q->due_ms < next)
            next = q->due_ms;
    }
    return next;
}

void resolver_run(void *unused)
{
    int result = 0;
    (void)unused;
    while (result != -ECANCELED) {
        if (must_reopen || !is_open)
            reopen_channel();
        must_reopen = false;
        int64_t next = is_open ? start_due() : loop_now_ms() + 1000ll * RETRY_MAX_S;
        if (running) {
            dns_channel_process(channel);
            result = fiber_sleep(loop_now_ms() + PROCESS_MS);
        } else {
            result = event_wait(&look, next);
        }
    }
}

void resolver_look(void)
{
    must_reopen = true;
    event_signal_all(&look);
}

int resolver_open(struct names_segment *segment)
{
    names = segment;
    event_init(&look);
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return -EIO;
    return open_channel();
}

void resolver_close(void)
{
    close_channel();
    ares_library_cleanup();
}
