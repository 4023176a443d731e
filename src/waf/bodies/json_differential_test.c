/* Two readers of JSON, ours and jansson, over thousands of damaged texts: they accept the same and
 * see the same values under the same names. The damage follows from a fixed seed. Known and wanted
 * differences are passed over by name: jansson refuses lone surrogates and numbers too large for a
 * double, and stops at a depth of 2048. */
#include <jansson.h>

#include "waf/bodies/body_record.h"
#include "waf/bodies/json.h"

static const char *const seeds[] = {
    "{\"a\":{\"b\":[1,2,\"x\",true,{\"c\":\"d\"}]},\"e\":null,\"f\":-1.5e3}",
    "[[],{},[[1]],[{\"\":\"\"}],\"\\u00e9\\ud83d\\ude00\\n\\\\\\\"\\/\"]",
    "{\"n\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\",\"t\":[\"a\",\"b\",\"\"],\"m\":[0,-0,10,1E2]}",
    " { \"k\" : [ true , false , null ] , \"s\" : \"\\b\\f\\r\\t\" }\n",
    "\"text\\u0041\"",
    "-12.25e-2",
};

static uint64_t dice = 0x9e3779b97f4a7c15;

static uint32_t throw_dice(size_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice % sides);
}

/* Bytes that matter to JSON, more often than others. */
static char any_byte(void)
{
    static const char wanted[] =
        "{}[]:,\"\\ \t\n0123456789-+.eEtrufalsn/bx\x80\xc3\xa9\xed\xf0\x9f\x1f";
    return throw_dice(8) == 0 ? (char)throw_dice(256) : wanted[throw_dice(sizeof wanted - 1)];
}

static size_t damage(char *text, size_t len, size_t room)
{
    for (unsigned count = throw_dice(4); count > 0 && len > 1; count--) {
        size_t at = throw_dice(len), other = throw_dice(len);
        size_t run = 1 + throw_dice(6);
        switch (throw_dice(5)) {
        case 0:
            text[at] = any_byte();
            break;
        case 1: /* without it */
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
            break;
        case 2: /* one more */
            if (len < room) {
                memmove(text + at + 1, text + at, len - at);
                text[at] = any_byte();
                len++;
            }
            break;
        case 3: /* a piece of it, elsewhere */
            if (run > len - at)
                run = len - at;
            if (run > len - other)
                run = len - other;
            memmove(text + at, text + other, run);
            break;
        default:
            len = at + 1;
            break;
        }
    }
    return len;
}

struct flat {
    char *text;
    size_t len;
};

static void flat_add(struct flat *f, const char *name, const char *value, size_t len)
{
    struct body_record r = { .text = f->text, .len = f->len, .refuse_at = -1 };
    assert_int_equal(body_record_item(&r, BODY_ARG, slice_from(name), slice_of(value, len)), 0);
    f->len = r.len;
}

/* What our reader should hand over for jansson's value. Numbers come as #, their text is lost. */
static void flatten(struct flat *f, const char *name, json_t *value)
{
    char below[4096];
    size_t index;
    const char *key;
    json_t *member;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        if (json_object_size(value) == 0)
            flat_add(f, name, "", 0);
        json_object_foreach(value, key, member)
        {
            (void)snprintf(below, sizeof below, "%s.%s", name, *key ? key : "empty-key");
            flatten(f, below, member);
        }
        break;
    case JSON_ARRAY:
        if (json_array_size(value) == 0)
            flat_add(f, name, "", 0);
        json_array_foreach(value, index, member)
        {
            (void)snprintf(below, sizeof below, "%s.array_%zu", name, index);
            flatten(f, below, member);
        }
        break;
    case JSON_STRING:
        flat_add(f, name, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        flat_add(f, name, "#", 1);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        flat_add(f, name, json_is_true(value) ? "true" : "false", json_is_true(value) ? 4 : 5);
        break;
    case JSON_NULL:
        flat_add(f, name, "", 0);
        break;
    }
}

/* Ours, with numbers as # where jansson has a number: told by the text it came from. */
static int record_item(void *context, enum body_item kind, slice name, slice value)
{
    struct body_record *r = ((void **)context)[0];
    const slice *text = ((void **)context)[1];
    bool inside = value.ptr >= text->ptr && value.ptr < text->ptr + text->len;
    bool number = inside && value.len && (value.ptr == text->ptr || value.ptr[-1] != '"') &&
                  (value.ptr[0] == '-' || (value.ptr[0] >= '0' && value.ptr[0] <= '9'));
    return body_record_item(r, kind, name, number ? SLICE("#") : value);
}

static bool is_known_difference(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow ||
           strstr(error->text, "invalid Unicode");
}

static unsigned compare(slice text)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    void *context[] = { &r, &text };
    r.reader.sink = (struct body_sink){ .context = context, .item = record_item };
    assert_int_equal(json_read(&r.reader, text), 0);
    bool accepted = !(r.reader.state.flags & BODY_ERROR);
    json_error_t error;
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_t *theirs = json_loadb(text.ptr, text.len, flags, &error);
    bool same = accepted == (theirs != NULL) || (accepted && is_known_difference(&error));
    if (!same)
        fail_msg("%.*s\nours: %s\njansson: %s", SLICE_ARGUMENTS(text), r.reader.state.message,
                 error.text);
    json_t *unique =
        theirs ? json_loadb(text.ptr, text.len, flags | JSON_REJECT_DUPLICATES, &error) : NULL;
    if (unique) {
        struct flat f = { .text = calloc(1, RECORD_BYTES) };
        assert_non_null(f.text);
        flatten(&f, "json", unique);
        if (strcmp(f.text, r.text) != 0)
            fail_msg("%.*s\nours:\n%s\njansson:\n%s", SLICE_ARGUMENTS(text), r.text, f.text);
        free(f.text);
    }
    bool compared = unique != NULL;
    json_decref(theirs);
    json_decref(unique);
    body_record_close(&r);
    return compared;
}

TEST(jansson_accepts_and_sees_the_same)
{
    enum { ROUNDS = 4000, ROOM = 400 };
    unsigned seen = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *seed = seeds[round % ARRAY_LENGTH(seeds)];
        char text[ROOM];
        size_t len = strlen(seed);
        memcpy(text, seed, len);
        len = damage(text, len, sizeof text);
        char *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, text, len);
        seen += compare(slice_of(copy, len));
        free(copy);
    }
    assert_true(seen > ROUNDS / 10 && seen < ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jansson_accepts_and_sees_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
