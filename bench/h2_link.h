/* One connection of HTTP/2 that several clients of the load generator share: each of them has one
 * stream at a time. nghttp2 makes and takes the frames.
 *
 * What clients begin is gathered, and what they come to is collected, until the engine asks:
 * h2_links_flush sends, h2_links_take_done tells. A connection opens when a client has something to
 * send, and again after the server has said that it will take no more (GOAWAY). */
#pragma once

#include <nghttp2/nghttp2.h>

#include "client.h"

enum { H2_LINK_OUT_BYTES = 64 * 1024 };

struct h2_link {
    struct transport transport;
    struct h2_links *all;
    nghttp2_session *session; /* once the connection is open */
    struct client *clients;   /* those that share it, one after another in memory */
    unsigned client_count;
    unsigned waiting; /* clients that have begun and have no stream yet */
    unsigned active;  /* clients that have one */
    unsigned index;
    bool is_reused; /* an exchange was completed on it */
    bool is_ending; /* no further streams: GOAWAY came */
    bool is_dirty;
    struct h2_link *next_dirty;
    size_t out_at, out_bytes;
    char out[H2_LINK_OUT_BYTES];
};

struct h2_links {
    struct client_plan *plan;
    struct h2_link *links;
    unsigned count;
    struct h2_link *dirty;
    struct client *done_first, *done_last;
    nghttp2_session_callbacks *callbacks;
};

/* Distributes the clients: plan->streams to a connection. 0 · -ENOMEM */
MUST_CHECK int h2_links_open(struct h2_links *links, struct client_plan *plan,
                             struct client *clients, unsigned client_count);
void h2_links_close(struct h2_links *links);

/* Starts an exchange. What it comes to is told by h2_links_take_done. */
void h2_link_begin(struct client *client, int64_t intended_ns);

/* Goes on after an event of epoll. */
void h2_link_advance(struct h2_link *link, uint32_t events);

/* Sends what was begun. Whether some exchange came to an end by it. */
bool h2_links_flush(struct h2_links *links);

/* The next client whose exchange has ended, with its `outcome` (and `error`); NULL: none. */
struct client *h2_links_take_done(struct h2_links *links);
