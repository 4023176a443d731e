/* The life of generations, as the supervisor sees it: started, given sockets and slots, in force,
 * draining, gone. A generation that dies leaves workers that go on: it stays in the list as
 * orphaned until the last of them has ended. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/crew.h"
#include "control/keeper.h"
#include "control/sink_files.h"
#include "control/status.h"
#include "control/supervisor_state.h"

#define BACK_OFF_MIN_MS 200
#define BACK_OFF_MAX_MS 30000
#define CALM_MS         (10 * 60 * 1000) /* a generation that lasted that long was a good one */
#define EARLY_END_MS    500              /* from the end of a channel until its process has ended */

struct boot_generation *generations_find(enum generation_state wanted)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        if (supervisor.state.generations[i].state == (int32_t)wanted)
            return &supervisor.state.generations[i];
    return NULL;
}

static void forget(struct boot_generation *g)
{
    uint32_t index = (uint32_t)(g - supervisor.state.generations);
    if (g->channel >= 0)
        close(g->channel);
    if (g->wish_fd)
        close(g->wish_fd);
    supervisor.state.generation_count--;
    memmove(g, g + 1, (supervisor.state.generation_count - index) * sizeof *g);
}

/* The whole group: its workers are in there, whatever shared memory says. */
static void kill_group(const struct boot_generation *g, int number)
{
    if (g->pid > 1)
        (void)kill(-g->pid, number);
}

int generations_start(bool is_upgrade)
{
    int pair[2];
    struct boot_record *state = &supervisor.state;
    if (state->generation_count >= BOOT_GENERATIONS_MAX)
        return -EAGAIN;
    if (is_upgrade)
        TRY(keyholders_prepare_upgrade());
    TRY(message_pair(pair));
    struct boot_record *child = helpers_child_record(pair[1]);
    struct boot_generation *g = &state->generations[state->generation_count];
    *g = (struct boot_generation){ .number = state->next_generation,
                                   .state = GENERATION_LOADING,
                                   .started_ms = clock_monotonic_ms(),
                                   .is_upgrade = is_upgrade };
    child->generation = g->number;
    child->adoption_fd = state->adoption_fd;
    if (is_upgrade)
        memcpy(child->binary, state->binary, sizeof child->binary);
    int keys = keyholders_channel(g, KEYS_OF_GENERATION);
    child->key_channel = keys < 0 ? -1 : keys; /* it asks again then */
    int result = helpers_start("generation", child, pair, &g->pid, &g->channel);
    if (keys >= 0)
        close(keys);
    if (result != 0)
        return result;
    state->next_generation++;
    state->generation_count++;
    log_debug("generation %llu is loading (pid %d)", (unsigned long long)g->number, g->pid);
    return 0;
}

void generations_plan(void)
{
    int64_t now = clock_monotonic_ms();
    if (supervisor.stopping || supervisor.generation_at_ms)
        return;
    if (supervisor.back_off_ms == 0 || now - supervisor.promoted_ms > CALM_MS)
        supervisor.back_off_ms = BACK_OFF_MIN_MS;
    else if (supervisor.back_off_ms < BACK_OFF_MAX_MS / 2)
        supervisor.back_off_ms *= 2;
    else
        supervisor.back_off_ms = BACK_OFF_MAX_MS;
    supervisor.generation_at_ms = now + supervisor.back_off_ms;
}

/* --- Draining --------------------------------------------------------------------------------- */

/* Listeners that somebody accepts from, or will. */
static uint64_t listeners_in_use(void)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        if (supervisor.state.generations[i].state != GENERATION_DRAINING)
            used |= supervisor.state.generations[i].listeners;
    return used;
}

static void drain(struct boot_generation *g)
{
    uint64_t closed = 0, used;
    g->drain_since_ms = clock_monotonic_ms();
    g->drain_ms = supervisor.settings.drain_ms;
    if (g->state == GENERATION_ORPHANED) {
        kill_group(g, supervisor.stopping ? SIGQUIT : SIGTERM);
        g->listeners = 0;
        return;
    }
    g->state = GENERATION_DRAINING;
    used = supervisor.stopping ? 0 : listeners_in_use();
    for (uint32_t i = 0; i < g->listen_count; i++)
        if (!(used & (1ull << g->listens[i])))
            closed |= 1ull << i;
    message_tell(g->channel, MESSAGE_DRAIN, supervisor.stopping, (int64_t)closed);
}

