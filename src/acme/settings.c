#include "acme/settings.h"

#include <errno.h>
#include <jansson.h>

slice acme_settings_directory(const struct acme_settings *s)
{
    if (s->directory.len)
        return s->directory;
    return s->is_staging ? SLICE(ACME_STAGING_URL) : SLICE(ACME_PRODUCTION_URL);
}

slice acme_settings_staging(const struct acme_settings *s)
{
    return s->directory.len || s->is_staging ? SLICE("") : SLICE(ACME_STAGING_URL);
}

/* The members, in both directions. */
static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    { "directory", offsetof(struct acme_settings, directory) },
    { "contact", offsetof(struct acme_settings, contact) },
    { "eab-kid", offsetof(struct acme_settings, eab_kid) },
    { "eab-key", offsetof(struct acme_settings, eab_key) },
    { "ca", offsetof(struct acme_settings, ca) },
    { "hook", offsetof(struct acme_settings, hook) },
    { "profile", offsetof(struct acme_settings, profile) },
    { "issuer", offsetof(struct acme_settings, issuer) },
    { "http", offsetof(struct acme_settings, http_address) },
};

static const struct {
    const char *name;
    size_t offset;
    uint8_t max;
} numbers[] = {
    { "on", offsetof(struct acme_settings, is_on), 1 },
    { "staging", offsetof(struct acme_settings, is_staging), 1 },
    { "must-staple", offsetof(struct acme_settings, must_staple), 1 },
    { "challenge", offsetof(struct acme_settings, challenge), ACME_CHALLENGE_DNS },
    { "key", offsetof(struct acme_settings, key), ACME_KEY_RSA },
    { "reach-http", offsetof(struct acme_settings, reach_http), ACME_REACH_STANDARD },
    { "reach-tls", offsetof(struct acme_settings, reach_tls), ACME_REACH_STANDARD },
};

void acme_settings_write(const struct acme_settings *s, struct writer *w)
{
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const slice *text = (const void *)((const char *)s + texts[i].offset);
        writer_format(w, "%c\"%s\":\"", i ? ',' : '{', texts[i].name);
        writer_json(w, *text);
        writer_byte(w, '"');
    }
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
        writer_format(w, ",\"%s\":%u", numbers[i].name,
                      *((const uint8_t *)(const void *)s + numbers[i].offset));
    writer_byte(w, '}');
}

static int read_texts(const json_t *root, struct arena *a, struct acme_settings *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const json_t *value = json_object_get(root, texts[i].name);
        slice *text = (void *)((char *)ret + texts[i].offset);
        if (!json_is_string(value))
            return -EPROTO;
        *text = arena_copy(a, slice_of(json_string_value(value), json_string_length(value)));
        if (!text->ptr)
            return -ENOMEM;
    }
    return 0;
}

static int read_numbers(const json_t *root, struct acme_settings *ret)
{
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        const json_t *value = json_object_get(root, numbers[i].name);
        json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < 0 || number > numbers[i].max)
            return -EPROTO;
        *((uint8_t *)(void *)ret + numbers[i].offset) = (uint8_t)number;
    }
    return 0;
}

int acme_settings_read(slice json, struct arena *a, struct acme_settings *ret)
{
    json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
    *ret = (struct acme_settings){ 0 };
    int result = json_is_object(root) ? read_texts(root, a, ret) : -EPROTO;
    if (result == 0)
        result = read_numbers(root, ret);
    json_decref(root);
    return result;
}
