/* A pull tokeniser of JSON (RFC 8259), event by event, without recursion.
 *
 * Strict: no trailing commas, comments, leading zeros, NaN, single quotes, control characters in
 * strings, byte order mark; one value, with white space around it. Invalid UTF-8 in strings is an
 * error (§8.1); an escaped surrogate without its other half is not (the grammar of §7 has it), and
 * becomes U+FFFD. Depth is bounded; the kind of each open container is one bit. */
#pragma once

#include "base/arena.h"

enum { JSON_DEPTH_MAX = 4096, JSON_NUMBER_MAX = 4096 };

enum json_event {
    JSON_MORE,         /* bytes_max is used up; call again */
    JSON_OBJECT_BEGIN, /* { */
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY,    /* text: the name of a member */
    JSON_STRING, /* text */
    JSON_NUMBER, /* text, as written */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_END,       /* the value and the white space behind it are over */
    JSON_MALFORMED, /* problem says what, `at` where */
    JSON_TOO_DEEP,
    JSON_NO_MEMORY,
};

enum json_expect {
    JSON_EXPECT_VALUE,
    JSON_EXPECT_VALUE_OR_END, /* behind [ */
    JSON_EXPECT_KEY,
    JSON_EXPECT_KEY_OR_END, /* behind { */
    JSON_EXPECT_COLON,
    JSON_EXPECT_COMMA_OR_END,
    JSON_EXPECT_NOTHING, /* the value is over */
    JSON_EXPECT_STRING,  /* inside one */
    JSON_EXPECT_DECODED, /* behind one whose escapes are being decoded */
    JSON_EXPECT_FAILED,
};

struct json_tokens {
    slice text;
    size_t at;           /* next byte to look at */
    uint64_t steps;      /* bytes looked at so far, twice where escapes were decoded */
    uint32_t depth;      /* open containers */
    uint32_t depth_max;  /* at most JSON_DEPTH_MAX */
    struct arena *arena; /* for strings with escapes; others point into the text */
    const char *problem; /* of JSON_MALFORMED */

    /* inside */
    enum json_expect expect;
    enum json_event failure; /* repeated in JSON_EXPECT_FAILED */
    bool is_key, has_escapes;
    size_t string_from, string_to, decoded_to;
    char *decoded;
    size_t decoded_len;
    uint64_t is_object[JSON_DEPTH_MAX / 64];
};

/* depth_max: 0 for JSON_DEPTH_MAX, and no more than that. arena NULL: strings come as written, with
 * their escapes. */
void json_open(struct json_tokens *t, slice text, uint32_t depth_max, struct arena *arena);

/* The next event. bytes_max: about how many bytes may be looked at before JSON_MORE, at least 8.
 * ret_text is set for keys, strings and numbers. JSON_END and failures repeat. */
enum json_event json_next(struct json_tokens *t, size_t bytes_max, slice *ret_text);