/* It is told to end at once, and killed when it does not. */
static void end_now(struct boot_generation *g)
{
    if (g->kill_at_ms)
        return;
    g->kill_at_ms = clock_monotonic_ms() + QUICK_END_MS;
    if (g->state == GENERATION_ORPHANED || g->state == GENERATION_LOADING)
        kill_group(g, SIGKILL); /* orphans have no ear for it; the other one has no connections */
    else
        message_tell(g->channel, MESSAGE_STOP, 0, 0);
}

static bool is_draining(const struct boot_generation *g)
{
    return g->state == GENERATION_DRAINING ||
           (g->state == GENERATION_ORPHANED && g->drain_since_ms);
}

static void end_oldest(const char *why)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (!is_draining(g) || g->kill_at_ms)
            continue;
        log_warn("generation %llu closes its last connections: %s", (unsigned long long)g->number,
                 why);
        end_now(g);
        return;
    }
}

static void limit_draining(int64_t now)
{
    uint32_t draining = 0;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (!is_draining(g) || g->kill_at_ms)
            continue;
        draining++;
        if (now - g->drain_since_ms <= g->drain_ms)
            continue;
        log_warn("generation %llu closes its last connections: `drain` is over",
                 (unsigned long long)g->number);
        end_now(g);
    }
    if (supervisor.settings.generations_max && draining > supervisor.settings.generations_max)
        end_oldest("more generations are draining than `drain` allows");
}

void generations_stop(bool quickly)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (quickly || g->state == GENERATION_LOADING)
            end_now(g);
        else if (!is_draining(g))
            drain(g);
        else if (g->state == GENERATION_DRAINING) /* its idle connections end soon as well */
            message_tell(g->channel, MESSAGE_DRAIN, 1, 0);
    }
}

/* --- In force, or not ------------------------------------------------------------------------- */

static void upgrade_now(void)
{
    struct boot_record *state = &supervisor.state;
    log_info("upgrade: the new generation serves; executing %s in place", state->binary);
    memcpy(state->tickets, supervisor.loading.numbers, sizeof state->tickets);
    state->ticket_count = supervisor.loading.count;
    int result = boot_become("supervisor", state);
    state->ticket_count = 0;
    char why[PATH_MAX + 128];
    (void)snprintf(why, sizeof why,
                   "the new binary serves, but cannot take the supervisor's place: %s: %s",
                   state->binary, strerror(-result));
    log_error("upgrade: %s", why);
    certificates_replace(); /* by one that has its keys where the new generation has them */
    orders_conclude(false, why);
}

static void put_in_force(struct boot_generation *g)
{
    g->state = GENERATION_CURRENT;
    supervisor.promoted_ms = clock_monotonic_ms();
    supervisor.state.drain_ms = supervisor.settings.drain_ms; /* for an upgrade */
    supervisor.state.drain_generations_max = supervisor.settings.generations_max;
    supervisor.state.run_uid = supervisor.settings.uid;
    supervisor.state.run_gid = supervisor.settings.gid;
    message_tell(g->channel, MESSAGE_SERVE, 0, 0);
    certificates_follow(g);
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *old = &supervisor.state.generations[i];
        if (old != g && !is_draining(old) && old->state != GENERATION_LOADING)
            drain(old);
    }
}

/* In force, with the warnings of `check` behind it: both at once, or nobody knows which it was. */
static void say_in_force(const char *warnings)
{
    static char text[MESSAGE_TEXT_MAX + 1];
    (void)snprintf(text, sizeof text, "the new configuration is in force%s%s",
                   warnings[0] ? "\n" : "", warnings);
    orders_settle(text, NULL);
}

