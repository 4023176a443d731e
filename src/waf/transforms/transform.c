#include "waf/transforms/transform.h"

#include <errno.h>

#include "base/panic.h"
#include "waf/nearest.h"
#include "waf/transforms/run.h"

/* By name, case folded. */
const struct transform *const waf_transforms[] = {
    &transform_base64_decode,
    &transform_base64_decode_ext,
    &transform_base64_encode,
    &transform_cmd_line,
    &transform_compress_whitespace,
    &transform_css_decode,
    &transform_escape_seq_decode,
    &transform_hex_decode,
    &transform_hex_encode,
    &transform_html_entity_decode,
    &transform_js_decode,
    &transform_length,
    &transform_lowercase,
    &transform_md5,
    &transform_none,
    &transform_normalize_path,
    &transform_normalize_path_win,
    &transform_parity_even,
    &transform_parity_odd,
    &transform_parity_zero,
    &transform_remove_comments,
    &transform_remove_comments_char,
    &transform_remove_nulls,
    &transform_remove_whitespace,
    &transform_replace_comments,
    &transform_replace_nulls,
    &transform_sha1,
    &transform_sql_hex_decode,
    &transform_trim,
    &transform_trim_left,
    &transform_trim_right,
    &transform_uppercase,
    &transform_url_decode,
    &transform_url_decode_uni,
    &transform_url_encode,
    &transform_utf8_to_unicode,
};
const size_t waf_transform_count = ARRAY_LENGTH(waf_transforms);

const struct transform *transform_find(slice name)
{
    for (size_t i = 0; i < waf_transform_count; i++) {
        const struct transform *t = waf_transforms[i];
        if (slice_equal_fold(name, slice_from(t->name)) ||
            (t->alias && slice_equal_fold(name, slice_from(t->alias))))
            return !t->load || t->load() ? t : NULL;
    }
    return NULL;
}

const char *transform_suggest(slice name)
{
    struct nearest nearest = nearest_to(name);
    for (size_t i = 0; i < waf_transform_count; i++) {
        nearest_try(&nearest, waf_transforms[i]->name);
        if (waf_transforms[i]->alias)
            nearest_try(&nearest, waf_transforms[i]->alias);
    }
    return nearest.name;
}

size_t transform_same(size_t in_len)
{
    return in_len;
}

size_t transform_triple(size_t in_len)
{
    return in_len * 3;
}

size_t byte_set_find(const struct byte_set *set, slice s, size_t from, size_t to)
{
    size_t i = from;
    while (i < to && !byte_set_has(set, (unsigned char)s.ptr[i]))
        i++;
    return i;
}

unsigned run_octal(const struct transform_run *run, size_t at, unsigned max, size_t *ret_digits)
{
    unsigned value = 0;
    size_t digits = 0;
    while (digits < 3 && is_octal(run_peek(run, at + digits))) {
        unsigned next = value * 8 + (unsigned)(run_peek(run, at + digits) - '0');
        if (next > max)
            break;
        value = next;
        digits++;
    }
    *ret_digits = digits;
    return value;
}

int escape_letter(int letter)
{
    switch (letter) {
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return -1;
    }
}

bool transform_never_grows(const struct transform *t)
{
    return t->out_max == transform_same || t->longest;
}

/* Runs to the end, accounting for what it reads. */
static int run_through(const struct transform *t, struct transform_run *run, size_t out_max,
                       struct work *work)
{
    while (!run->done) {
        size_t before = run->at;
        t->step(run, WORK_BLOCK);
        ASSERT(run->at <= run->in.len && run->out_len <= out_max);
        if (run->error != 0)
            return run->error;
        ASSERT(run->done || run->at > before);
        TRY(work_spend(work, run->at - before));
    }
    return 0;
}

/* 1 · 0 · -errno of work_spend */
static int has_trigger(const struct transform *t, slice in, struct work *work)
{
    for (size_t at = 0; at < in.len; at += WORK_BLOCK) {
        size_t end = in.len - at > WORK_BLOCK ? at + WORK_BLOCK : in.len;
        size_t found = byte_set_find(t->triggers, in, at, end);
        TRY(work_spend(work, (found - at) / 4));
        if (found < end)
            return 1;
    }
    return 0;
}

int transform_is_same(slice a, slice b, struct work *work)
{
    enum { AT_ONCE = 8 * WORK_BLOCK };
    if (a.len != b.len)
        return 0;
    for (size_t at = 0; at < a.len; at += AT_ONCE) {
        slice some = slice_first(slice_after(a, at), AT_ONCE);
        if (memcmp(some.ptr, b.ptr + at, some.len) != 0)
            return 0;
        TRY(work_spend(work, some.len / 8));
    }
    return 1;
}

int transform_apply(const struct transform *t, slice in, const struct unicode_map *map,
                    struct arena *arena, struct work *work, slice *ret_out)
{
    if (t->triggers) {
        int may = has_trigger(t, in, work);
        *ret_out = in;
        if (may <= 0)
            return may;
    }
    if (t->may_change && in.len <= WORK_BLOCK && !t->may_change(in)) {
        *ret_out = in;
        return work_spend(work, in.len / 4);
    }
    if (in.len > SIZE_MAX / 8)
        return -ENOMEM;
    size_t out_max = t->out_max(in.len);
    size_t taken = out_max ? out_max : 1;
    struct transform_run run = { .in = in, .map = map, .out = arena_take_bytes(arena, taken) };
    if (!run.out)
        return -ENOMEM;
    int result = run_through(t, &run, out_max, work);
    if (t->release)
        t->release(&run);
    TRY(result);
    slice out = slice_of(run.out, run.out_len);
    int same = transform_is_same(out, in, work);
    if (same < 0)
        return same;
    arena_give_back(arena, run.out, taken, same ? 0 : run.out_len);
    *ret_out = same ? in : out;
    return 0;
}
