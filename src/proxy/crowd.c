#include "proxy/crowd.h"

#include "base/panic.h"
#include "net/kernel.h"
#include "proxy/exchange.h"
#include "proxy/filter.h"
#include "proxy/gate_state.h"
#include "proxy/h2_budget.h"
#include "proxy/refusal.h"

/* How many connections are looked at to find one of a heavier client. They are in the order of
 * their arrival, and a flood's stand together. */
#define LOOKS_MAX 64

/* The least time between two records of addresses that are shunned, for a worker. */
#define SHUNNED_RECORD_MS 1000

static struct list connections; /* all, idle or served; the next to be looked at first */
static uint32_t count;
static int descriptors_max; /* of clients; the rest is for connections to origins */

static const struct failure too_many = { .whose = FAULT_POLICY,
                                         .status = 503,
                                         .reason = "limits.connections",
                                         .text = "as many connections as `limits connections` "
                                                 "allows are open" };
static const struct failure too_many_of_one = { .whose = FAULT_POLICY,
                                                .status = 429,
                                                .reason = "limits.connections-per-client",
                                                .text = "the client has as many connections as "
                                                        "`limits connections-per-client` allows" };
static const struct failure shunned = { .whose = FAULT_CLIENT,
                                        .reason = "h2.abuse-shunned",
                                        .text = "the client's address has gone on spending what it "
                                                "does not have of `limits h2-budget`" };
const struct failure crowd_no_memory = { .whose = FAULT_OURS,
                                         .status = 503,
                                         .reason = "resources.memory",
                                         .text = "no memory is left for a request or a handshake" };
const struct failure crowd_no_fiber = { .whose = FAULT_POLICY,
                                        .status = 503,
                                        .reason = "limits.fibers",
                                        .text = "as many exchanges are at work as `limits fibers` "
                                                "allows" };
const struct failure crowd_no_descriptor = { .whose = FAULT_OURS,
                                             .status = 503,
                                             .reason = "resources.descriptors",
                                             .text = "no descriptor is left for the connection" };

/* A quarter of the descriptors is kept for connections to origins: clients that are let in can be
 * served. */
static int clients_share(void)
{
    int max = kernel_descriptors_max();
    return max - max / 4;
}

void crowd_open(void)
{
    list_open(&connections);
    count = 0;
    descriptors_max = clients_share();
}

uint32_t crowd_count(void)
{
    return count;
}

void crowd_refuse(struct socket *s, const struct failure *why, struct ip peer, uint64_t *counter)
{
    (*counter)++;
    filters_connection_refused(why, peer);
    refusal_write_bare(s, why->status);
}

/* --- Counting --------------------------------------------------------------------------------- */

static uint64_t open_in_all_workers(void)
{
    uint64_t total = 0;
    for (uint32_t slot = 0; slot < gate_slots_in_use(); slot++)
        total += __atomic_load_n(&gate.shared.counters[slot].connections_open, __ATOMIC_SEQ_CST);
    return total;
}

static void count_open(int change)
{
    uint64_t *own = &gate.counters->connections_open;
    __atomic_store_n(own, *own + (uint64_t)(int64_t)change, __ATOMIC_SEQ_CST);
}

static bool stands_for_many(struct ip peer)
{
    return !gate.configuration->trusts_any &&
           network_set_find(&gate.configuration->trusted, peer) != NULL;
}

static struct client_key key_of(const struct connection *c)
{
    struct client_key key;
    struct ip ip = ip_client_key(c->peer);
    memcpy(key.bytes, ip.bytes, sizeof key.bytes);
    return key;
}

static void forget_client(struct connection *c)
{
    struct client_key key = key_of(c);
    if (c->is_counted)
        clients_leave(gate.shared.clients, gate.shared.slot, &key);
    c->is_counted = false;
}

/* Whether its client may have one more. */
static bool enter_client(struct connection *c)
{
    if (stands_for_many(c->peer))
        return true;
    struct client_key key = key_of(c);
    uint32_t theirs = clients_enter(gate.shared.clients, gate.shared.slot, &key);
    c->is_counted = theirs > 0;
    return theirs <= gate.configuration->limits.connections_per_client_max;
}