static void promote(struct boot_generation *g, const struct message *m)
{
    bool is_upgrade = g->is_upgrade;
    if (g->state != GENERATION_LOADING || g->kill_at_ms || supervisor.stopping ||
        m->text_length < sizeof supervisor.settings)
        return;
    const char *warnings = m->text + sizeof supervisor.settings;
    memcpy(&supervisor.settings, m->text, sizeof supervisor.settings);
    put_in_force(g);
    keyholders_finish_upgrade(true);
    log_info("generation %llu serves with %u workers", (unsigned long long)g->number,
             g->slot_count);
    helpers_follow();
    supervisor.announced = true;
    if (is_upgrade)
        upgrade_now();
    else
        say_in_force(warnings);
}

/* How the process of a loading generation ended, once its channel has. */
static void describe_early_end(struct boot_generation *g, char *to, size_t room)
{
    for (int waited = 0; !g->has_ended && waited < EARLY_END_MS; waited += 10) {
        if (waitpid(g->pid, &g->end_status, WNOHANG) == g->pid)
            g->has_ended = true;
        else
            (void)poll(NULL, 0, 10);
    }
    if (g->has_ended)
        boot_describe_end(to, room, g->end_status);
    else
        (void)snprintf(to, room, "it closed its channel");
}

static bool has_workers(const struct boot_generation *g)
{
    for (uint32_t i = 0; i < g->slot_count; i++)
        if (supervisor.memory.workers->slots[g->slots[i]].pid > 0)
            return true;
    return false;
}

/* Its workers are ours to reap from now on. */
static void orphan(struct boot_generation *g)
{
    if (g->channel >= 0)
        close(g->channel);
    g->channel = -1;
    if (g->state != GENERATION_DRAINING)
        g->drain_since_ms = 0;
    g->state = GENERATION_ORPHANED;
}

static void loading_ended(struct boot_generation *g)
{
    char how[96], why[192];
    bool told = g->was_told;
    describe_early_end(g, how, sizeof how);
    (void)snprintf(why, sizeof why, "the new generation ended while it was loading: %s", how);
    if (g->is_upgrade)
        keyholders_finish_upgrade(false);
    if (!told)
        kill_group(g, SIGKILL);
    if (has_workers(g))
        orphan(g); /* until they are reaped */
    else
        forget(g);
    if (!told && !supervisor.stopping)
        orders_reject(why);
}

static void ended(struct boot_generation *g)
{
    unsigned long long number = g->number;
    bool was_current = g->state == GENERATION_CURRENT, leaves_workers = has_workers(g);
    if (g->state == GENERATION_LOADING) {
        loading_ended(g);
        return;
    }
    if (leaves_workers)
        orphan(g);
    else
        forget(g);
    if (!was_current || supervisor.stopping) {
        log_info("generation %llu has %s", number,
                 leaves_workers ? "died; its workers finish what they have" : "drained");
        return;
    }
    log_error("generation %llu died; %s", number,
              leaves_workers ? "its workers go on while a fresh one starts"
                             : "no worker serves until a fresh one has started");
    generations_plan();
}

/* --- What a generation asks for --------------------------------------------------------------- */

static void give_listeners(struct boot_generation *g, const struct message *m)
{
    const char *error = "";
    struct listener_wish wish = { .address = m->text,
                                  .use = (enum listener_use)m->detail,
                                  .count = (int)m->number,
                                  .taken = g->listeners };
    const struct boot_listener *l = keeper_listeners(&supervisor.state, &wish, &error);
    if (!l) {
        message_pass(g->channel, message_with_text(MESSAGE_LISTENERS, 0, -EADDRINUSE, "%s", error));
        return;
    }
    uint32_t index = (uint32_t)(l - supervisor.state.listeners);
    struct message *reply = message_with_text(MESSAGE_LISTENERS, 0, 0, "%s", l->bound);
    if (l->use == USE_TRAFFIC) {
        boot_generation_listens(g, index);
        reply->fd_count = l->count;
        memcpy(reply->fds, l->sockets, sizeof(int) * (size_t)l->count);
    }
    g->listeners |= 1ull << index;
    message_pass(g->channel, reply);
}

static bool slot_is_taken(uint32_t slot)
{
    if (supervisor.memory.workers->slots[slot].pid != 0)
        return true;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        for (uint32_t k = 0; k < supervisor.state.generations[i].slot_count; k++)
            if (supervisor.state.generations[i].slots[k] == slot)
                return true;
    return false;
}

