#include "acme/acme.h"

#include <errno.h>
#include <stdlib.h>

#include "acme/engine.h"
#include "acme/request.h"
#include "base/log.h"
#include "base/siphash.h"
#include "runtime/loop.h"

#define CLOCK_TOLERANCE_MS                                                                         \
    (10 * 60 * 1000ll) /* the CA's clock and ours are the same within that                         \
                        */
#define JUMP_MS 60000ll

/* --- Settings ----------------------------------------------------------------------------------
 */

struct settings_copy *settings_hold(struct settings_copy *c)
{
    c->references++;
    return c;
}

void settings_drop(struct settings_copy **c)
{
    if (*c && --(*c)->references == 0) {
        arena_close(&(*c)->arena);
        free(*c);
    }
    *c = NULL;
}

static bool are_same(const struct acme_settings *x, const struct acme_settings *y)
{
    char text[2][ACME_SETTINGS_BYTES];
    struct writer w[2] = { writer_over(text[0], sizeof text[0]),
                           writer_over(text[1], sizeof text[1]) };
    acme_settings_write(x, &w[0]);
    acme_settings_write(y, &w[1]);
    bool same = slice_equal(writer_slice(&w[0]), writer_slice(&w[1]));
    explicit_bzero(text, sizeof text);
    return same;
}

/* What stood in the way may have been changed: what failed is tried again at once, unless the CA
 * has had enough of us. */
static void take_settings(struct acme *a, struct settings_copy **copy)
{
    if (a->settings && are_same(&a->settings->settings, &(*copy)->settings))
        return;
    settings_drop(&a->settings);
    a->settings = settings_hold(*copy);
    for (uint32_t i = 0; i < a->item_count; i++) {
        struct record r;
        record_read(&a->store, a->items[i]->name, &r);
        engine_refresh(a->items[i], &r);
        if (!r.is_limited)
            a->items[i]->retry_ms = 0;
    }
    event_signal_all(&a->has_work);
}

int acme_configure(struct acme *a, const struct acme_settings *settings)
{
    char *memory = malloc(ACME_SETTINGS_BYTES);
    struct writer w = writer_over(memory, memory ? ACME_SETTINGS_BYTES : 0);
    struct settings_copy *copy = calloc(1, sizeof *copy);
    int result = memory && copy ? 0 : -ENOMEM;
    if (result == 0) {
        copy->references = 1;
        arena_open(&copy->arena, NULL, 0, 4096, 2 * ACME_SETTINGS_BYTES);
        acme_settings_write(settings, &w);
        result = w.overflowed ? -EMSGSIZE
                              : acme_settings_read(writer_slice(&w), &copy->arena, &copy->settings);
    }
    if (memory)
        explicit_bzero(memory, ACME_SETTINGS_BYTES);
    free(memory);
    if (result == 0)
        take_settings(a, &copy);
    settings_drop(&copy);
    return result;
}

/* --- Time --------------------------------------------------------------------------------------
 */

static int64_t steady_ms(const struct acme *a)
{
    return a->world->now_ms(a->world->context);
}

int64_t engine_now_ms(const struct acme *a)
{
    int64_t wall_ms = a->world->wall_ms(a->world->context);
    if (!a->ca_ms)
        return wall_ms;
    int64_t ca_ms = a->ca_ms + (steady_ms(a) - a->ca_at_ms);
    int64_t apart_ms = ca_ms > wall_ms ? ca_ms - wall_ms : wall_ms - ca_ms;
    return apart_ms < CLOCK_TOLERANCE_MS ? wall_ms : ca_ms;
}

void engine_note_clock(struct acme *a)
{
    int64_t wall_ms = a->world->wall_ms(a->world->context), now_ms = steady_ms(a);
    int64_t jump_ms = wall_ms - a->wall_ms - (now_ms - a->wall_at_ms);
    if (a->wall_ms && (jump_ms > JUMP_MS || jump_ms < -JUMP_MS)) {
        log_warn("acme: the clock jumped %lld seconds %s; the CA's is asked before anything is "
                 "ordered",
                 (long long)(jump_ms < 0 ? -jump_ms : jump_ms) / 1000,
                 jump_ms < 0 ? "back" : "forward");
        a->ca_ms = 0;
    }
    a->wall_ms = wall_ms;
    a->wall_at_ms = now_ms;
}

