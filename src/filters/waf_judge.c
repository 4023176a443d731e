#include "filters/waf_judge.h"

#include <errno.h>

#include "base/writer.h"

#define RATIO_MAX 200u /* of a compressed body */

int waf_judge_open(const struct waf_settings *s, struct waf_world world, struct arena *arena,
                   struct work *work, struct waf_transaction **ret)
{
    world.is_shadow = s->mode == WAF_MODE_SHADOW;
    world.shadow_rules = s->shadows;
    world.shadow_rule_count = s->shadow_count;
    world.fields_bytes_max = s->body_bytes_max;
    world.response_types = s->response_types;
    world.response_type_count = s->response_type_count;
    world.decodes_base64 = s->inspects_base64;
    world.inspects_fields = s->inspects_headers;
    TRY(waf_open(s->rules, &world, arena, work, ret));
    for (uint32_t i = 0; i < s->preset_count; i++)
        TRY(waf_set_variable(*ret, s->presets[i].name, s->presets[i].value));
    return 0;
}

/* --- The request ------------------------------------------------------------------------------ */

static bool is_in_force(const struct waf_exclusion *e, slice path, int64_t now_ms)
{
    if (e->until_s && now_ms / 1000 > e->until_s)
        return false;
    if (e->path.len == 0)
        return true;
    return e->path_is_prefix ? slice_starts_with(path, e->path) : slice_equal(path, e->path);
}

static int apply_exclusion(struct waf_transaction *t, const struct waf_exclusion *e)
{
    for (uint32_t i = 0; i < e->action_count; i++)
        TRY(waf_apply(t, &e->actions[i]));
    return 0;
}

/* "GET /x HTTP/2.0": what the line would be that HTTP/2 has none of. */
static slice request_line(const struct waf_asked *asked, struct arena *arena)
{
    if (!asked->is_http2)
        return slice_first(asked->head, slice_find_byte(asked->head, '\r'));
    size_t room = asked->method.len + asked->target.len + 16;
    char *memory = arena_take(arena, room);
    struct writer w = writer_over(memory, memory ? room : 0);
    writer_slice_add(&w, asked->method);
    writer_byte(&w, ' ');
    writer_slice_add(&w, asked->target);
    writer_literal(&w, " HTTP/2.0");
    return memory ? writer_slice(&w) : slice_of(NULL, 0);
}

static slice protocol_of(const struct waf_asked *asked)
{
    if (asked->is_http2)
        return SLICE("HTTP/2.0");
    return asked->minor_version ? SLICE("HTTP/1.1") : SLICE("HTTP/1.0");
}

/* RFC 9113 §8.3.1: ":authority" is what Host is in HTTP/1, and rules know Host only. */
static bool lacks_host(const struct waf_asked *asked)
{
    if (!asked->is_http2 || asked->authority.len == 0)
        return false;
    for (uint32_t i = 0; i < asked->count; i++)
        if (asked->items[i].id == FIELD_HOST)
            return false;
    return true;
}

int waf_judge_request(struct waf_transaction *t, const struct waf_settings *s,
                      const struct waf_asked *asked, int64_t now_ms, struct arena *arena)
{
    slice line = request_line(asked, arena);
    if (asked->is_http2 && !line.ptr)
        return -ENOMEM;
    struct waf_request request = { .line = line,
                                   .method = asked->method,
                                   .target = asked->target,
                                   .protocol = protocol_of(asked),
                                   .path = slice_equal(asked->path, asked->raw_path)
                                               ? slice_of(NULL, 0)
                                               : asked->path,
                                   .host = asked->host,
                                   .length = asked->head.len };
    for (uint32_t i = 0; i < s->exclusion_count; i++)
        if (is_in_force(&s->exclusions[i], asked->path, now_ms))
            TRY(apply_exclusion(t, &s->exclusions[i]));
    TRY(waf_set_request(t, &request));
    if (lacks_host(asked))
        TRY(waf_add_request_field(t, field_name_of(FIELD_HOST), asked->authority));
    for (uint32_t i = 0; i < asked->count; i++)
        TRY(waf_add_request_field(t, asked->items[i].name, asked->items[i].value));
    return 0;
}

/* --- The body --------------------------------------------------------------------------------- */

int waf_judge_coding(const struct fields *fs, struct arena *arena, slice *ret)
{
    return fields_join(fs, fields_find_name(fs, SLICE("content-encoding")), arena, ret);
}

void waf_judge_bound(struct decompress *d, uint64_t bytes_max)
{
    d->limits = (struct decompress_limits){ .bytes_max = bytes_max, .ratio_max = RATIO_MAX };
}

static int give_whole(struct waf_transaction *t, const struct waf_settings *s, slice body,
                      slice encoding, struct decompress *d)
{
    waf_judge_bound(d, s->body_bytes_max);
    int result = encoding.len ? decompress_body(d, encoding, body, &body) : 0;
    if (result == -EBADMSG) {
        waf_request_body_unreadable(t, slice_from(decompress_problem_text(d->problem)));
        return 0;
    }
    return result == 0 ? waf_request_body(t, body) : result;
}

/* Contents of files are not kept; the rest counts. */
static int give_pieces(struct waf_transaction *t, slice body)
{
    while (body.len) {
        slice piece = slice_first(body, WORK_BLOCK);
        TRY(waf_request_body_part(t, piece));
        body = slice_after(body, piece.len);
    }
    return waf_request_body_end(t);
}

/* 0: its beginning is judged */
static int note_too_long(const struct waf_settings *s, const struct waf_seen_body *b,
                         bool *ret_is_cut)
{
    *ret_is_cut = !waf_is_enforced(s);
    return !*ret_is_cut && b->wish.is_refused_beyond ? -EMSGSIZE : 0;
}

int waf_judge_body(struct waf_transaction *t, const struct waf_settings *s,
                   const struct waf_seen_body *b, struct decompress *d, bool *ret_is_cut)
{
    *ret_is_cut = false;
    if (waf_body_is_in_pieces(b)) {
        TRY(give_pieces(t, b->bytes));
        return waf_request_body_is_too_long(t) ? note_too_long(s, b, ret_is_cut) : 0;
    }
    if (b->bytes.len <= s->body_bytes_max)
        return give_whole(t, s, b->bytes, b->encoding, d);
    TRY(note_too_long(s, b, ret_is_cut));
    if (b->encoding.len)
        return 0;
    return give_whole(t, s, slice_first(b->bytes, s->body_bytes_max), b->encoding, d);
}

/* --- The response ----------------------------------------------------------------------------- */

int waf_judge_response(struct waf_transaction *t, unsigned status, const struct fields *sent)
{
    struct waf_response response = { .status = status, .protocol = SLICE("HTTP/1.1") };
    TRY(waf_set_response(t, &response));
    for (uint32_t i = 0; i < sent->count; i++)
        TRY(waf_add_response_field(t, sent->items[i].name, sent->items[i].value));
    return 0;
}

bool waf_judge_wants_response_body(const struct waf_transaction *t, const struct waf_settings *s)
{
    return s->response_bytes_max && waf_wants_response_body(t).is_wanted;
}

uint16_t waf_judge_status(const struct waf_decision *d)
{
    return d->disposition == WAF_DROP ? 0 : (uint16_t)(d->status ? d->status : 403);
}