static uint32_t find_slots(uint32_t *ret_slots, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX && found < count; slot++)
        if (!slot_is_taken(slot))
            ret_slots[found++] = slot;
    return found;
}

/* Slots of generations that were told to end. */
static uint32_t count_coming_slots(void)
{
    uint32_t coming = 0;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++)
        if (supervisor.state.generations[i].kill_at_ms)
            coming += supervisor.state.generations[i].slot_count;
    return coming;
}

/* All at once, or later: when too many are taken the oldest draining generation has to go. */
static void give_slots(struct boot_generation *g)
{
    uint32_t slots[WORKER_SLOTS_MAX];
    uint32_t found = find_slots(slots, g->slots_wanted);
    if (found < g->slots_wanted) {
        if (found + count_coming_slots() < g->slots_wanted)
            end_oldest("its worker slots are needed");
        return;
    }
    memcpy(g->slots, slots, g->slots_wanted * sizeof slots[0]);
    g->slot_count = g->slots_wanted;
    g->slots_wanted = 0;
    for (uint32_t i = 0; i < g->slot_count; i++)
        clients_clear(supervisor.memory.clients, g->slots[i]);
    struct message *reply = message_with_text(MESSAGE_SLOTS, 0, g->slot_count, "%s", "");
    reply->text_length = (uint32_t)(g->slot_count * sizeof g->slots[0]);
    memcpy(reply->text, g->slots, reply->text_length);
    message_pass(g->channel, reply);
}

static void ask_for_slots(struct boot_generation *g, int64_t count)
{
    if (g->slot_count > 0 || count < 1 || count > WORKER_SLOTS_MAX)
        return;
    g->slots_wanted = (uint32_t)count;
    give_slots(g);
}

static void refuse_loading(struct boot_generation *g, const char *why)
{
    if (g->state != GENERATION_LOADING || g->was_told)
        return;
    g->was_told = true;
    if (!supervisor.stopping)
        orders_reject(why);
}

bool generations_hear(struct boot_generation *g)
{
    struct message *m = &message_in;
    int result = message_receive(g->channel, m);
    if (result == -EAGAIN)
        return true;
    if (result != 0) {
        ended(g);
        return false;
    }
    if (m->kind != MESSAGE_WANT_CERTIFICATES)
        message_close_fds(m);
    switch (m->kind) {
    case MESSAGE_WANT_CERTIFICATES:
        certificates_want(g, m);
        break;
    case MESSAGE_WANT_LISTENERS:
        give_listeners(g, m);
        break;
    case MESSAGE_WANT_SLOTS:
        ask_for_slots(g, m->number);
        break;
    case MESSAGE_WANT_SINK:
        sink_files_want(&supervisor.state, m->number, slice_of(m->text, m->text_length));
        if (g->state != GENERATION_LOADING) /* it was adopted, and lines are waiting */
            supervisor.sinks_at_ms = clock_monotonic_ms();
        break;
    case MESSAGE_WANT_STATUSES:
        certificates_wake();
        break;
    case MESSAGE_WANT_DNS:
        helpers_wake_observer();
        break;
    case MESSAGE_WANT_KEYS:
        keyholders_give(g);
        break;
    case MESSAGE_READY:
        promote(g, m);
        break;
    case MESSAGE_FAILED:
        refuse_loading(g, m->text);
        break;
    case MESSAGE_EXHAUSTED:
        log_error("generation %llu: its workers die too often; a fresh generation starts",
                  (unsigned long long)g->number);
        generations_plan();
        break;
    default:
        log_warn("generation %llu says something unknown (%u)", (unsigned long long)g->number,
                 m->kind);
    }
    return true;
}

/* --- Death ------------------------------------------------------------------------------------ */

void generations_reap(pid_t pid, int status)
{
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (g->pid == pid) {
            g->has_ended = true;
            g->end_status = status;
        }
    }
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++)
        if (supervisor.memory.workers->slots[slot].pid == pid)
            worker_slot_release(&supervisor.memory, slot);
}