void engine_hear_date(struct acme *a, int64_t date_ms)
{
    if (!date_ms)
        return;
    int64_t before_ms = engine_now_ms(a), wall_ms = a->world->wall_ms(a->world->context);
    a->ca_ms = date_ms;
    a->ca_at_ms = steady_ms(a);
    int64_t moved_ms = engine_now_ms(a) - before_ms;
    if (moved_ms > CLOCK_TOLERANCE_MS || moved_ms < -CLOCK_TOLERANCE_MS)
        log_warn("acme: the clock of this machine is %lld seconds from the CA's; the CA's counts "
                 "for renewals",
                 (long long)(wall_ms - date_ms) / 1000);
}

/* --- When --------------------------------------------------------------------------------------
 */

static int64_t until(int64_t moment_ms, int64_t now_ms)
{
    return moment_ms > now_ms ? moment_ms - now_ms : 0;
}

int64_t engine_order_wait_ms(const struct item *i)
{
    int64_t wait_ms = 0;
    bool has_reason = i->must_renew || i->has_order || i->is_from_staging;
    if (i->leaf && i->covers_names && !has_reason)
        wait_ms = until(i->moment_ms, engine_now_ms(i->acme));
    int64_t retry_ms = i->retry_ms ? until(i->retry_ms, steady_ms(i->acme)) : 0;
    return wait_ms > retry_ms ? wait_ms : retry_ms;
}

int64_t engine_wait_ms(const struct item *i)
{
    int64_t wait_ms = engine_order_wait_ms(i);
    if (i->leaf && i->is_issued_here) {
        int64_t look_ms = until(i->look_ms, steady_ms(i->acme));
        wait_ms = look_ms < wait_ms ? look_ms : wait_ms;
    }
    return wait_ms;
}

/* --- Items -------------------------------------------------------------------------------------
 */

void engine_free_item(struct item *i)
{
    X509_free(i->leaf);
    free(i->error);
    free(i->names);
    free(i);
}

/* Its name, the names and their texts in one piece. */
static struct item *make_item(struct acme *a, const struct acme_wish *wish)
{
    size_t bytes = wish->name.len + wish->name_count * sizeof(slice);
    for (uint32_t k = 0; k < wish->name_count; k++)
        bytes += wish->names[k].len;
    struct item *i = calloc(1, sizeof *i);
    slice *names = calloc(1, bytes + 1);
    if (!i || !names) {
        free(i);
        free(names);
        return NULL;
    }
    struct writer w =
        writer_over(names + wish->name_count, bytes - wish->name_count * sizeof(slice));
    for (uint32_t k = 0; k < wish->name_count; k++) {
        names[k] = slice_of(w.ptr + w.len, wish->names[k].len);
        writer_slice_add(&w, wish->names[k]);
    }
    i->name = slice_of(w.ptr + w.len, wish->name.len);
    writer_slice_add(&w, wish->name);
    i->names = names;
    i->name_count = wish->name_count;
    i->acme = a;
    return i;
}

static void set_leaf(struct item *i, X509 *leaf)
{
    if (i->leaf && leaf && X509_cmp(i->leaf, leaf) == 0)
        return;
    X509_free(i->leaf);
    i->leaf = NULL;
    if (leaf && renewal_lifetime(leaf, &i->not_before_ms, &i->not_after_ms) == 0 &&
        X509_up_ref(leaf) == 1)
        i->leaf = leaf;
}

/* Deterministic, so that nothing has to be kept: certificates differ in their numbers. */
static uint64_t chance_of(const struct item *i)
{
    static const struct siphash_key no_secret = { 0 };
    return siphash(&no_secret, i->leaf_id, strlen(i->leaf_id));
}

static void note_error(struct item *i, const char *error)
{
    free(i->error);
    i->error = error[0] ? strdup(error) : NULL;
}

static void refresh_leaf(struct item *i, const struct record *r)
{
    struct writer id = writer_over(i->leaf_id, sizeof i->leaf_id - 1);
    if (renewal_id(i->leaf, &id) != 0 || id.overflowed)
        id.len = 0;
    i->leaf_id[id.len] = '\0';
    bool is_known = id.len && strcmp(r->leaf, i->leaf_id) == 0;
    slice issued_by = slice_from(is_known ? r->issued_by : "");
    slice directory =
        i->acme->settings ? acme_settings_directory(&i->acme->settings->settings) : SLICE("");
    i->is_issued_here = is_known && slice_equal(issued_by, directory);
    i->is_from_staging = !i->is_issued_here && slice_equal(issued_by, SLICE(ACME_STAGING_URL));
    i->window = is_known ? r->window : (struct renewal_window){ 0 };
    i->moment_ms = is_known && r->moment_ms
                       ? r->moment_ms
                       : renewal_by_lifetime(i->not_before_ms, i->not_after_ms, chance_of(i));
    i->covers_names = request_covers(i->leaf, i->names, i->name_count);
    int64_t look_ms = is_known ? until(r->look_ms, engine_now_ms(i->acme)) : 0;
    if (look_ms > LOOK_AGAIN_MAX_MS)
        look_ms = LOOK_AGAIN_MAX_MS; /* the clock went back meanwhile */
    i->look_ms = steady_ms(i->acme) + look_ms;
}

