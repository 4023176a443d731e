#include "waf/engine/decoded.h"

#include <errno.h>

#include "base/writer.h"
#include "waf/bodies/base64_text.h"
#include "waf/bodies/json.h"

enum { LEVELS_MAX = 2, JSON_VALUES_MAX = 256, JSON_LEVELS_MAX = 32 };

/* One value of the request under way. */
struct decoded {
    struct waf_transaction *t;
    struct source *source;
    slice name, encoded;
    slice part;     /* whose value it is in the one of that name; else empty */
    unsigned level; /* how often it has been decoded */
};

/* State that ASP.NET and Java Server Faces keep at the client: binary, signed, full of the page's
 * own markup. */
static bool is_state_of_framework(slice name)
{
    static const slice names[] = { SLICE("__VIEWSTATE"), SLICE("__EVENTVALIDATION"),
                                   SLICE("javax.faces.ViewState"),
                                   SLICE("jakarta.faces.ViewState") };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (slice_equal(names[i], name))
            return true;
    return false;
}

static int look_into(struct decoded *d, slice value);

/* "token", "json.a.b", "token.json.a.b" */
static slice join(struct arena *arena, slice part, slice member)
{
    if (part.len == 0 || member.len == 0)
        return part.len ? part : member;
    size_t bytes = part.len + 1 + member.len;
    char *to = arena_take_array(arena, bytes, 1);
    struct writer w = writer_over(to, to ? bytes : 0);
    writer_slice_add(&w, part);
    writer_byte(&w, '.');
    writer_slice_add(&w, member);
    return to ? writer_slice(&w) : (slice){ 0 };
}

/* Says where the item that was added last is from. */
static int tell_origin(struct decoded *d, slice encoded, slice member)
{
    struct decoded_from *from = arena_take(d->t->arena, sizeof *from);
    if (!from)
        return -ENOMEM;
    *from =
        (struct decoded_from){ .encoded = encoded, .member = join(d->t->arena, d->part, member) };
    source_item(d->source, d->source->count - 1)->from = from;
    return (d->part.len || member.len) && !from->member.ptr ? -ENOMEM : 0;
}

static int add(struct decoded *d, slice member, slice text)
{
    TRY(source_add(d->t, d->source, d->name, text));
    TRY(tell_origin(d, d->encoded, member));
    source_item(d->source, d->source->count - 1)->is_echo = true;
    return d->level < LEVELS_MAX ? look_into(d, text) : 0;
}

static int take_json(void *context, UNUSED enum body_item kind, slice name, slice value)
{
    return value.len ? add(context, name, value) : 0;
}

/* Its values when it is JSON. 1 · 0 it is none, or has too many of them */
static int add_json(struct decoded *d, slice text)
{
    static const struct body_limits limits = { .arguments_max = JSON_VALUES_MAX,
                                               .depth_max = JSON_LEVELS_MAX };
    struct body_reader reader = {
        .sink = { d, take_json }, .limits = &limits, .arena = d->t->arena, .work = d->t->work
    };
    slice inner;
    TRY(work_trim(d->t->work, text, &inner));
    if (inner.len == 0 || (inner.ptr[0] != '{' && inner.ptr[0] != '['))
        return 0;
    int is_valid = json_is_valid(&reader, inner);
    if (is_valid <= 0)
        return is_valid;
    TRY(json_read(&reader, inner));
    return !(reader.state.flags & BODY_LIMITED);
}

/* Goes no deeper than LEVELS_MAX. */
static int look_into(struct decoded *d, slice value)
{
    struct base64_text pieces;
    int found = base64_text_open(&pieces, value, d->t->work);
    if (found <= 0)
        return found;
    d->level++;
    for (;;) {
        slice text;
        found = base64_text_next(&pieces, d->t->arena, d->t->work, &text);
        if (found <= 0)
            break;
        found = add_json(d, text);
        if (found < 0 || (found == 0 && (found = add(d, SLICE(""), text)) != 0))
            break;
    }
    d->level--;
    return found;
}

int decoded_add(struct waf_transaction *t, struct source *s, slice name, slice value)
{
    return decoded_add_part(t, s, name, SLICE(""), value);
}

int decoded_add_part(struct waf_transaction *t, struct source *s, slice name, slice member,
                     slice value)
{
    struct decoded d = { .t = t, .source = s, .name = name, .encoded = value };
    TRY(source_add(t, s, name, value));
    if (member.len) {
        d.part = arena_copy(t->arena, member);
        TRY(d.part.ptr ? tell_origin(&d, (slice){ 0 }, SLICE("")) : -ENOMEM);
    }
    if (!t->world.decodes_base64 || is_state_of_framework(name))
        return 0;
    return look_into(&d, value);
}
