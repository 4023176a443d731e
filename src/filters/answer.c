/* `redirect` and `respond`: the configuration itself is the answer, no origin is asked. */
#include "filters/filters.h"

#define LOCATION_BYTES_MAX 16384u
#define TEXT_BYTES_MAX     65536u

/* A Location or a body of ours. A variable must not bring a line end into a field. */
static bool write_text(struct exchange *x, const struct template *t, size_t bytes_max, slice *ret)
{
    char *memory = arena_take(&x->arena, bytes_max);
    if (!memory)
        return false;
    struct writer w = writer_over(memory, bytes_max);
    template_write(&w, t, x);
    *ret = writer_slice(&w);
    return !w.overflowed;
}

static enum verdict too_large(struct exchange *x)
{
    (void)exchange_refuse(x, FAULT_OURS, 500, "answer.too-large",
                          "the text of `redirect` or `respond` does not fit");
    return BROKEN;
}

static enum verdict redirect(struct exchange *x, const struct answer_settings *a)
{
    slice location;
    if (!write_text(x, &a->text, LOCATION_BYTES_MAX, &location) || !field_value_is_valid(location))
        return too_large(x);
    x->answer = (struct answer){ .is_set = true, .status = a->status, .location = location };
    return ANSWERED;
}

static enum verdict respond(struct exchange *x, const struct answer_settings *a)
{
    slice body;
    if (!write_text(x, &a->text, TEXT_BYTES_MAX, &body))
        return too_large(x);
    x->answer = (struct answer){ .is_set = true,
                                 .status = a->status,
                                 .content_type = body.len ? SLICE("text/plain; charset=utf-8")
                                                          : slice_of(NULL, 0),
                                 .body = body };
    return ANSWERED;
}

static enum verdict on_request(struct exchange *x)
{
    const struct answer_settings *a = exchange_block(x, FEATURE_ANSWER);
    switch (a->kind) {
    case ANSWER_NONE:
        return NEXT;
    case ANSWER_REDIRECT:
        return redirect(x, a);
    case ANSWER_RESPOND:
        return respond(x, a);
    }
    return NEXT;
}

const struct filter answer_filter = {
    .name = "answer",
    .summary = "Redirects and fixed responses",
    .on_request = on_request,
};
