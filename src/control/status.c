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
                      "\"workers\":%u,\"connections\":%llu}",
                      i ? "," : "", (unsigned long long)g->number,
                      generation_state_name((enum generation_state)g->state), g->pid,
                      (long long)(now - g->started_ms) / 1000, g->slot_count,
                      (unsigned long long)connections_of(f, g));
    }
    writer_byte(w, ']');
}

static void write_workers(struct writer *w, const struct status_facts *f)
{
    bool first = true;
    writer_literal(w, ",\"workers\":[");
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const struct worker_slot *worker = &f->memory->workers->slots[slot];
        const struct worker_counters *c = &f->memory->counters->workers[slot];
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

static void write_log(struct writer *w, const struct status_facts *f)
{
    static struct worker_counters sum;
    uint64_t failures = 0;
    counters_sum(f->memory->counters, &sum);
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        failures += f->memory->sinks->sinks[i].failures;
    writer_format(w,
                  ",\"log\":{\"requests\":%llu,\"written\":%llu,\"dropped\":%llu,"
                  "\"security_written\":%llu,\"security_dropped\":%llu,\"lost_by_sinks\":%llu}",
                  (unsigned long long)sum.requests, (unsigned long long)sum.log_lines_written,
                  (unsigned long long)sum.log_lines_dropped,
                  (unsigned long long)sum.security_lines_written,
                  (unsigned long long)sum.security_lines_dropped, (unsigned long long)failures);
}

void status_write(struct writer *w, const struct status_facts *f)
{
    const struct boot_record *state = f->state;
    struct rlimit files = { 0 };
    (void)getrlimit(RLIMIT_NOFILE, &files);
    writer_literal(w, "{");
    text(w, "version", PORTCULLIS_VERSION);
    writer_format(w, ",\"pid\":%d,\"uptime_s\":%lld,", (int)getpid(),
                  (long long)(clock_wall_ms() - state->started_wall_ms) / 1000);
    text(w, "configuration", state->config_path[0] ? state->config_path : "(command line)");
    writer_byte(w, ',');
    text(w, "state_folder", state->state_folder);
    writer_format(w, ",\"logger_pid\":%d,\"observer_pid\":%d,\"descriptor_limit\":%llu",
                  state->logger_pid, state->observer_pid, (unsigned long long)files.rlim_cur);
    write_listeners(w, state);
    write_generations(w, f);
    write_workers(w, f);
    write_log(w, f);
    if (f->last_reload[0]) {
        writer_format(w, ",\"last_reload\":{\"ok\":%s,", f->last_reload_failed ? "false" : "true");
        text(w, "text", f->last_reload);
        writer_byte(w, '}');
    }
    writer_literal(w, "}\n");
}