void engine_refresh(struct item *i, const struct record *r)
{
    int64_t now_ms = engine_now_ms(i->acme), wait_ms = 0;
    i->has_order = r->order[0] != '\0';
    i->must_renew = r->must_renew;
    i->rehearses = r->rehearses;
    i->failures = r->failures;
    note_error(i, r->error);
    if (r->failures)
        wait_ms = until(r->attempted_ms + r->delay_ms, now_ms);
    if (wait_ms > r->delay_ms)
        wait_ms = r->delay_ms; /* the clock went back since */
    i->retry_ms = wait_ms ? steady_ms(i->acme) + wait_ms : 0;
    i->leaf_id[0] = '\0';
    if (i->leaf)
        refresh_leaf(i, r);
}

static int compare_items(const void *a, const void *b)
{
    return slice_compare((*(struct item *const *)a)->name, (*(struct item *const *)b)->name);
}

struct item *engine_find(const struct acme *a, slice name)
{
    struct item key = { .name = name };
    const struct item *wanted = &key;
    struct item **found =
        a->item_count ? bsearch(&wanted, a->items, a->item_count, sizeof *a->items, compare_items)
                      : NULL;
    return found ? *found : NULL;
}

static bool wants_same(const struct item *i, const struct acme_wish *wish)
{
    bool same = i->name_count == wish->name_count;
    for (uint32_t k = 0; same && k < wish->name_count; k++)
        same = slice_equal(i->names[k], wish->names[k]);
    return same;
}

/* Those that the new list does not have. One that is being worked on goes when that has ended. */
static void leave(struct acme *a)
{
    for (uint32_t k = 0; k < a->item_count; k++) {
        struct item *i = a->items[k];
        if (i->is_wanted)
            continue;
        if (i->is_running)
            list_push_back(&a->leaving, &i->link);
        else
            engine_free_item(i);
    }
    free(a->items);
}

static struct item *want_one(struct acme *a, const struct acme_wish *wish)
{
    struct record r;
    struct item *i = engine_find(a, wish->name);
    bool is_kept = i && wants_same(i, wish);
    if (!is_kept)
        i = make_item(a, wish);
    if (!i)
        return NULL;
    bool is_other_leaf = !is_kept || (i->leaf != wish->leaf &&
                                      (!i->leaf || !wish->leaf || X509_cmp(i->leaf, wish->leaf)));
    if (is_other_leaf) {
        set_leaf(i, wish->leaf);
        record_read(&a->store, i->name, &r);
        engine_refresh(i, &r);
    }
    return i;
}

int acme_want(struct acme *a, const struct acme_wish *wishes, uint32_t count)
{
    if (count > ACME_CERTIFICATES_MAX)
        return -E2BIG;
    struct item **items = calloc(count + 1, sizeof *items);
    int result = items ? 0 : -ENOMEM;
    for (uint32_t k = 0; result == 0 && k < count; k++) {
        items[k] = want_one(a, &wishes[k]);
        result = items[k] ? 0 : -ENOMEM;
    }
    if (result != 0) { /* as it was, but for what is new */
        for (uint32_t k = 0; items && k < count && items[k]; k++)
            if (engine_find(a, items[k]->name) != items[k])
                engine_free_item(items[k]);
        free(items);
        return result;
    }
    for (uint32_t k = 0; k < a->item_count; k++)
        a->items[k]->is_wanted = false;
    for (uint32_t k = 0; k < count; k++)
        items[k]->is_wanted = true;
    leave(a);
    qsort(items, count, sizeof *items, compare_items);
    a->items = items;
    a->item_count = count;
    event_signal_all(&a->has_work);
    return 0;
}

/* --- Work --------------------------------------------------------------------------------------
 */

static void run_attempt(void *argument)
{
    struct item *i = argument;
    struct acme *a = i->acme;
    attempt_run(i); /* what came of it is in the item */
    i->is_running = false;
    a->running--;
    if (a->host.changed && i->is_wanted)
        a->host.changed(a->host.context, i->name);
    if (!i->is_wanted) {
        list_remove(&i->link);
        engine_free_item(i);
    }
    event_signal_all(&a->has_work);
}

