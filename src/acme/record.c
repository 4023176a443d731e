#include "acme/record.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"

#define KIND "certificate"

static const struct {
    const char *name;
    size_t offset, bytes;
} texts[] = {
#define TEXT(member)                                                                               \
    {                                                                                              \
#member, offsetof(struct record, member), sizeof(((struct record *)0)->member)             \
    }
    TEXT(name),  TEXT(directory), TEXT(order), TEXT(key_name),
    TEXT(names), TEXT(error),     TEXT(leaf),  TEXT(issued_by),
#undef TEXT
};

static const struct {
    const char *name;
    size_t offset;
} moments[] = {
    { "attempted_ms", offsetof(struct record, attempted_ms) },
    { "delay_ms", offsetof(struct record, delay_ms) },
    { "moment_ms", offsetof(struct record, moment_ms) },
    { "window_start_ms", offsetof(struct record, window.start_ms) },
    { "window_end_ms", offsetof(struct record, window.end_ms) },
    { "look_ms", offsetof(struct record, look_ms) },
};

static void take(const json_t *json, struct record *r)
{
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const json_t *value = json_object_get(json, texts[i].name);
        size_t length = json_string_length(value);
        if (length && length < texts[i].bytes)
            memcpy((char *)r + texts[i].offset, json_string_value(value), length + 1);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(moments); i++)
        *(int64_t *)(void *)((char *)r + moments[i].offset) =
            json_integer_value(json_object_get(json, moments[i].name));
    r->failures = (uint32_t)json_integer_value(json_object_get(json, "failures"));
    r->refusals = (uint32_t)json_integer_value(json_object_get(json, "refusals"));
    r->failed_challenges = (uint8_t)json_integer_value(json_object_get(json, "failed_challenges"));
    r->must_renew = json_is_true(json_object_get(json, "must_renew"));
    r->is_limited = json_is_true(json_object_get(json, "is_limited"));
    r->rehearses = json_is_true(json_object_get(json, "rehearses"));
}

void record_read(const struct store *s, slice name, struct record *ret)
{
    json_t *json;
    *ret = (struct record){ 0 };
    int result = store_read(s, KIND, name, &json);
    if (result == 0)
        take(json, ret);
    else if (result != -ENOENT)
        log_warn("acme: the record of %.*s cannot be read and begins anew: %s",
                 SLICE_ARGUMENTS(name), strerror(-result));
    json_decref(json);
    (void)snprintf(ret->name, sizeof ret->name, "%.*s", SLICE_ARGUMENTS(name));
}

int record_write(const struct store *s, const struct record *r)
{
    json_t *json = json_object();
    int failed = json ? 0 : 1;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const char *text = (const char *)r + texts[i].offset;
        json_t *value = json_string(text);
        /* Words of strangers that are no UTF-8 are left out. */
        failed |= value ? json_object_set_new(json, texts[i].name, value) : 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(moments); i++) {
        const int64_t *moment = (const void *)((const char *)r + moments[i].offset);
        failed |= json_object_set_new(json, moments[i].name, json_integer(*moment));
    }
    failed |= json_object_set_new(json, "failures", json_integer(r->failures));
    failed |= json_object_set_new(json, "refusals", json_integer(r->refusals));
    failed |= json_object_set_new(json, "failed_challenges", json_integer(r->failed_challenges));
    failed |= json_object_set_new(json, "must_renew", json_boolean(r->must_renew));
    failed |= json_object_set_new(json, "is_limited", json_boolean(r->is_limited));
    failed |= json_object_set_new(json, "rehearses", json_boolean(r->rehearses));
    int result = failed ? -ENOMEM : store_write(s, KIND, slice_from(r->name), json);
    json_decref(json);
    return result;
}

void record_end_order(struct record *r)
{
    r->directory[0] = r->order[0] = r->key_name[0] = r->names[0] = '\0';
}
