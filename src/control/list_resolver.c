#include "control/list_resolver.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/dns_channel.h"
#include "runtime/event.h"
#include "runtime/loop.h"

#define QUERIES_MAX   256u
#define QUERY_MS      400 /* of the first try; a worker waits for a second */
#define QUERY_TRIES   2
#define TTL_MIN_S     60
#define TTL_MAX_S     3600
#define NONE_S        300
#define FAILED_S      10
#define ADDRESSES_MAX 16
#define LOOK_MS       5    /* while it is awake */
#define AWAKE_MS      1000 /* after the last question */
#define RETRY_MS      10000

struct query {
    bool is_open;
    struct dns_name name;
};

static struct dns_answers_segment *answers;
static const struct names_segment *names;
static ares_channel channel;
static struct query queries[QUERIES_MAX];
static uint32_t running;
static struct event questions;
static bool is_open, must_reopen;

/* --- Answers ---------------------------------------------------------------------------------- */

/* One in 127.0.0.0/8 goes before what somebody else may have put beside it. */
static void take_addresses(struct dns_answer *a, const struct ares_addrttl *found, int count)
{
    int ttl = TTL_MAX_S;
    bool has_one = false;
    for (int i = 0; i < count; i++) {
        uint8_t bytes[4];
        memcpy(bytes, &found[i].ipaddr, 4);
        ttl = found[i].ttl < ttl ? found[i].ttl : ttl;
        if (i == 0 || (bytes[0] == 127 && !has_one))
            memcpy(a->address, bytes, 4);
        has_one |= bytes[0] == 127;
    }
    a->word = DNS_HAS_ADDRESS;
    a->until_ms = loop_now_ms() + 1000ll * (ttl < TTL_MIN_S ? TTL_MIN_S : ttl);
}

static void put_answer(const struct query *q, int status, const unsigned char *bytes, int length)
{
    struct ares_addrttl found[ADDRESSES_MAX];
    int count = ADDRESSES_MAX;
    struct dns_answer a = { .name = q->name };
    if (status == ARES_SUCCESS)
        status = ares_parse_a_reply(bytes, length, NULL, found, &count);
    if (status == ARES_SUCCESS && count > 0) {
        take_addresses(&a, found, count);
    } else if (status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA) {
        a.word = DNS_HAS_NONE;
        a.until_ms = loop_now_ms() + 1000ll * NONE_S;
    } else {
        a.word = DNS_FAILED;
        a.until_ms = loop_now_ms() + 1000ll * FAILED_S;
        (void)snprintf(a.why, sizeof a.why, "%s", ares_strerror(status));
    }
    dns_answers_put(answers, &a, loop_now_ms());
}

static void on_answer(void *argument, int status, int timeouts, unsigned char *bytes, int length)
{
    struct query *q = argument;
    (void)timeouts;
    q->is_open = false;
    running--;
    if (status != ARES_EDESTRUCTION)
        put_answer(q, status, bytes, length);
}

/* --- Questions -------------------------------------------------------------------------------- */

static struct query *free_query(void)
{
    for (uint32_t i = 0; i < QUERIES_MAX; i++)
        if (!queries[i].is_open)
            return &queries[i];
    return NULL;
}

static slice name_of(const struct query *q)
{
    return slice_of(q->name.text, q->name.bytes);
}

static bool is_under_way(const struct query *wanted)
{
    for (uint32_t i = 0; i < QUERIES_MAX; i++)
        if (queries[i].is_open && slice_equal(name_of(&queries[i]), name_of(wanted)))
            return true;
    return false;
}

/* Another worker has asked the same, and knows by now. */
static bool is_answered(const struct query *wanted)
{
    struct dns_answer old;
    return dns_answers_find(answers, name_of(wanted), loop_now_ms(), &old);
}

/* Whether there were any. */
static bool take_questions(void)
{
    bool any = false;
    struct query *q;
    while ((q = free_query()) && dns_answers_take(answers, &q->name)) {
        any = true;
        if (is_under_way(q) || is_answered(q))
            continue;
        q->is_open = true;
        running++;
        ares_query(channel, q->name.text, ns_c_in, ns_t_a, on_answer, q); /* may answer at once */
    }
    return any;
}

/* --- Life ------------------------------------------------------------------------------------- */

static int open_channel(void)
{
    TRY(dns_channel_open(&channel, names, QUERY_MS, QUERY_TRIES));
    is_open = true;
    return 0;
}

static void close_channel(void)
{
    if (is_open)
        ares_destroy(channel);
    is_open = false;
}

static void follow_configuration(void)
{
    if (!must_reopen && is_open)
        return;
    must_reopen = false;
    close_channel();
    if (open_channel() != 0)
        log_error("cannot ask lists in the DNS: c-ares does not start");
}

/* Who puts a question from now on wakes; one that came just before is seen by the last look. */
static int rest(void)
{
    dns_answers_set_awake(answers, false);
    int result = 0;
    if (!is_open || !take_questions())
        result = event_wait(&questions, is_open ? NEVER : loop_now_ms() + RETRY_MS);
    dns_answers_set_awake(answers, true);
    return result;
}

void list_resolver_run(void *unused)
{
    int result = 0;
    int64_t awake_until_ms = 0;
    (void)unused;
    while (result != -ECANCELED) {
        follow_configuration();
        if (is_open && take_questions())
            awake_until_ms = loop_now_ms() + AWAKE_MS;
        if (running)
            dns_channel_process(channel);
        if (running || loop_now_ms() < awake_until_ms) {
            result = fiber_sleep(loop_now_ms() + LOOK_MS);
            continue;
        }
        result = rest();
        if (is_open)
            awake_until_ms = loop_now_ms() + AWAKE_MS;
    }
}

void list_resolver_wake(void)
{
    event_signal_all(&questions);
}

void list_resolver_reopen(void)
{
    must_reopen = true;
    event_signal_all(&questions);
}

int list_resolver_open(struct dns_answers_segment *segment, const struct names_segment *servers)
{
    answers = segment;
    names = servers;
    event_init(&questions);
    return open_channel();
}

void list_resolver_close(void)
{
    dns_answers_set_awake(answers, false);
    close_channel();
}
