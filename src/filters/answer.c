/* `redirect` and `respond`: the configuration itself is the answer, no origin is asked. */
#include "filters/filters.h"
#include "proxy/deliver.h"

#define LOCATION_BYTES_MAX 16384u
#define TEXT_BYTES_MAX     65536u

static bool leads_to_another_host(const struct template *t)
{
    const struct template_part *first = &t->parts[0];
    return first->variable == TEMPLATE_LITERAL && slice_starts_with(first->text, SLICE("//"));
}

/* What variables bring along may break neither the field nor the meaning: it is encoded as a URI
 * wants it, and a path does not become "//host". */
static bool write_location(struct exchange *x, const struct template *t, slice *ret)
{
    slice text;
    if (!template_text(t, x, LOCATION_BYTES_MAX, &text))
        return false;
    while (!leads_to_another_host(t) && slice_starts_with(text, SLICE("//")))
        text = slice_after(text, 1);
    size_t room = 3 * text.len + 1; /* every byte encoded */
    char *memory = arena_take(&x->arena, room);
    if (!memory)
        return false;
    struct writer w = writer_over(memory, room);
    uri_reference_write(&w, text);
    *ret = writer_slice(&w);
    return !w.overflowed && ret->len <= LOCATION_BYTES_MAX;
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
    if (!write_location(x, &a->text, &location))
        return too_large(x);
    answer_begin(x, a->status);
    return answer_add(x, SLICE("Location"), location) == 0 ? ANSWERED : too_large(x);
}

static enum verdict respond(struct exchange *x, const struct answer_settings *a)
{
    slice body;
    if (!template_text(&a->text, x, TEXT_BYTES_MAX, &body))
        return too_large(x);
    answer_begin(x, a->status);
    x->answer.body = body;
    if (body.len && answer_add(x, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8")) != 0)
        return too_large(x);
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
    .on_request = on_request,
};
