#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "acme/engine.h"
#include "acme/jose.h"
#include "acme/order.h"
#include "acme/request.h"
#include "base/log.h"
#include "base/random.h"

#define REFUSALS_MAX          3  /* of the production directory, until it is rehearsed at staging */
#define TRANSIENT_DOUBLES_MAX 7u /* 1 min · 2^6: an hour, when it is not the CA that refuses */
#define LOOK_AGAIN_MS         (6 * 3600 * 1000ll)
#define LOOK_AGAIN_MIN_MS     60000ll
#define LAST_CHANCES          4 /* at least as many attempts in what is left of a certificate */

static int64_t steady_ms(const struct item *i)
{
    return i->acme->world->now_ms(i->acme->world->context);
}

/* --- What follows ------------------------------------------------------------------------------
 */

static void keep(const struct item *i, const struct record *r)
{
    int result = record_write(&i->acme->store, r);
    if (result != 0)
        log_error("acme: cannot keep the record of %s: %s", r->name, strerror(-result));
}

static void succeed(struct record *r)
{
    r->failures = r->refusals = 0;
    r->failed_challenges = 0;
    r->attempted_ms = r->delay_ms = 0;
    r->error[0] = '\0';
    r->must_renew = r->is_limited = r->rehearses = false;
}

/* From a failure to the next attempt. */
static int64_t delay_of(const struct item *i, const struct record *r, const struct acme_problem *p)
{
    uint32_t failures = r->failures;
    if (!p->type[0] && failures > TRANSIENT_DOUBLES_MAX)
        failures = TRANSIENT_DOUBLES_MAX;
    int64_t delay_ms = renewal_back_off(failures, p->retry_after_s, r->is_limited, random_number());
    int64_t left_ms = i->leaf ? i->not_after_ms - engine_now_ms(i->acme) : 0;
    bool may_hurry = left_ms > 0 && !r->is_limited && p->retry_after_s <= 0;
    if (may_hurry && delay_ms > left_ms / LAST_CHANCES)
        delay_ms =
            left_ms / LAST_CHANCES > LOOK_AGAIN_MIN_MS ? left_ms / LAST_CHANCES : LOOK_AGAIN_MIN_MS;
    return delay_ms;
}

static void fail(struct item *i, struct record *r, const struct acme_problem *p, bool rehearsed)
{
    const struct acme_settings *s = &i->acme->settings->settings;
    r->failures++;
    r->attempted_ms = engine_now_ms(i->acme);
    r->is_limited = acme_problem_is(p, "rateLimited");
    r->delay_ms = delay_of(i, r, p);
    memcpy(r->error, p->text, sizeof r->error);
    bool is_refusal = p->type[0] && !r->is_limited;
    if (is_refusal && !rehearsed && acme_settings_staging(s).len && ++r->refusals >= REFUSALS_MAX)
        r->rehearses = true;
    log_warn("acme: no certificate for %s: %s; attempt %u, the next in %lld seconds%s", r->name,
             r->error, r->failures, (long long)r->delay_ms / 1000,
             r->rehearses ? " at the staging directory" : "");
}

static void conclude(struct item *i, const struct record *r)
{
    keep(i, r);
    engine_refresh(i, r);
}

/* --- An order ----------------------------------------------------------------------------------
 */

static bool is_due(void *context, int64_t date_ms)
{
    struct item *i = context;
    engine_hear_date(i->acme, date_ms);
    i->was_put_off = engine_order_wait_ms(i) > 0;
    if (i->was_put_off)
        log_info("acme: %.*s is not due by the CA's clock", SLICE_ARGUMENTS(i->name));
    return !i->was_put_off;
}

/* The leaf that was installed: its name is what the rest of the record is about from now on. */
static void note_leaf(struct record *r, const struct order *o)
{
    X509 *leaf = request_read_leaf(slice_of(o->client.reply.body, o->client.reply.body_bytes));
    struct writer id = writer_over(r->leaf, sizeof r->leaf - 1);
    if (!leaf || renewal_id(leaf, &id) != 0 || id.overflowed)
        id.len = 0;
    r->leaf[id.len] = '\0';
    memcpy(r->issued_by, o->client.directory_url, sizeof r->issued_by);
    r->moment_ms = r->look_ms = 0;
    r->window = (struct renewal_window){ 0 };
    X509_free(leaf);
}