static bool refuse_client(struct connection *c)
{
    crowd_refuse(&c->socket, &too_many_of_one, c->peer, &gate.counters->connections_refused_client);
    return false;
}

/* Whether its address has so much to answer for that nothing of it is read any more. */
static bool is_shunned(const struct connection *c)
{
    return c->is_counted &&
           h2_budget_standing(gate.configuration->limits.h2_budget, gate.shared.accounts, c->peer,
                              loop_now_ms()) == H2_SHUNNED;
}

/* Without a word, and recorded once in a while: whoever is shunned for making work makes none. */
static bool refuse_shunned(struct connection *c)
{
    static int64_t told_ms = -SHUNNED_RECORD_MS;
    gate.counters->connections_refused_client++;
    if (loop_now_ms() - told_ms >= SHUNNED_RECORD_MS) {
        told_ms = loop_now_ms();
        filters_connection_refused(&shunned, c->peer);
    }
    socket_reset(&c->socket);
    return false;
}

bool crowd_count_client(struct connection *c)
{
    if (!enter_client(c))
        return refuse_client(c);
    return is_shunned(c) ? refuse_shunned(c) : true;
}

/* --- Making room ------------------------------------------------------------------------------ */

/* How many connections this one's client holds; 0 when they are not counted. */
static uint32_t weight_of(const struct connection *c)
{
    struct client_key key = key_of(c);
    return c->is_counted ? clients_count(gate.shared.clients, &key) : 0;
}

/* A connection that waits for a request, of a client that holds more of them than the newcomer's;
 * of the heaviest among those that are looked at. NULL: there is none. */
static struct connection *find_heavier(const struct connection *newcomer)
{
    struct connection *found = NULL;
    uint32_t heaviest = weight_of(newcomer);
    heaviest = heaviest ? heaviest : 1; /* behind a proxy: its client is not known yet */
    for (uint32_t i = 0; i < LOOKS_MAX && i < count; i++) {
        struct list *node = list_pop_front(&connections);
        struct connection *c = LIST_ENTRY(node, struct connection, link);
        list_push_back(&connections, node);
        uint32_t weight = connection_can_be_shed(c) ? weight_of(c) : 0;
        if (weight > heaviest) {
            heaviest = weight;
            found = c;
        }
    }
    return found;
}

/* True: a heavier client's connection has gone, or goes in this turn. */
static bool make_room(const struct connection *newcomer, const struct failure *why,
                      uint64_t *counter)
{
    struct connection *c = find_heavier(newcomer);
    if (!c)
        return false;
    (*counter)++;
    connection_shed(c, why);
    return true;
}

static bool descriptors_are_scarce(const struct connection *c)
{
    if (c->socket.poll.fd < descriptors_max)
        return false;
    descriptors_max = clients_share(); /* it may have been raised meanwhile */
    return c->socket.poll.fd >= descriptors_max;
}

static bool judge(struct connection *c)
{
    struct worker_counters *counters = gate.counters;
    uint64_t *full = &counters->connections_refused_total;
    uint64_t *scarce = &counters->connections_refused_resources;
    bool may_enter = c->awaits_proxy_header || enter_client(c);
    if (open_in_all_workers() > gate.configuration->limits.connections_max &&
        !(may_enter && make_room(c, &too_many, full))) {
        crowd_refuse(&c->socket, &too_many, c->peer, full);
        return false;
    }
    if (!may_enter)
        return refuse_client(c);
    if (is_shunned(c))
        return refuse_shunned(c);
    if (descriptors_are_scarce(c) && !make_room(c, &crowd_no_descriptor, scarce)) {
        crowd_refuse(&c->socket, &crowd_no_descriptor, c->peer, scarce);
        return false;
    }
    return true;
}

bool crowd_admit(struct connection *c)
{
    count_open(+1);
    if (!judge(c)) {
        count_open(-1);
        forget_client(c);
        return false;
    }
    list_push_back(&connections, &c->link);
    count++;
    return true;
}

void crowd_leave(struct connection *c)
{
    ASSERT(count > 0);
    list_remove(&c->link);
    forget_client(c);
    count--;
    count_open(-1);
}

void crowd_each(void (*call)(struct connection *))
{
    LIST_EACH(node, &connections)
    {
        call(LIST_ENTRY(node, struct connection, link));
    }
}
