/* The rules in a dry run: what filters/waf.c does, without waiting and holding. Of a response that
 * was kept there is the head. */
#include <errno.h>

#include "base/number.h"
#include "base/writer.h"
#include "control/dry_parts.h"
#include "filters/waf_class.h"
#include "filters/waf_judge.h"
#include "waf/engine/replay.h"
#include "wire/grpc.h"

#define STATUS_MAX 599u

static slice ip_text(struct dry *d, struct ip ip)
{
    char *memory = arena_take(d->arena, IP_TEXT_MAX);
    struct writer w = writer_over(memory, memory ? IP_TEXT_MAX : 0);
    if (memory)
        ip_write(&w, ip);
    return writer_slice(&w);
}

static bool keeps_collections(const struct ruleset *rules)
{
    for (unsigned i = 0; i < rules->rule_count; i++)
        for (unsigned j = 0; j < rules->rules[i].link_count; j++)
            if (rules->rules[i].links[j].initcol_count)
                return true;
    return false;
}

/* The DNS is not asked, but it is noted that it would have been. */
static int find_on_no_list(struct waf_lists *lists, const struct list_question *question,
                           uint8_t ret_address[4])
{
    (void)question;
    (void)ret_address;
    CONTAINER_OF(lists, struct dry_result, lists)->wanted_lists = true;
    return 0;
}

static int open_transaction(struct dry *d, struct waf_transaction **ret)
{
    struct dry_result *r = d->result;
    const struct address *local = &d->c->listens[d->asked->listener].address;
    struct waf_world world = { .now_ms = d->asked->now_ms,
                               .unique_id = d->asked->id,
                               .client = { ip_text(d, d->asked->client), d->asked->client_port },
                               .server = { ip_text(d, address_ip(local)), address_port(local) },
                               .lists = &r->lists,
                               .application = r->site->name };
    r->lists.find = find_on_no_list;
    work_open(&d->result->work, 0, NULL, NULL);
    return waf_judge_open(r->waf, world, d->arena, &d->result->work, ret);
}

static int give_request(struct dry *d, struct waf_transaction *t)
{
    struct waf_asked asked = { .head = d->request.head,
                               .method = d->request.method_text,
                               .target = d->request.target,
                               .raw_path = d->target.path,
                               .path = d->result->path,
                               .authority = d->request.host,
                               .host = d->host,
                               .items = d->request.fields.items,
                               .count = d->request.fields.count,
                               .minor_version = d->request.minor_version,
                               .is_http2 = d->is_http2 };
    return waf_judge_request(t, d->result->waf, &asked, d->asked->now_ms, d->arena);
}

/* --- The body --------------------------------------------------------------------------------- */

static bool is_call(const struct dry *d)
{
    const struct field *type = fields_find(&d->request.fields, FIELD_CONTENT_TYPE);
    return d->request.method == METHOD_POST && type && grpc_is_content_type(type->value) &&
           route_takes_calls(d->result->route);
}

static bool has_inspected_body(const struct dry *d)
{
    return d->request.framing != H1_FRAMING_NONE && !d->request.upgrades_to_websocket &&
           !is_call(d);
}

static int give_body(struct dry *d, struct waf_transaction *t)
{
    struct waf_seen_body body = { .wish = waf_wants_request_body(t), .bytes = d->asked->body };
    if (!body.wish.is_wanted || !has_inspected_body(d))
        return 0;
    if (!route_forwards(d->result->route))
        return dry_step(d, "body", SLICE("not waited for, and not looked at: nothing is forwarded"),
                        SLICE(""));
    TRY(waf_judge_coding(&d->request.fields, d->arena, &body.encoding));
    d->result->looked_at_body = true;
    d->result->body = (struct decompress){ .work = &d->result->work };
    bool is_cut;
    int result = waf_judge_body(t, d->result->waf, &body, &d->result->body, &is_cut);
    if (is_cut)
        TRY(dry_step(d, "body", SLICE("longer than is looked at: only its beginning is"),
                     d->result->waf->where));
    if (result == -EMSGSIZE) {
        TRY(dry_step(d, "waf", SLICE(WAF_BODY_REFUSED), d->result->waf->where));
        return dry_refuse(d, 413, "waf.body", WAF_BODY_REFUSED);
    }
    return result;
}

/* --- What came of it -------------------------------------------------------------------------- */

static bool refuses(const struct waf_decision *d)
{
    return d->disposition != WAF_PASS && d->disposition != WAF_ALLOW;
}

static int tell_refusal(struct dry *d, const char *stage, const struct waf_decision *decision)
{
    const struct waf_transaction *t = d->transaction;
    struct waf_class class = waf_class_of(t, decision);
    char *memory = arena_take(d->arena, WAF_CLASS_TEXT_BYTES + 16);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, 16);
    if (d->result->would_refuse)
        writer_literal(&w, "would refuse: ");
    waf_class_describe(t, decision, &class, memory + w.len);
    TRY(dry_step(d, stage, slice_from(memory), d->result->waf->where));
    if (d->result->would_refuse) {
        d->result->text = slice_from(memory + w.len);
        return 0;
    }
    if (decision->disposition == WAF_REDIRECT)
        return dry_answer(d, decision->status ? decision->status : 302, "redirect");
    d->result->where = d->result->waf->where;
    return dry_refuse(d, waf_judge_status(decision), class.reason, memory);
}

