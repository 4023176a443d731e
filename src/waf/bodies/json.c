#include "waf/bodies/json.h"

#include "base/writer.h"
#include "waf/bodies/json_token.h"

/* A container that is open. */
struct json_frame {
    size_t name_len; /* of the path that names it */
    uint64_t members;
};

struct json_walk {
    struct body_reader *r;
    struct json_tokens tokens;
    size_t at;     /* where the text stands in the body */
    uint64_t paid; /* of tokens.steps */
    struct json_names *names;
};

static int fail_limit(struct json_walk *w, const char *what, size_t limit)
{
    return body_fail(w->r, BODY_ERROR | BODY_LIMITED, w->at + w->tokens.at, "JSON: %s, at most %zu",
                     what, limit);
}

static int path_add(struct json_walk *w, slice more)
{
    if (more.len > JSON_NAME_MAX - w->names->path.len)
        return fail_limit(w, "the name of a value is too long", JSON_NAME_MAX);
    return body_text_add(&w->names->path, w->r->arena, more);
}

/* Makes the path name the member of the object on top that has this key. */
static int path_enter_key(struct json_walk *w, slice key)
{
    struct json_frame *top = &w->names->frames[w->tokens.depth - 1];
    w->names->path.len = top->name_len;
    top->members++;
    TRY(path_add(w, SLICE(".")));
    return path_add(w, key.len ? key : SLICE("empty-key"));
}

/* Before a value: in an array the path gets its number; depth is that of what holds the value. */
static int path_enter_value(struct json_walk *w, uint32_t depth)
{
    if (depth == 0 || w->tokens.is_object[(depth - 1) / 64] >> ((depth - 1) % 64) & 1)
        return 0;
    struct json_frame *top = &w->names->frames[depth - 1];
    char text[32];
    struct writer number = writer_over(text, sizeof text);
    writer_literal(&number, ".array_");
    writer_decimal(&number, top->members++);
    w->names->path.len = top->name_len;
    return path_add(w, writer_slice(&number));
}

static int add_argument(struct json_walk *w, slice value)
{
    struct body_state *state = &w->r->state;
    size_t limit =
        w->r->limits->names_bytes_max ? w->r->limits->names_bytes_max : JSON_NAMES_DEFAULT;
    if (w->names->path.len > limit - state->names_bytes)
        return fail_limit(w, "the names of all values are too long", limit);
    TRY(work_spend(w->r->work, w->names->path.len));
    char *copy = arena_take_bytes(w->r->arena, w->names->path.len);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, w->names->path.ptr, w->names->path.len);
    slice name = slice_of(copy, w->names->path.len);
    state->names_bytes += name.len;
    return body_argument(w->r, name, value, w->at + w->tokens.at);
}

/* The tokeniser has just gone one deeper. */
static int enter_container(struct json_walk *w)
{
    uint32_t depth = w->tokens.depth;
    TRY(path_enter_value(w, depth - 1));
    if (depth > w->names->frames_capacity) {
        uint32_t capacity = w->names->frames_capacity ? 2 * w->names->frames_capacity : 16;
        struct json_frame *frames = arena_take_array(w->r->arena, capacity, sizeof *frames);
        if (!frames)
            return -ENOMEM;
        if (w->names->frames_capacity)
            memcpy(frames, w->names->frames, w->names->frames_capacity * sizeof *frames);
        w->names->frames = frames;
        w->names->frames_capacity = capacity;
    }
    w->names->frames[depth - 1] = (struct json_frame){ .name_len = w->names->path.len };
    return 0;
}

/* It has just come back; the container's frame is still there. */
static int leave_container(struct json_walk *w)
{
    const struct json_frame *left = &w->names->frames[w->tokens.depth];
    w->names->path.len = left->name_len;
    return left->members == 0 ? add_argument(w, SLICE("")) : 0;
}

static int add_scalar(struct json_walk *w, slice value)
{
    TRY(path_enter_value(w, w->tokens.depth));
    return add_argument(w, value);
}

static int take_event(struct json_walk *w, enum json_event event, slice text)
{
    switch (event) {
    case JSON_OBJECT_BEGIN:
    case JSON_ARRAY_BEGIN:
        return enter_container(w);
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
        return leave_container(w);
    case JSON_KEY:
        return path_enter_key(w, text);
    case JSON_STRING:
    case JSON_NUMBER:
        return add_scalar(w, text);
    case JSON_TRUE:
        return add_scalar(w, SLICE("true"));
    case JSON_FALSE:
        return add_scalar(w, SLICE("false"));
    case JSON_NULL:
        return add_scalar(w, SLICE(""));
    case JSON_TOO_DEEP:
        return fail_limit(w, "it is nested too deeply", w->tokens.depth_max);
    case JSON_NO_MEMORY:
        return -ENOMEM;
    case JSON_MALFORMED:
        return body_fail(w->r, BODY_ERROR, w->at + w->tokens.at, "JSON: %s at byte %zu",
                         w->tokens.problem, w->at + w->tokens.at);
    case JSON_MORE:
    case JSON_END:
        break;
    }
    return 0;
}

static uint32_t depth_max(const struct body_reader *r)
{
    return r->limits->depth_max ? r->limits->depth_max : BODY_DEPTH_DEFAULT;
}

int json_read_named(struct body_reader *r, struct json_names *names, slice text, slice root,
                    size_t at)
{
    struct json_walk w = { .r = r, .at = at, .names = names };
    json_open(&w.tokens, text, depth_max(r), r->arena);
    names->path.len = 0;
    TRY(path_add(&w, root));
    enum json_event event = JSON_MORE;
    while (event != JSON_END) {
        slice value = SLICE("");
        event = json_next(&w.tokens, WORK_BLOCK, &value);
        TRY(work_spend(r->work, (size_t)(w.tokens.steps - w.paid)));
        w.paid = w.tokens.steps;
        TRY(take_event(&w, event, value));
    }
    return 0;
}

int json_read(struct body_reader *r, slice body)
{
    struct json_names names = { 0 };
    return body.len == 0 ? 0 : body_result(json_read_named(r, &names, body, SLICE("json"), 0));
}

int json_is_valid(const struct body_reader *r, slice text)
{
    struct json_tokens tokens;
    json_open(&tokens, text, depth_max(r), NULL);
    for (uint64_t paid = 0;;) {
        slice value;
        enum json_event event = json_next(&tokens, WORK_BLOCK, &value);
        TRY(work_spend(r->work, (size_t)(tokens.steps - paid)));
        paid = tokens.steps;
        if (event >= JSON_END)
            return event == JSON_END;
    }
}
