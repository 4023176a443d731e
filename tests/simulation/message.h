/* An HTTP/1 message as a peer of the simulation reads it: written apart from src/wire, so that one
 * mistake is not made twice. Bodies follow a pattern that is known from the number of the exchange
 * and the position, so that a byte lost, doubled, moved or invented is seen. */
#pragma once

#include "base/slice.h"

enum { PATTERN_REQUEST = 0, PATTERN_RESPONSE = 1 };

/* The byte at a position of an exchange's body. */
static inline char pattern_byte(uint32_t exchange, uint32_t side, uint64_t at)
{
    uint64_t z =
        (at + 1) * 0x9e3779b97f4a7c15u ^ (2 * (uint64_t)exchange + side) * 0xff51afd7ed558ccdu;
    return (char)(z >> 41);
}

void pattern_fill(char *to, uint32_t exchange, uint32_t side, uint64_t from, size_t count);

enum message_state {
    MESSAGE_HEAD,
    MESSAGE_HEAD_DONE, /* the owner says how the body is framed */
    MESSAGE_BYTES,
    MESSAGE_CHUNK_HEAD,
    MESSAGE_CHUNK,
    MESSAGE_CHUNK_END,
    MESSAGE_TRAILER,
    MESSAGE_UNTIL_END,
    MESSAGE_DONE,
    MESSAGE_BROKEN, /* it is no HTTP */
};

#define MESSAGE_HEAD_MAX 4096u

struct message {
    enum message_state state;
    char head[MESSAGE_HEAD_MAX];
    size_t head_length, line_length;
    /* of the head */
    uint32_t status, minor_version;
    char method[16];
    int64_t exchange; /* X-Exchange, or the number in the path; -1: none */
    int64_t length;   /* -1: none */
    bool chunked, closes, keeps, expects, upgrades;
    /* of the body */
    uint64_t left, body;
    uint32_t pattern_exchange, pattern_side;
    bool has_pattern, is_wrong; /* a byte was not the one that belongs there */
};

void message_open(struct message *m);
/* How the body behind the head is framed; with a pattern when it is the exchange's own. */
void message_without_body(struct message *m);
void message_with_body(struct message *m);
void message_until_end(struct message *m);
void message_expect_pattern(struct message *m, uint32_t exchange, uint32_t side);

/* Reads on; how much it used. Stops at HEAD_DONE, DONE and BROKEN. */
size_t message_read(struct message *m, slice bytes);