static int tell(struct dry *d)
{
    const struct waf_transaction *t = d->transaction;
    const struct waf_decision *decision = waf_decision(t), *would_be = waf_would_be(t);
    int64_t score, threshold;
    char text[128];
    struct writer w = writer_over(text, sizeof text);
    if (refuses(decision))
        return tell_refusal(d, "waf", decision);
    d->result->would_refuse = refuses(would_be);
    if (d->result->would_refuse)
        return tell_refusal(d, "waf", would_be);
    writer_literal(&w, "passed");
    if (waf_class_score(t, WAF_REQUEST_BODY, &score, &threshold))
        writer_format(&w, ", score %lld, refused from %lld", (long long)score,
                      (long long)threshold);
    if (d->result->waf->mode == WAF_MODE_SHADOW)
        writer_literal(&w, ", in shadow");
    return dry_step(d, "waf", writer_slice(&w), d->result->waf->where);
}

/* 0: the rules have run as far as they do. */
static int run(struct dry *d, struct waf_transaction *t)
{
    TRY(give_request(d, t));
    TRY(waf_run(t, WAF_REQUEST_HEADERS));
    if (refuses(waf_decision(t)))
        return 0;
    TRY(give_body(d, t));
    return waf_run(t, WAF_REQUEST_BODY);
}

int dry_waf(struct dry *d)
{
    const struct waf_settings *s = d->result->route->blocks[FEATURE_WAF];
    struct waf_transaction *t = NULL;
    if (!s->rules)
        return dry_step(d, "waf", SLICE("off"), SLICE(""));
    d->result->waf = s;
    d->result->has_collections = keeps_collections(s->rules);
    TRY(open_transaction(d, &t));
    d->result->transaction = d->transaction = t;
    TRY(run(d, t));
    return tell(d);
}

/* --- The response ----------------------------------------------------------------------------- */

struct answered {
    unsigned status; /* 0: nothing is known of it */
    struct fields fields;
};

/* As it was kept; what cannot be read is not known. 0 · -ENOMEM */
static int read_answered(struct dry *d, struct answered *ret)
{
    struct replay_message m;
    *ret = (struct answered){ 0 };
    int result = replay_split(d->asked->response, d->arena, &m);
    if (result != 0)
        return result == -ENOMEM ? result : 0;
    struct fields *fields = &ret->fields;
    fields->items = arena_take_array(d->arena, m.count + 1, sizeof *fields->items);
    fields->capacity = m.count;
    if (!fields->items)
        return -ENOMEM;
    for (unsigned i = 0; i < m.count; i++)
        if (fields_add(fields, m.fields[i].name, m.fields[i].value, FIELD_OTHER) != 0)
            return 0;
    slice rest = slice_after(m.line, slice_find_byte(m.line, ' ') + 1);
    uint64_t status;
    if (number_parse(slice_first(rest, slice_find_byte(rest, ' ')), STATUS_MAX, &status) == 0)
        ret->status = (unsigned)status;
    return 0;
}

static bool may_have_body(const struct dry *d, const struct answered *a)
{
    const struct field *length = fields_find(&a->fields, FIELD_CONTENT_LENGTH);
    return d->request.method != METHOD_HEAD && a->status >= 200 && a->status != 204 &&
           a->status != 304 && (!length || !slice_equal(length->value, SLICE("0")));
}

/* 0: the rules have run as far as they would without the body. */
static int run_response(struct dry *d, const struct answered *a)
{
    const struct waf_settings *s = d->result->waf;
    struct waf_transaction *t = d->transaction;
    d->result->saw_response = true;
    TRY(waf_judge_response(t, a->status, &a->fields));
    TRY(waf_run(t, WAF_RESPONSE_HEADERS));
    if (refuses(waf_decision(t)))
        return 0;
    d->result->lacks_response =
        may_have_body(d, a) && !is_call(d) && waf_judge_wants_response_body(t, s);
    return d->result->lacks_response ? 0 : waf_run(t, WAF_RESPONSE_BODY);
}

int dry_waf_response(struct dry *d)
{
    const char *stage = "waf response";
    struct answered answered;
    if (!d->transaction)
        return 0;
    TRY(read_answered(d, &answered));
    d->result->lacks_response = answered.status == 0;
    if (d->result->lacks_response)
        return 0;
    TRY(run_response(d, &answered));
    bool would_refuse = d->result->would_refuse;
    if (refuses(waf_decision(d->transaction))) {
        d->result->would_refuse = false;
        return tell_refusal(d, stage, waf_decision(d->transaction));
    }
    d->result->would_refuse = refuses(waf_would_be(d->transaction));
    if (would_refuse || !d->result->would_refuse)
        return 0;
    return tell_refusal(d, stage, waf_would_be(d->transaction));
}