static void note_success(struct item *i, struct record *r, struct order *o)
{
    if (o->is_rehearsal) {
        i->acme->host.forget_key(i->acme->host.context, slice_from(r->key_name));
        record_end_order(r);
        r->rehearses = false;
        r->refusals = 0;
        r->delay_ms = 0;
        log_info("acme: %s could be proved at the staging directory; production is tried again",
                 r->name);
        return;
    }
    note_leaf(r, o);
    record_end_order(r);
    succeed(r);
    log_info("acme: certificate for %s from %s", r->name, o->client.directory_url);
}

static int run_order(struct item *i, const struct acme_settings *s)
{
    struct acme *a = i->acme;
    struct record r;
    record_read(&a->store, i->name, &r);
    struct order o = { .world = a->world,
                       .host = &a->host,
                       .settings = s,
                       .store = &a->store,
                       .record = &r,
                       .names = i->names,
                       .name_count = i->name_count,
                       .replaces = i->is_issued_here ? i->leaf_id : "",
                       .is_rehearsal = r.rehearses && acme_settings_staging(s).len,
                       .is_due = is_due,
                       .context = i };
    o.directory = o.is_rehearsal ? acme_settings_staging(s) : acme_settings_directory(s);
    int result = order_run(&o);
    if (result == 0 && !i->was_put_off)
        note_success(i, &r, &o);
    else if (result == -ENOMEM)
        acme_problem_say(&o.client.problem, "no memory");
    if (result != 0 && result != -ECANCELED)
        fail(i, &r, &o.client.problem, o.is_rehearsal);
    order_close(&o);
    if (result != -ECANCELED && !i->was_put_off)
        conclude(i, &r);
    return result;
}

/* --- The CA's window ----------------------------------------------------------------------------
 */

static int ask_window(struct item *i, struct acme_client *c, struct renewal_window *ret)
{
    char url[ACME_URL_MAX + RENEWAL_ID_MAX + 2];
    json_t *answer;
    slice base = slice_from(c->renewal_info);
    while (base.len && base.ptr[base.len - 1] == '/')
        base.len--;
    (void)snprintf(url, sizeof url, "%.*s/%s", SLICE_ARGUMENTS(base), i->leaf_id);
    TRY(client_get_json(c, "the renewal window", url, &answer));
    int result = renewal_take_window(answer, ret) == 0
                     ? 0
                     : client_fail(c, "the CA's answer has no renewal window");
    const char *page = json_string_value(json_object_get(answer, "explanationURL"));
    bool is_other = ret->start_ms != i->window.start_ms || ret->end_ms != i->window.end_ms;
    if (result == 0 && is_other)
        log_info("acme: the CA suggests another time to renew %.*s%s%.200s",
                 SLICE_ARGUMENTS(i->name), page ? ": " : "", page ? page : "");
    json_decref(answer);
    return result;
}

/* RFC 9773 §4.3: "Clients MUST … Retry-After"; between a minute and a day, six hours when it is not
 * said. */
static int64_t look_again_ms(const struct acme_client *c, int result)
{
    int64_t asked_s = result == 0 ? c->reply.retry_after_s : c->problem.retry_after_s;
    int64_t again_ms = asked_s >= 0 ? asked_s * 1000 : LOOK_AGAIN_MS;
    if (again_ms > LOOK_AGAIN_MAX_MS)
        again_ms = LOOK_AGAIN_MAX_MS;
    return again_ms < LOOK_AGAIN_MIN_MS ? LOOK_AGAIN_MIN_MS : again_ms;
}

static void take_window(struct item *i, struct record *r, const struct renewal_window *window)
{
    /* The same window keeps its moment: asking again must not draw again. */
    if (window->start_ms == r->window.start_ms && window->end_ms == r->window.end_ms &&
        r->moment_ms)
        return;
    r->window = *window;
    r->moment_ms = renewal_by_window(window, i->not_before_ms, i->not_after_ms, random_number());
}

