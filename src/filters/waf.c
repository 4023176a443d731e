/* `waf`: requests and responses before SecLang rules. A request's body is held until the verdict,
 * and a response's of the types that are inspected; nothing reaches the other side before. Streams
 * are not held: gRPC calls to origins that take them, WebSocket. */
#include "filters/waf.h"

#include <errno.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/panic.h"
#include "filters/filters.h"
#include "filters/waf_class.h"
#include "filters/waf_collections.h"
#include "filters/waf_judge.h"
#include "filters/waf_lists.h"
#include "proxy/connection.h"
#include "proxy/deliver.h"
#include "proxy/gate_state.h"
#include "proxy/grpc.h"
#include "proxy/held_body.h"
#include "proxy/upload.h"
#include "proxy/waf_settings.h"
#include "runtime/fiber.h"

#define ARENA_BLOCK_BYTES (16u << 10)
#define ARENA_BYTES_BASE  (16u << 20)
#define ARENA_PER_BODY    40u /* copies of a body as transformations make them */
#define FREED_AT_ONCE     (1u << 20)
#define STEPS_PER_MS      1000000ull
#define NS_PER_MS         1000000
/* Files in forms are walked through at a constant cost for each byte, 1 to 3 ns and many times that
 * on a slow processor: what `limits body` lets in is not for the budget to refuse. The steps bound
 * the work, the time is wide. */
#define FILES_STEPS_PER_MIB 8000000ull
#define FILES_MS_PER_MIB    50
/* All questions of one exchange to lists in the DNS wait so long together. */
#define LISTS_MS 1000

/* --- Time ------------------------------------------------------------------------------------- */

static int64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void clock_start(struct waf_exchange *w)
{
    w->began_ns = clock_monotonic_ns();
}

/* Others have the processor from here on … */
static void clock_stop(struct waf_exchange *w)
{
    w->spent_ns += clock_monotonic_ns() - w->began_ns;
    w->began_ns = 0;
    if (w->cpu_ns)
        w->cpu_used_ns += cpu_now_ns() - w->cpu_ns;
    w->cpu_ns = 0;
}

/* … to here, after a pause. Without one the budget is not near, and the processor's time dear. */
static void come_back(struct waf_exchange *w)
{
    clock_start(w);
    w->cpu_ns = cpu_now_ns();
}

/* The engine has worked for a while: others first, when the budget allows to go on at all. */
static bool pause(void *context)
{
    struct waf_exchange *w = context;
    clock_stop(w);
    w->is_over = w->cpu_used_ns > w->cpu_max_ns;
    int result = w->is_over ? -ECANCELED : fiber_yield();
    come_back(w);
    return result == 0;
}

/* A rule asks a list in the DNS. The log line does not wait for what is not known yet. */
static int find_on_list(struct waf_lists *lists, const struct list_question *question,
                        uint8_t ret_address[4])
{
    struct waf_exchange *w = CONTAINER_OF(lists, struct waf_exchange, lists);
    int result = waf_list_find(question, ret_address);
    if (result != -EAGAIN)
        return result;
    if (w->is_last_phase)
        return 0;
    int64_t began_ms = loop_now_ms();
    clock_stop(w);
    result = waf_list_ask(question, began_ms + w->lists_ms, ret_address);
    come_back(w);
    w->lists_ms -= loop_now_ms() - began_ms;
    return result;
}

/* So much more may be spent. */
static void grant(struct waf_exchange *w, int64_t ms, uint64_t steps)
{
    w->cpu_max_ns += ms * NS_PER_MS;
    work_grant(&w->work, steps);
}

/* --- Verdicts --------------------------------------------------------------------------------- */

static enum verdict refuse(struct exchange *x, uint16_t status, const char *reason,
                           const char *text)
{
    (void)exchange_refuse(x, FAULT_POLICY, status, reason, text);
    x->failure.where = x->waf->settings->where;
    return ANSWERED;
}

static enum verdict give_up(struct waf_exchange *w, const char *reason)
{
    w->is_given_up = true;
    w->unjudged = reason;
    return NEXT;
}

/* Memory is what was lacking: of all exchanges together, of this one, or of the machine. */
static enum verdict refuse_for_memory(struct exchange *x, enum arena_refusal why)
{
    bool is_enforcing = waf_is_enforced(x->waf->settings);
    switch (why) {
    case ARENA_PURSE_EMPTY:
        return is_enforcing
                   ? refuse(x, 503, "limits.held", "no memory for the rules within `limits held`")
                   : give_up(x->waf, "limits.held");
    case ARENA_AT_LIMIT:
        return is_enforcing
                   ? refuse(x, 413, "waf.body",
                            "what the rules make of the body takes more memory than one exchange "
                            "may have")
                   : give_up(x->waf, "waf.body");
    case ARENA_NOT_REFUSED:
    case ARENA_NO_MEMORY:
        break;
    }
    if (!is_enforcing)
        return give_up(x->waf, "resources.memory");
    (void)exchange_refuse(x, FAULT_OURS, 503, "resources.memory", "out of memory");
    return BROKEN;
}