static bool start(struct item *i)
{
    i->is_running = true;
    if (bundle_start(&i->acme->attempts, "acme", run_attempt, i) != 0) {
        i->is_running = false;
        return false;
    }
    i->acme->running++;
    return true;
}

/* An earlier wish of that name is still being worked on: both have one record. */
static bool is_leaving(const struct acme *a, slice name)
{
    LIST_EACH(node, &a->leaving)
    if (slice_equal(LIST_ENTRY(node, struct item, link)->name, name))
        return true;
    return false;
}

/* Starts what is due and has room. How long until the next. */
static int64_t start_due(struct acme *a)
{
    int64_t next_ms = ENGINE_LOOK_MS;
    for (uint32_t k = 0; k < a->item_count; k++) {
        struct item *i = a->items[k];
        if (i->is_running || is_leaving(a, i->name))
            continue;
        int64_t wait_ms = engine_wait_ms(i);
        if (wait_ms == 0 && (a->running >= ACME_ORDERS_MAX || start(i)))
            continue; /* whoever ends makes room, and says so */
        next_ms = wait_ms < next_ms ? wait_ms : next_ms;
    }
    return next_ms > 1000 ? next_ms : 1000;
}

void acme_run(void *acme)
{
    struct acme *a = acme;
    int result = 0;
    while (result != -ECANCELED) {
        engine_note_clock(a);
        bool is_on = a->settings && a->settings->settings.is_on;
        int64_t next_ms = is_on ? start_due(a) : ENGINE_LOOK_MS;
        result = event_wait(&a->has_work, loop_now_ms() + next_ms);
    }
    bundle_end(&a->attempts);
}

int acme_renew(struct acme *a, slice name)
{
    struct item *i = engine_find(a, name);
    if (!i)
        return -ENOENT;
    if (i->is_ordering)
        return -EBUSY; /* it comes anyway */
    struct record r;
    record_read(&a->store, name, &r);
    r.must_renew = true;
    int result = record_write(&a->store, &r);
    if (result != 0)
        return result;
    engine_refresh(i, &r);
    i->retry_ms = 0;
    event_signal_all(&a->has_work);
    return 0;
}

int acme_tell(const struct acme *a, slice name, struct acme_report *ret)
{
    const struct item *i = engine_find(a, name);
    if (!i)
        return -ENOENT;
    int64_t wait_ms = engine_order_wait_ms(i);
    const struct acme_settings *s = a->settings ? &a->settings->settings : NULL;
    *ret = (struct acme_report){
        .state = i->is_running ? ACME_ORDERING
                 : i->failures ? ACME_FAILED
                               : ACME_WAITING,
        .next_ms = wait_ms ? engine_now_ms(a) + wait_ms : 0,
        .failures = i->failures,
        .is_staging = s && (i->rehearses || s->is_staging),
        .directory = !s             ? SLICE("")
                     : i->rehearses ? acme_settings_staging(s)
                                    : acme_settings_directory(s),
        .error = slice_from(i->error),
        .why = i->failures          ? "the last attempt failed"
               : !i->leaf           ? "there is no certificate yet"
               : !i->covers_names   ? "the names have changed"
               : i->is_from_staging ? "the certificate is from the staging directory"
               : i->window.end_ms   ? "the CA's renewal window"
                                    : "two thirds of its lifetime",
    };
    return 0;
}

/* --- Life --------------------------------------------------------------------------------------
 */

int engine_open(const struct acme_host *host, const char *folder, const struct acme_world *world,
                struct acme **ret)
{
    struct acme *a = calloc(1, sizeof *a);
    if (!a)
        return -ENOMEM;
    a->host = *host;
    a->world = world;
    bundle_open(&a->attempts);
    event_init(&a->has_work);
    list_open(&a->leaving);
    int result = store_open(&a->store, folder);
    if (result != 0) {
        free(a);
        return result;
    }
    *ret = a;
    return 0;
}

int acme_open(const struct acme_host *host, const char *folder, struct acme **ret)
{
    return engine_open(host, folder, &acme_machine, ret);
}

void acme_close(struct acme **a)
{
    if (!*a)
        return;
    for (uint32_t k = 0; k < (*a)->item_count; k++)
        engine_free_item((*a)->items[k]);
    free((*a)->items);
    settings_drop(&(*a)->settings);
    store_close(&(*a)->store);
    free(*a);
    *a = NULL;
}
