/* A client's connection that speaks HTTP/2: streams become exchanges, one fiber each, and the same
 * exchange as in HTTP/1. While no stream is open and no head is under way the connection is parked
 * like any other: the session stays, without fibers and buffers.
 *
 * Its end is said in two steps (RFC 9113 §6.8): a GOAWAY that allows every stream, then, when a
 * PING has come back and so everything that was on its way has come, one with the last stream that
 * is served. */
#pragma once

#include "proxy/connection.h"

/* Whether the bytes are the client's preface (RFC 9113 §3.4).
 * 0 they are · -EAGAIN as far as they go · -EPROTO they are something else */
MUST_CHECK int h2_preface_check(slice bytes);

/* Serves what has come and what comes, until no stream is open. True: the connection may be parked.
 * False: it is over; how long it should linger, so that the client reads our last words, stands in
 * c->h2_linger_bytes. */
MAY_WAIT bool h2_server_serve(struct connection *c);

/* From any state: no new streams for long. */
void h2_server_drain(struct connection *c);

/* A parked connection closes: says so, and frees what it had. */
void h2_server_close(struct connection *c);
