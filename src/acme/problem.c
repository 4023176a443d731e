#include "acme/problem.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#define TYPE_PREFIX     "urn:ietf:params:acme:error:"
#define SUBPROBLEMS_MAX 10u
#define EXCERPT_BYTES   200u

void acme_problem_clear(struct acme_problem *p)
{
    *p = (struct acme_problem){ .retry_after_s = -1 };
}

void acme_problem_say(struct acme_problem *p, const char *format, ...)
{
    va_list arguments;
    acme_problem_clear(p);
    va_start(arguments, format);
    (void)vsnprintf(p->text, sizeof p->text, format, arguments);
    va_end(arguments);
}

/* Strangers' words for a log line: no control characters, and no end in the middle of a letter. */
static void write_words(struct writer *w, slice words)
{
    size_t room = w->capacity - w->len;
    if (words.len > room) {
        words.len = room;
        while (words.len && ((uint8_t)words.ptr[words.len] & 0xc0) == 0x80)
            words.len--;
    }
    for (size_t i = 0; i < words.len; i++) {
        bool is_control = (uint8_t)words.ptr[i] < 0x20 || words.ptr[i] == 0x7f;
        writer_byte(w, is_control ? ' ' : words.ptr[i]);
    }
}

static slice text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return slice_of(json_string_value(value), json_string_length(value));
}

static slice short_type(slice type)
{
    slice prefix = SLICE(TYPE_PREFIX);
    return slice_starts_with(type, prefix) ? slice_after(type, prefix.len) : type;
}

static void write_one(struct writer *w, const json_t *json)
{
    slice type = short_type(text_of(json, "type")), detail = text_of(json, "detail");
    write_words(w, type.len ? type : SLICE("error without a type"));
    if (detail.len) {
        write_words(w, SLICE(": "));
        write_words(w, detail);
    }
}

static void write_subproblems(struct writer *w, const json_t *json)
{
    const json_t *list = json_object_get(json, "subproblems");
    for (size_t i = 0; i < json_array_size(list) && i < SUBPROBLEMS_MAX; i++) {
        const json_t *one = json_array_get(list, i);
        write_words(w, i ? SLICE("; ") : SLICE(" ("));
        slice name = text_of(json_object_get(one, "identifier"), "value");
        if (name.len) {
            write_words(w, name);
            write_words(w, SLICE(": "));
        }
        write_one(w, one);
    }
    if (json_array_size(list))
        write_words(w, SLICE(")"));
}

void acme_problem_take_json(struct acme_problem *p, const char *what, const json_t *json)
{
    slice type = short_type(text_of(json, "type"));
    struct writer w = writer_over(p->text, sizeof p->text - 1);
    acme_problem_clear(p);
    p->status = (int)json_integer_value(json_object_get(json, "status"));
    if (type.len && type.len < sizeof p->type)
        memcpy(p->type, type.ptr, type.len);
    writer_format(&w, "the CA refused %s: ", what);
    write_one(&w, json);
    write_subproblems(&w, json);
    p->text[w.len] = '\0';
}

void acme_problem_take(struct acme_problem *p, const char *what, const struct acme_reply *reply)
{
    json_t *json = NULL;
    if (strcmp(reply->content_type, "application/problem+json") == 0)
        json = json_loadb(reply->body, reply->body_bytes, 0, NULL);
    if (json_is_object(json)) {
        acme_problem_take_json(p, what, json);
    } else {
        struct writer w = writer_over(p->text, sizeof p->text - 1);
        acme_problem_clear(p);
        writer_format(&w, "the CA answered %s with HTTP status %d and no problem document", what,
                      reply->status);
        slice body = slice_first(slice_of(reply->body, reply->body_bytes), EXCERPT_BYTES);
        if (body.len) {
            write_words(&w, SLICE(": "));
            write_words(&w, body);
        }
        p->text[w.len] = '\0';
    }
    json_decref(json);
    p->status = reply->status;
    p->retry_after_s = reply->retry_after_s;
}