/* A body does not fit into what all of them may hold. */
static enum verdict refuse_for_room(struct exchange *x)
{
    return waf_is_enforced(x->waf->settings)
               ? refuse(x, 503, "limits.held",
                        "no room for the body within `limits held` and `buffered`")
               : give_up(x->waf, "limits.held");
}

static enum verdict refuse_over_budget(struct exchange *x)
{
    struct waf_exchange *w = x->waf;
    const struct rule *rule = waf_current_rule(w->transaction);
    if (w->settings->budget_passes || !waf_is_enforced(w->settings)) {
        w->spent_by = rule ? rule->id : 0;
        return give_up(w, "waf.budget");
    }
    char *memory = arena_take(&x->arena, 160);
    struct writer text = writer_over(memory, memory ? 159 : 0);
    writer_literal(&text, "judging took more than `budget` allows; ");
    if (rule)
        writer_format(&text, "rule %u was at work", rule->id);
    else
        writer_literal(&text, "a body was being read");
    return refuse(x, 403, "waf.budget", memory ? memory : "judging took more than `budget` allows");
}

/* What became of a call into the engine, besides 0. */
static enum verdict break_off(struct exchange *x, int result)
{
    if (result == -EDQUOT || (result == -ECANCELED && x->waf && x->waf->is_over))
        return refuse_over_budget(x);
    if (result == -ENOMEM)
        return refuse_for_memory(x, x->waf->arena.refused);
    if (result == -ENOBUFS)
        return refuse_for_room(x);
    return BROKEN; /* refused, or cancelled */
}

static enum verdict redirect(struct exchange *x, const struct waf_decision *d)
{
    answer_begin(x, (uint16_t)(d->status ? d->status : 302));
    if (answer_add(x, SLICE("Location"), d->location) == 0)
        return ANSWERED;
    x->answer.is_set = false;
    return refuse(x, 403, "waf.rule", "a rule redirects, and its location does not fit");
}

/* In words: which kind of attack, by which rules, with which score. */
static enum verdict refuse_by_rule(struct exchange *x, const struct waf_decision *d)
{
    const struct waf_transaction *t = x->waf->transaction;
    struct waf_class class = waf_class_of(t, d);
    char *memory = arena_take(&x->arena, WAF_CLASS_TEXT_BYTES);
    if (memory)
        waf_class_describe(t, d, &class, memory);
    return refuse(x, waf_judge_status(d), class.reason, memory ? memory : class.text);
}

static enum verdict judge(struct exchange *x, int result)
{
    if (result != 0)
        return break_off(x, result);
    const struct waf_decision *d = waf_decision(x->waf->transaction);
    switch (d->disposition) {
    case WAF_PASS:
    case WAF_ALLOW:
        return NEXT;
    case WAF_REDIRECT:
        return redirect(x, d);
    case WAF_DENY:
    case WAF_DROP:
        return refuse_by_rule(x, d);
    }
    UNREACHABLE();
}

static enum verdict run(struct exchange *x, enum waf_phase phase)
{
    return judge(x, waf_run(x->waf->transaction, phase));
}

/* --- The transaction -------------------------------------------------------------------------- */

/* NULL: no memory at all. Without `first`: none for the rules. */
static struct waf_exchange *make(struct exchange *x, const struct waf_settings *s)
{
    struct waf_exchange *w = arena_take(&x->arena, sizeof *w);
    struct buffer *first = w ? buffer_take() : NULL;
    if (w)
        w->settings = s;
    if (!first)
        return w;
    w->first = first;
    arena_open(&w->arena, first->memory, first->capacity, ARENA_BLOCK_BYTES,
               ARENA_BYTES_BASE + ARENA_PER_BODY * s->body_bytes_max);
    arena_pay_from(&w->arena, &held_purse);
    w->lists.find = find_on_list;
    w->lists_ms = LISTS_MS;
    work_open(&w->work, 0, pause, w);
    grant(w, s->budget_ms, (uint64_t)s->budget_ms * STEPS_PER_MS);
    return w;
}

static slice ip_text(struct exchange *x, struct ip ip)
{
    char *memory = arena_take(&x->arena, IP_TEXT_MAX);
    struct writer w = writer_over(memory, memory ? IP_TEXT_MAX : 0);
    if (memory)
        ip_write(&w, ip);
    return writer_slice(&w);
}

