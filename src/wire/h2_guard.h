/* What the framing library lets pass in the heads of frames and RFC 9113 does not: frames too small
 * or too large for what they are, PRIORITY of no stream, and frames on streams that are over. It
 * walks over what a peer sends in front of the library and stops at frames that need judgement. A
 * few words per connection; pure.
 *
 * A peer may not know yet that we have reset a stream: what it sent before it could, is passed over
 * (§5.1, "closed"). Anything else on a stream that is over says that the peer has lost count. */
#pragma once

#include "base/slice.h"

/* Every peer takes frames as large (§4.2), and we announce no more. */
#define H2_FRAME_BYTES_MAX  16384u
#define H2_FRAME_HEAD_BYTES 9u
#define H2_PRIORITY_BYTES   5u

/* How many of the latest streams are remembered; of older ones everything is passed over. */
#define H2_GUARD_STREAMS 64u

struct h2_frame_head {
    uint32_t length;
    uint8_t type, flags;
    uint32_t stream;
    uint32_t dependency; /* of PRIORITY (§6.3): what it says means nothing any more, but who says */
    uint16_t weight;     /* so can be told by it (wire/h2_fingerprint.h). Weight from 1 to 256 */
    bool is_exclusive;
};

struct h2_guard {
    bool is_server;
    uint8_t begun[H2_FRAME_HEAD_BYTES + H2_PRIORITY_BYTES]; /* of a head that is not complete */
    uint8_t begun_bytes;
    uint32_t left;   /* of the preface or the payload that comes now */
    uint64_t frames; /* heads that were complete */
    uint32_t last;   /* the highest stream of the peer so far */
    uint64_t used;   /* bit n: stream last - 2n was opened; else it was left out */
    uint64_t reset;  /* bit n: we have reset stream last - 2n */
};

/* is_server: a client's preface comes first (§3.4). */
void h2_guard_open(struct h2_guard *g, bool is_server);

/* Walks over bytes in the order of their arrival. True: at a frame that needs judgement and at
 * every PRIORITY, once its head (of the latter, all) is complete; *ret_before are the bytes in
 * front of the head, which the library should have seen when h2_guard_judge() is asked. False: all
 * bytes have been walked over.
 *
 * *at   where to go on; begins at 0 */
bool h2_guard_walk(struct h2_guard *g, slice bytes, size_t *at, size_t *ret_before,
                   struct h2_frame_head *ret_head);

/* stream_is_open: the library has its stream open.
 * returns 0, or the error code with which the connection ends (§7) */
MUST_CHECK uint32_t h2_guard_judge(const struct h2_guard *g, const struct h2_frame_head *head,
                                   bool stream_is_open);

/* We have reset a stream. */
void h2_guard_reset(struct h2_guard *g, uint32_t stream);
