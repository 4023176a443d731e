/* A body that waits for a verdict before it goes on: first a sink, into which the relay puts it,
 * then a source that gives it again, from the start, as often as it is rewound, with what has not
 * been held behind it.
 *
 * Little of it lies in a pooled buffer (within `limits buffered`), more in a file in memory that
 * has no name (within `limits held`). The bytes are seen as a whole: held_body_bytes(). One per
 * message, made by whoever wants it held; closing the source frees all of it and closes the source
 * it was taken from.
 *
 * Neither giving nor freeing holds up others: waiting for more gives way after FIBER_FAIR_BYTES,
 * and closing after each HELD_FREED_AT_ONCE of a file, whether the fiber is cancelled or not. */
#pragma once

#include "base/purse.h"
#include "proxy/body.h"

struct held_body;

/* Freeing a page of a file takes the system half a microsecond. */
#define HELD_FREED_AT_ONCE (512u << 10)

/* `limits held` of this worker: held bodies in files, and what is made of bodies to be judged. */
extern struct purse held_purse;

/* NULL: no memory. */
MUST_CHECK struct held_body *held_body_make(struct body_source *behind);

/* Never lets anybody wait; -ENOBUFS when there is no room within the limits. Then nothing more may
 * be put in; what could not be held is put by and comes behind what is, so that the body can go on
 * unseen. */
struct body_sink *held_body_sink(struct held_body *h);

/* Nothing more is put in. From here on the body is in held_body_source(), which may be used in the
 * place of what it was taken from. 0 · -ENOBUFS there is no room to see it as a whole, or a part of
 * it could not even be put by: it is lost */
MUST_CHECK int held_body_settle(struct held_body *h);
struct body_source *held_body_source(struct held_body *h);

/* What is held, as long as the source is open; after held_body_settle. */
slice held_body_bytes(const struct held_body *h);