static int open_transaction(struct exchange *x, const struct waf_settings *s)
{
    struct waf_exchange *w = x->waf;
    struct waf_world world = { .now_ms = x->times.wall_ms,
                               .unique_id = x->request_id,
                               .client = { ip_text(x, x->client), x->client_port },
                               .server = { ip_text(x, connection_local_ip(x->connection)),
                                           x->connection->local_port },
                               .store = waf_collections(),
                               .lists = &x->waf->lists,
                               .application = x->site->name,
                               .remembers = true };
    if (!world.client.text.ptr || !world.server.text.ptr)
        return -ENOMEM;
    return waf_judge_open(s, world, &w->arena, &w->work, &w->transaction);
}

/* All that the client sent, also what no origin will see. */
static int give_request(struct exchange *x)
{
    struct waf_asked asked = { .head = x->request.head,
                               .method = x->request.method_text,
                               .target = x->request.target,
                               .raw_path = x->target.path,
                               .path = x->path,
                               .authority = x->request.host,
                               .host = x->host,
                               .items = x->request.fields.items,
                               .count = x->client_fields,
                               .minor_version = x->request.minor_version,
                               .is_http2 = x->client_stream };
    return waf_judge_request(x->waf->transaction, x->waf->settings, &asked, x->times.wall_ms,
                             &x->waf->arena);
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static bool is_call(const struct exchange *x)
{
    return exchange_is_grpc(x) && route_takes_calls(x->route);
}

/* Where nothing is refused, a body that there is no room for passes without being looked at. */
static bool passes_for_want_of_room(const struct exchange *x, uint64_t bytes_max)
{
    uint64_t bytes =
        x->request.framing == H1_FRAMING_LENGTH ? x->request.content_length : bytes_max;
    return !waf_is_enforced(x->waf->settings) && !purse_has_more(&held_purse, bytes);
}

/* Whether there is a body that the rules want, and that it can hurt anybody: the configuration's
 * own answers do not wait for a client to send what nobody reads. */
static bool has_inspected_body(const struct exchange *x, const struct waf_body_wish *wish)
{
    return wish->is_wanted && x->request.framing != H1_FRAMING_NONE &&
           !x->request.upgrades_to_websocket && !is_call(x) && route_forwards(x->route);
}

/* 0 · -EREFUSED · -ENOBUFS · -ENOMEM · -ECANCELED · -EDQUOT */
static int inspect_body(struct exchange *x)
{
    struct waf_exchange *w = x->waf;
    struct waf_body_wish wish = waf_wants_request_body(w->transaction);
    struct waf_seen_body body = { .wish = wish };
    if (!has_inspected_body(x, &wish))
        return 0;
    TRY(waf_judge_coding(&x->request.fields, &x->arena, &body.encoding));
    uint64_t bytes_max = w->settings->body_bytes_max;
    if (passes_for_want_of_room(x, bytes_max))
        return -ENOBUFS;
    clock_stop(w); /* the client's time */
    int result = upload_hold(x, waf_body_is_in_pieces(&body) ? 0 : bytes_max + 1, &body.bytes);
    clock_start(w);
    if (result != 0)
        return result;
    if (body.encoding.len == 0)
        w->body = body.bytes;
    if (waf_body_is_in_pieces(&body)) {
        uint64_t mib = body.bytes.len >> 20;
        grant(w, (int64_t)mib * FILES_MS_PER_MIB, mib * FILES_STEPS_PER_MIB);
    }
    w->request_body = (struct decompress){ .work = &w->work, .purse = &held_purse };
    bool is_cut;
    result = waf_judge_body(w->transaction, w->settings, &body, &w->request_body, &is_cut);
    if (is_cut)
        w->unjudged = "waf.body";
    if (result == -EMSGSIZE)
        return exchange_refuse(x, FAULT_POLICY, 413, "waf.body", WAF_BODY_REFUSED);
    return result;
}

/* --- Hooks ------------------------------------------------------------------------------------ */

static enum verdict inspect_request(struct exchange *x, const struct waf_settings *s)
{
    int result = open_transaction(x, s);
    if (result == 0)
        result = give_request(x);
    if (result != 0)
        return break_off(x, result);
    enum verdict verdict = run(x, WAF_REQUEST_HEADERS);
    if (verdict != NEXT)
        return verdict;
    result = inspect_body(x);
    if (result != 0)
        return break_off(x, result);
    return x->waf->is_given_up ? NEXT : run(x, WAF_REQUEST_BODY);
}

static enum verdict on_request(struct exchange *x)
{
    const struct waf_settings *s = exchange_block(x, FEATURE_WAF);
    if (!s->rules)
        return NEXT;
    x->waf = make(x, s);
    if (x->waf && !x->waf->first && !waf_is_enforced(s))
        return give_up(x->waf, "limits.buffered");
    if (!x->waf || !x->waf->first) {
        (void)exchange_refuse(x, FAULT_POLICY, 503, "limits.buffered",
                              "no memory for the rules within `limits buffered`");
        return BROKEN;
    }
    clock_start(x->waf);
    enum verdict verdict = inspect_request(x, s);
    clock_stop(x->waf);
    return verdict;
}

static int give_response_body(struct exchange *x)
{
    struct waf_exchange *w = x->waf;
    uint64_t bytes_max = w->settings->response_bytes_max;
    slice held, encoding;
    if (x->is_tunnel || is_call(x) || !waf_judge_wants_response_body(w->transaction, w->settings))
        return 0;
    TRY(waf_judge_coding(&x->response.fields, &x->arena, &encoding));
    clock_stop(w);
    int result = response_hold(x, bytes_max, w->settings->response_ms, &held);
    clock_start(w);
    if (result != 0 || held.len == 0)
        return result;
    slice body = held;
    w->response_body = (struct decompress){ .work = &w->work, .purse = &held_purse };
    waf_judge_bound(&w->response_body, bytes_max);
    w->response_body.limits.takes_beginning = true;
    if (encoding.len)
        result = decompress_body(&w->response_body, encoding, held, &body);
    if (result == -EBADMSG) /* in a coding that nobody knows: clients show such a body as it is */
        body = held;
    else if (result != 0)
        return result;
    return waf_response_body(w->transaction, slice_first(body, bytes_max));
}

static enum verdict inspect_response(struct exchange *x)
{
    int result = waf_judge_response(x->waf->transaction, x->response.status, &x->response.fields);
    if (result != 0)
        return break_off(x, result);
    enum verdict verdict = run(x, WAF_RESPONSE_HEADERS);
    if (verdict != NEXT)
        return verdict;
    result = give_response_body(x);
    if (result != 0)
        return break_off(x, result);
    return run(x, WAF_RESPONSE_BODY);
}

/* Rules of the last phase only watch; what goes wrong in them is nobody's concern any more. */
static void run_last_phase(struct exchange *x, int64_t now_us)
{
    struct waf_exchange *w = x->waf;
    clock_start(w);
    waf_set_elapsed(w->transaction, (now_us - x->times.begin) / 1000);
    w->work.pause = NULL; /* the log line does not wait */
    w->is_last_phase = true;
    (void)!waf_run(w->transaction, WAF_LOGGING);
    clock_stop(w);
    w->is_logged = true;
}

/* What was made of a large body goes back in pieces: that takes the system a while too. */
static void release_memory(struct waf_exchange *w)
{
    w->transaction = NULL;
    decompress_release(&w->request_body);
    decompress_release(&w->response_body);
    while (arena_free_some(&w->arena, FREED_AT_ONCE))
        fiber_step_aside();
    arena_close(&w->arena);
    buffer_release(w->first);
    w->first = NULL;
}

/* For the logs, when the exchange has ended. */
static bool has_to_be_told(const struct exchange *x)
{
    const struct waf_transaction *t = x->waf->transaction;
    return waf_matches(t) || (x->configuration->logs[LOG_AUDIT].is_on &&
                              waf_is_audited(t, x->response.status, false));
}

/* No rule can decide anything any more, and what is left may take hours: a tunnel, events, a slow
 * client. What was found has to be told at the end; where there is nothing, nothing is kept. */
static void end_early(struct exchange *x)
{
    struct waf_exchange *w = x->waf;
    if (!w->transaction || w->settings->rules->is_timed)
        return;
    run_last_phase(x, loop_clock_us());
    if (!has_to_be_told(x))
        release_memory(w);
}

static enum verdict on_response(struct exchange *x)
{
    if (!x->waf)
        return NEXT;
    enum verdict verdict = NEXT;
    if (!x->waf->is_given_up) {
        clock_start(x->waf);
        verdict = inspect_response(x);
        clock_stop(x->waf);
    }
    if (verdict == NEXT)
        end_early(x);
    return verdict;
}

static void on_finish(struct exchange *x)
{
    if (x->waf && x->waf->transaction && !x->waf->is_logged)
        run_last_phase(x, x->times.end);
}

/* When the logs are written. */
static void on_release(struct exchange *x)
{
    struct waf_exchange *w = x->waf;
    if (!w)
        return;
    x->waf = NULL;
    release_memory(w);
}

uint64_t waf_time_us(const struct exchange *x)
{
    return x->waf ? (uint64_t)x->waf->spent_ns / 1000 : 0;
}

const struct filter waf_filter = { .on_request = on_request,
                                   .on_response = on_response,
                                   .on_finish = on_finish,
                                   .on_release = on_release };