static int look(struct item *i, const struct acme_settings *s)
{
    struct acme *a = i->acme;
    struct record r;
    struct renewal_window window = { 0 };
    struct acme_client c = {
        .world = a->world, .host = &a->host, .settings = s, .store = &a->store
    };
    acme_problem_clear(&c.problem);
    int result = client_open(&c, acme_settings_directory(s));
    if (result == 0)
        engine_hear_date(a, c.date_ms);
    bool has_windows = result == 0 && c.renewal_info[0];
    if (has_windows)
        result = ask_window(i, &c, &window);
    record_read(&a->store, i->name, &r); /* somebody may have asked to renew meanwhile */
    if (result == 0 && has_windows)
        take_window(i, &r, &window);
    else if (result == 0)
        c.reply.retry_after_s = LOOK_AGAIN_MAX_MS / 1000; /* only the clocks are compared */
    else if (result != -ECANCELED)
        log_info("acme: %s; the last known time to renew %s stays", c.problem.text, r.name);
    if (result != -ECANCELED && strcmp(r.leaf, i->leaf_id) == 0) {
        r.look_ms = engine_now_ms(a) + look_again_ms(&c, result);
        conclude(i, &r);
    }
    client_close(&c);
    return result;
}

void attempt_run(struct item *i)
{
    struct settings_copy *copy = settings_hold(i->acme->settings);
    i->was_put_off = false;
    int64_t order_wait_ms = engine_order_wait_ms(i);
    i->is_ordering = order_wait_ms == 0;
    int result = i->is_ordering ? run_order(i, &copy->settings) : look(i, &copy->settings);
    i->is_ordering = false;
    if (result == -ECANCELED && i->look_ms <= steady_ms(i))
        i->look_ms = steady_ms(i) + LOOK_AGAIN_MIN_MS;
    settings_drop(&copy);
}

/* --- Revocation ---------------------------------------------------------------------------------
 */

static int revoke(struct acme_client *c, X509 *leaf, int reason)
{
    unsigned char *der = NULL;
    int bytes = i2d_X509(leaf, &der);
    size_t room = (size_t)(bytes > 0 ? bytes : 0) * 2 + 64;
    char *memory = bytes > 0 ? malloc(room) : NULL;
    struct writer w = writer_over(memory, memory ? room : 0);
    writer_literal(&w, "{\"certificate\":\"");
    jose_base64url(&w, slice_of((const char *)der, bytes > 0 ? (size_t)bytes : 0));
    writer_format(&w, "\",\"reason\":%d}", reason);
    int result = memory ? client_post(c, "the revocation", c->revoke, writer_slice(&w)) : -ENOMEM;
    free(memory);
    OPENSSL_free(der);
    return result == -EIO && acme_problem_is(&c->problem, "alreadyRevoked") ? 0 : result;
}

int acme_revoke(struct acme *a, slice name, int reason, char why[ACME_ERROR_BYTES])
{
    const struct item *i = engine_find(a, name);
    if (!i || !i->leaf || !a->settings || X509_up_ref(i->leaf) != 1) {
        (void)snprintf(why, ACME_ERROR_BYTES, "there is no certificate of a CA for %.*s",
                       SLICE_ARGUMENTS(name));
        return -ENOENT;
    }
    X509 *leaf = i->leaf; /* until it is done there may be another, and the wish be gone */
    struct settings_copy *copy = settings_hold(a->settings);
    struct acme_client c = {
        .world = a->world, .host = &a->host, .settings = &copy->settings, .store = &a->store
    };
    acme_problem_clear(&c.problem);
    int result = client_open(&c, acme_settings_directory(&copy->settings));
    if (result == 0)
        result = client_account(&c);
    if (result == 0)
        result = revoke(&c, leaf, reason);
    (void)snprintf(why, ACME_ERROR_BYTES, "%s",
                   result == 0      ? ""
                   : result == -EIO ? c.problem.text
                                    : strerror(-result));
    client_close(&c);
    settings_drop(&copy);
    X509_free(leaf);
    return result;
}
