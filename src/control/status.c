#include "control/status.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/message.h"

const char *generation_state_name(enum generation_state s)
{
    static const char *const names[] = { "loading", "current", "draining", "orphaned" };
    return names[s];
}

static void text(struct writer *w, const char *key, const char *value)
{
    writer_format(w, "\"%s\":\"", key);
    writer_json(w, slice_from(value));
    writer_literal(w, "\"");
}

static void write_listeners(struct writer *w, const struct boot_record *state)
{
    static const char *const uses[] = { "traffic", "metrics", "admin" };
    const char *separator = "{";
    writer_literal(w, ",\"listeners\":[");
    for (uint32_t i = 0; i < state->listener_count; i++) {
        const struct boot_listener *l = &state->listeners[i];
        if (!l->wanted[0])
            continue;
        writer_text(w, separator);
        separator = ",{";
        text(w, "address", l->bound);
        writer_byte(w, ',');
        text(w, "configured", l->wanted);
        writer_byte(w, ',');
        text(w, "use", uses[l->use]);
        writer_format(w, ",\"sockets\":%d}", l->count);
    }
    writer_byte(w, ']');
}

static uint64_t connections_of(const struct status_facts *f, const struct boot_generation *g)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < g->slot_count; i++)
        total += f->memory->counters->workers[g->slots[i]].connections_open;
    return total;
}

static void write_generations(struct writer *w, const struct status_facts *f)
{
    const struct boot_record *state = f->state;
    int64_t now = clock_monotonic_ms();
    writer_literal(w, ",\"generations\":[");
    for (uint32_t i = 0; i < state->generation_count; i++) {
        const struct boot_generation *g = &state->generations[i];
        writer_format(w,
                      "%s{\"number\":%llu,\"state\":\"%s\",\"pid\":%d,\"age_s\":%lld,"
                      "\"workers\":%u,\"connections\":%llu",
                      i ? "," : "", (unsigned long long)g->number,
                      generation_state_name((enum generation_state)g->state), g->pid,
                      (long long)(now - g->started_ms) / 1000, g->slot_count,
                      (unsigned long long)connections_of(f, g));
        if (g->state == GENERATION_DRAINING)
            writer_format(w, ",\"draining_s\":%lld", (long long)(now - g->drain_since_ms) / 1000);
        writer_byte(w, '}');
    }
    writer_byte(w, ']');
}

void status_write_supervisor(struct writer *w, const struct status_facts *f)
{
    const struct boot_record *state = f->state;
    struct rlimit files = { 0 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    text(w, "version", PORTCULLIS_VERSION);
    writer_format(w, ",\"pid\":%d,\"uptime_s\":%lld,", (int)getpid(),
                  (long long)(clock_wall_ms() - state->started_wall_ms) / 1000);
    text(w, "configuration", state->config_path[0] ? state->config_path : "(command line)");
    writer_byte(w, ',');
    text(w, "state_folder", state->state_folder);
    writer_byte(w, ',');
    text(w, "storage_folder", state->storage_folder);
    writer_format(w,
                  ",\"logger_pid\":%d,\"observer_pid\":%d,\"certifier_pid\":%d,"
                  "\"descriptor_limit\":%llu",
                  state->logger_pid, state->observer_pid, state->certifier_pid,
                  (unsigned long long)files.rlim_cur);
    if (f->last_reload[0]) {
        writer_format(w, ",\"last_reload\":{\"ok\":%s,", f->last_reload_failed ? "false" : "true");
        text(w, "text", f->last_reload);
        writer_byte(w, '}');
    }
    write_generations(w, f);
    write_listeners(w, state);
}

/* --- From shared memory ----------------------------------------------------------------------- */

static void write_workers(struct writer *w, const struct shared_memory *m)
{
    bool first = true;
    writer_literal(w, "\"workers\":[");
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const struct worker_slot *worker = &m->workers->slots[slot];
        const struct worker_counters *c = &m->counters->workers[slot];
        if (worker->pid == 0)
            continue;
        writer_format(w,
                      "%s{\"pid\":%d,\"slot\":%u,\"index\":%u,\"generation\":%llu,"
                      "\"connections\":%llu,\"idle\":%llu,\"requests\":%llu,\"restarts\":%u}",
                      first ? "" : ",", worker->pid, slot, worker->index,
                      (unsigned long long)worker->generation,
                      (unsigned long long)c->connections_open,
                      (unsigned long long)c->connections_idle, (unsigned long long)c->requests,
                      worker->restarts);
        first = false;
    }
    writer_byte(w, ']');
}

