#include "waf/engine/decoded.h"

#include <errno.h>

#include "waf/bodies/base64_text.h"
#include "waf/bodies/json.h"

enum { LEVELS_MAX = 2, JSON_VALUES_MAX = 256, JSON_LEVELS_MAX = 32 };

/* One value of the request under way. */
struct decoded {
    struct waf_transaction *t;
    struct source *source;
    slice name, encoded;
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

static int add(struct decoded *d, slice member, slice text)
{
    struct decoded_from *from = arena_take(d->t->arena, sizeof *from);
    if (!from)
        return -ENOMEM;
    *from = (struct decoded_from){ .encoded = d->encoded, .member = member };
    TRY(source_add(d->t, d->source, d->name, text));
    struct item *item = source_item(d->source, d->source->count - 1);
    item->is_echo = true;
    item->from = from;
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
    struct decoded d = { .t = t, .source = s, .name = name, .encoded = value };
    TRY(source_add(t, s, name, value));
    if (!t->world.decodes_base64 || is_state_of_framework(name))
        return 0;
    return look_into(&d, value);
}