/* Orphaned generations whose last worker is gone. */
static void forget_empty_orphans(void)
{
    for (uint32_t i = supervisor.state.generation_count; i-- > 0;) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (g->state != GENERATION_ORPHANED)
            continue;
        bool gone = kill(-g->pid, 0) < 0 && errno == ESRCH;
        for (uint32_t k = 0; k < g->slot_count && gone; k++)
            if (supervisor.memory.workers->slots[g->slots[k]].pid != 0)
                worker_slot_release(&supervisor.memory, g->slots[k]);
        if (!gone && has_workers(g))
            continue;
        log_info("the last worker of generation %llu has ended", (unsigned long long)g->number);
        forget(g);
    }
}

static struct boot_generation *orphaned_by(uint64_t number, pid_t pid)
{
    struct boot_record *state = &supervisor.state;
    for (uint32_t i = 0; i < state->generation_count; i++)
        if (state->generations[i].number == number)
            return &state->generations[i];
    pid_t group = getpgid(pid);
    if (group <= 1 || group == getpgrp() || state->generation_count >= BOOT_GENERATIONS_MAX)
        return NULL;
    struct boot_generation *g = &state->generations[state->generation_count++];
    *g = (struct boot_generation){ .number = number,
                                   .state = GENERATION_ORPHANED,
                                   .started_ms = clock_monotonic_ms(),
                                   .pid = group,
                                   .channel = -1 };
    if (number >= state->next_generation)
        state->next_generation = number + 1;
    return g;
}

void generations_note_orphans(void)
{
    for (uint32_t slot = 0; slot < WORKER_SLOTS_MAX; slot++) {
        const struct worker_slot *s = &supervisor.memory.workers->slots[slot];
        pid_t pid = s->pid;
        if (pid <= 0 || !boot_process_has_name(pid, "pc-worker"))
            continue;
        struct boot_generation *g = orphaned_by(s->generation, pid);
        if (g && g->state == GENERATION_ORPHANED && g->slot_count < WORKER_SLOTS_MAX)
            g->slots[g->slot_count++] = slot;
    }
}

/* --- Time ------------------------------------------------------------------------------------- */

static void limit_loading(int64_t now)
{
    struct boot_generation *g = generations_find(GENERATION_LOADING);
    char why[96];
    if (!g)
        return;
    if (g->slots_wanted)
        give_slots(g);
    if (now - g->started_ms < supervisor.state.load_ms)
        return;
    (void)snprintf(why, sizeof why, "the new generation was not ready within %d s",
                   supervisor.state.load_ms / 1000);
    end_now(g);
    refuse_loading(g, why);
}

void generations_do_what_is_due(int64_t now)
{
    forget_empty_orphans();
    limit_loading(now);
    limit_draining(now);
    keeper_keep_only(&supervisor.state, supervisor.stopping ? 0 : listeners_in_use());
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        struct boot_generation *g = &supervisor.state.generations[i];
        if (!g->kill_at_ms || now < g->kill_at_ms)
            continue;
        log_warn("what is left of generation %llu after %d s is killed",
                 (unsigned long long)g->number, QUICK_END_MS / 1000);
        kill_group(g, SIGKILL);
        g->kill_at_ms = now + QUICK_END_MS;
    }
    if (supervisor.generation_at_ms && now >= supervisor.generation_at_ms) {
        supervisor.generation_at_ms = 0;
        orders_reload(0, false);
    }
}

static void earlier(int64_t *at_ms, int64_t other)
{
    if (*at_ms == 0 || other < *at_ms)
        *at_ms = other;
}

int64_t generations_due_ms(void)
{
    int64_t at_ms = supervisor.generation_at_ms;
    for (uint32_t i = 0; i < supervisor.state.generation_count; i++) {
        const struct boot_generation *g = &supervisor.state.generations[i];
        if (g->kill_at_ms)
            earlier(&at_ms, g->kill_at_ms);
        else if (is_draining(g))
            earlier(&at_ms, g->drain_since_ms + g->drain_ms + 1);
        if (g->state == GENERATION_LOADING)
            earlier(&at_ms, g->started_ms + supervisor.state.load_ms);
        if (g->state == GENERATION_ORPHANED) /* whom an adopted one left are not our children */
            earlier(&at_ms, clock_monotonic_ms() + RETRY_MS);
    }
    return at_ms;
}