static uint64_t oldest_generation(const struct shared_memory *m)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (m->workers->slots[slot].pid > 0 && m->workers->slots[slot].generation < oldest)
            oldest = m->workers->slots[slot].generation;
    return oldest;
}

/* Servers of the generations that live. */
static void write_servers(struct writer *w, const struct shared_memory *m,
                          const struct worker_counters *sum)
{
    uint64_t oldest = oldest_generation(m);
    bool first = true;
    writer_literal(w, ",\"servers\":[");
    for (uint32_t i = 0; i < COUNTER_SERVERS_MAX; i++) {
        const struct counter_row *row = &m->counters->server_rows[i];
        const struct server_counters *s = &sum->servers[i];
        bool is_other = i == COUNTER_SERVERS_MAX - 1;
        if (is_other ? s->requests == 0 : row->hash == 0 || row->generation < oldest)
            continue;
        writer_text(w, first ? "{\"server\":\"" : ",{\"server\":\"");
        writer_json(w, is_other ? SLICE("(other)")
                                : slice_of(row->name, strnlen(row->name, sizeof row->name)));
        writer_format(w,
                      "\",\"in_flight\":%llu,\"idle\":%llu,\"requests\":%llu,\"connects\":%llu,"
                      "\"connect_failures\":%llu,\"reused\":%llu,\"failures\":%llu}",
                      (unsigned long long)s->in_flight, (unsigned long long)s->idle,
                      (unsigned long long)s->requests, (unsigned long long)s->connects,
                      (unsigned long long)s->connect_failures, (unsigned long long)s->reused,
                      (unsigned long long)s->failures);
        first = false;
    }
    writer_byte(w, ']');
}

static void write_log(struct writer *w, const struct shared_memory *m,
                      const struct worker_counters *sum)
{
    bool first = true;
    writer_format(w, ",\"log\":{\"exchanges\":%llu", (unsigned long long)sum->requests);
    for (unsigned i = 0; i < LOG_CHANNELS; i++)
        writer_format(
            w, ",\"%s\":{\"offered\":%llu,\"dropped\":%llu}", log_channel_name((enum log_channel)i),
            (unsigned long long)sum->logs[i].written, (unsigned long long)sum->logs[i].dropped);
    writer_literal(w, ",\"files\":[");
    for (uint32_t i = 0; i < SINKS_MAX; i++) {
        const struct sink_entry *e = &m->sinks->sinks[i];
        if (!e->is_set)
            continue;
        writer_text(w, first ? "{\"path\":\"" : ",{\"path\":\"");
        writer_json(w, slice_of(e->path, strnlen(e->path, SINK_PATH_MAX)));
        writer_format(w, "\",\"written\":%llu,\"lost\":%llu,\"bytes\":%llu}",
                      (unsigned long long)e->lines, (unsigned long long)e->failures,
                      (unsigned long long)e->bytes);
        first = false;
    }
    writer_literal(w, "]}");
}

static void write_totals(struct writer *w, const struct worker_counters *sum)
{
    writer_format(
        w,
        ",\"connections\":{\"open\":%llu,\"idle\":%llu,\"tunnels\":%llu,"
        "\"accepted\":%llu,\"refused\":%llu},"
        "\"origin_connections\":{\"open\":%llu,\"idle\":%llu}",
        (unsigned long long)sum->connections_open, (unsigned long long)sum->connections_idle,
        (unsigned long long)sum->tunnels_open, (unsigned long long)sum->connections_accepted,
        (unsigned long long)(sum->connections_refused_total + sum->connections_refused_client +
                             sum->connections_refused_resources),
        (unsigned long long)sum->upstream_open, (unsigned long long)sum->upstream_idle);
}

void status_write_shared(struct writer *w, const struct shared_memory *m)
{
    static struct worker_counters sum;
    counters_sum(m->counters, &sum);
    write_workers(w, m);
    write_totals(w, &sum);
    write_servers(w, m, &sum);
    write_log(w, m, &sum);
}
