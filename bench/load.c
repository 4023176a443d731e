#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/number.h"

enum {
    EVENTS = 256,
    FAILURES_MAX = 1000,
};

static struct epoll_event events[EVENTS];

int load_open(struct load *load)
{
    load->plan.transport.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load->plan.transport.epoll < 0)
        return -errno;
    load->clients = calloc(load->client_count, sizeof(*load->clients));
    load->queue = calloc(load->client_count, sizeof(struct client *));
    if (!load->clients || !load->queue) {
        load_close(load);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < load->client_count; i++) {
        load->clients[i].index = i;
        load->queue[i] = &load->clients[i];
    }
    load->queue_count = load->client_count;
    if (load->plan.streams > 0 &&
        h2_links_open(&load->links, &load->plan, load->clients, load->client_count) != 0) {
        load_close(load);
        return -ENOMEM;
    }
    return 0;
}

void load_close(struct load *load)
{
    for (unsigned i = 0; load->clients && i < load->client_count; i++) {
        transport_end(&load->clients[i].transport);
        free(load->clients[i].varied);
    }
    h2_links_close(&load->links);
    free(load->clients);
    free(load->queue);
    close(load->plan.transport.epoll);
}

static void queue_push(struct load *load, struct client *client)
{
    load->queue[(load->queue_first + load->queue_count) % load->client_count] = client;
    load->queue_count++;
}

static struct client *queue_pop(struct load *load)
{
    struct client *client = load->queue[load->queue_first];
    load->queue_first = (load->queue_first + 1) % load->client_count;
    load->queue_count--;
    return client;
}

static int64_t load_intended_ns(const struct load *load, uint64_t exchange)
{
    return load->start_ns + (int64_t)((double)exchange * 1e9 / load->rate);
}

static enum client_outcome load_begin(struct load *load, struct client *client, int64_t intended_ns)
{
    if (!client->link)
        return client_begin(client, &load->plan, intended_ns);
    h2_link_begin(client, intended_ns);
    return CLIENT_WAITS;
}

static void load_judge(struct load *load, struct client *client, enum client_outcome outcome)
{
    if (outcome == CLIENT_CUT) {
        load->cut++;
        if (load->retries)
            outcome = load_begin(load, client, client->intended_ns);
        else
            client->error = "the connection was cut before the response";
    }
    if (outcome == CLIENT_WAITS)
        return;
    if (outcome == CLIENT_GONE) {
        load->gone++;
        return;
    }
    if (outcome == CLIENT_DONE) {
        histogram_add(&load->times, clock_monotonic_ns() - client->intended_ns);
    } else {
        load->failed++;
        load->error = load->error ? load->error : client->error;
    }
    load->finished++;
    if (!load->once)
        queue_push(load, client);
}

/* Starts what is due. */
static void load_start(struct load *load)
{
    uint64_t due = load->goal;
    int64_t now = clock_monotonic_ns();
    if (load->rate > 0) {
        double passed = (double)(now - load->start_ns) * load->rate / 1e9;
        due = number_min(due, (uint64_t)passed + 1);
    }
    while (load->started < due && load->queue_count > 0 &&
           load->started - load->finished < load->concurrency) {
        int64_t intended = load->rate > 0 ? load_intended_ns(load, load->started) : now;
        struct client *client = queue_pop(load);
        load->started++;
        load_judge(load, client, load_begin(load, client, intended));
    }
}

/* Judges what has ended, starts what is due, and sends it, until all three have nothing to do. Only
 * HTTP/2 gathers. */
static void load_go_on(struct load *load)
{
    struct client *client;
    do {
        while ((client = h2_links_take_done(&load->links)))
            load_judge(load, client, client->outcome);
        load_start(load);
    } while (h2_links_flush(&load->links));
}

static void load_advance(struct load *load, const struct epoll_event *event)
{
    if (load->plan.streams > 0) {
        h2_link_advance(event->data.ptr, event->events);
        return;
    }
    struct client *client = event->data.ptr;
    load_judge(load, client, client_advance(client, &load->plan, event->events));
}

/* Waits for events, no longer than until the next exchange is to start. */
static int load_wait(struct load *load)
{
    int64_t until = load->start_ns + load->timeout_ns;
    if (load->rate > 0 && load->started < load->goal && load->queue_count > 0) {
        int64_t next = load_intended_ns(load, load->started);
        until = next < until ? next : until;
    }
    int64_t left = until - clock_monotonic_ns();
    if (left < 0)
        left = 0;
    struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
    int count = epoll_pwait2(load->plan.transport.epoll, events, EVENTS, &timeout, NULL);
    if (count < 0 && errno != EINTR)
        return -errno;
    return count < 0 ? 0 : count;
}

/* What is on its way when the time is over, or was never started, has failed. */
static void load_give_up(struct load *load)
{
    load->error = load->error ? load->error : "not finished in time";
    load->failed += load->goal - load->finished;
    load->finished = load->goal;
}

int load_run(struct load *load, uint64_t exchanges)
{
    load->times = (struct histogram){ 0 };
    load->started = load->finished = load->failed = load->cut = load->gone = 0;
    load->plan.transport.full = load->plan.transport.resumed = 0;
    load->error = NULL;
    load->goal = exchanges;
    load->start_ns = clock_monotonic_ns();
    load_go_on(load);
    while (load->finished < load->goal) {
        int count = load_wait(load);
        if (count < 0)
            return count;
        for (int i = 0; i < count; i++) {
            load_advance(load, &events[i]);
            load_go_on(load);
        }
        if (count == 0)
            load_go_on(load);
        if (load->failed > FAILURES_MAX || clock_monotonic_ns() - load->start_ns > load->timeout_ns)
            load_give_up(load);
    }
    load->elapsed_ns = clock_monotonic_ns() - load->start_ns;
    return 0;
}

uint64_t load_lost(struct load *load)
{
    uint64_t lost = 0;
    int count = EVENTS;
    while (count == EVENTS) {
        count = epoll_wait(load->plan.transport.epoll, events, EVENTS, 0);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            enum client_outcome outcome = client_advance(client, &load->plan, events[i].events);
            lost += outcome != CLIENT_WAITS;
        }
    }
    return lost;
}
