#include "h2_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/number.h"

enum {
    SCRATCH_BYTES = 64 * 1024,
    STREAM_WINDOW = 1 << 20, /* so that flow control never is what is measured */
    LINK_WINDOW = 1 << 24,
    FRAME_BYTES_MAX = 16384 + 64,
};

static uint8_t scratch[SCRATCH_BYTES];

static void link_touch(struct h2_link *link)
{
    if (link->is_dirty)
        return;
    link->is_dirty = true;
    link->next_dirty = link->all->dirty;
    link->all->dirty = link;
}

static void client_done(struct client *client, enum client_outcome outcome, const char *error)
{
    struct h2_links *all = client->link->all;
    client->state = CLIENT_READY;
    client->stream = 0;
    client->outcome = outcome;
    client->error = error;
    client->next_done = NULL;
    if (all->done_last)
        all->done_last->next_done = client;
    else
        all->done_first = client;
    all->done_last = client;
}

struct client *h2_links_take_done(struct h2_links *links)
{
    struct client *client = links->done_first;
    if (client)
        links->done_first = client->next_done;
    if (!links->done_first)
        links->done_last = NULL;
    return client;
}

static void link_close(struct h2_link *link)
{
    nghttp2_session_del(link->session);
    link->session = NULL;
    link->out_at = link->out_bytes = 0;
    link->is_reused = link->is_ending = false;
    link->active = 0;
    transport_close(&link->transport);
}

/* The connection has ended. Who had a stream has lost it; who still waits goes on with the next
 * connection, unless this one never came to be. */
static void link_lose(struct h2_link *link, const char *error)
{
    bool was_open = link->session != NULL;
    for (unsigned i = 0; i < link->client_count; i++) {
        struct client *client = &link->clients[i];
        if (client->state == CLIENT_BUSY) {
            bool untouched = link->is_reused && !client->head_taken;
            client_done(client, untouched ? CLIENT_CUT : CLIENT_FAILED, error);
        } else if (client->state == CLIENT_OPENING && !was_open) {
            link->waiting--;
            client_done(client, CLIENT_FAILED, error);
        }
    }
    link_close(link);
    if (link->waiting > 0)
        link_touch(link);
}

void h2_link_begin(struct client *client, int64_t intended_ns)
{
    client->intended_ns = intended_ns;
    client->state = CLIENT_OPENING;
    client->link->waiting++;
    link_touch(client->link);
}

/* --- What nghttp2 tells ----------------------------------------------------------------------- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags,
                     void *argument)
{
    struct client *client = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!client || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct h2_link *link = argument;
    slice field = slice_of((const char *)name, name_bytes);
    slice text = slice_of((const char *)value, value_bytes);
    if (slice_equal(field, SLICE(":status"))) {
        client->head_taken = true;
        if (!slice_equal(text, SLICE("200")))
            client->error = "unexpected status";
    } else if (slice_equal(field, SLICE("content-length"))) {
        if (number_parse(text, UINT64_MAX, &client->body_left) != 0 ||
            client->body_left != link->all->plan->length)
            client->error = "unexpected Content-Length";
        client->length_told = true;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t bytes, void *argument)
{
    struct client *client = nghttp2_session_get_stream_user_data(session, stream);
    if (!client || client->error)
        return 0;
    if (bytes > client->body_left)
        client->error = "bytes after the response";
    else
        client->body_left -= bytes;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *argument)
{
    struct h2_link *link = argument;
    struct client *client = nghttp2_session_get_stream_user_data(session, stream);
    if (!client || client->stream != stream)
        return 0;
    link->active--;
    if (code == NGHTTP2_REFUSED_STREAM)
        client_done(client, CLIENT_CUT, NULL);
    else if (code != NGHTTP2_NO_ERROR)
        client_done(client, CLIENT_FAILED, client->error ? client->error : "the stream was reset");
    else if (client->error)
        client_done(client, CLIENT_FAILED, client->error);
    else if (!client->length_told)
        client_done(client, CLIENT_FAILED, "no plain Content-Length");
    else if (client->body_left > 0)
        client_done(client, CLIENT_FAILED, "the stream ended early");
    else
        client_done(client, CLIENT_DONE, NULL);
    link->is_reused = true;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *argument)
{
    struct h2_link *link = argument;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        link->is_ending = true;
    return 0;
}

/* --- The connection --------------------------------------------------------------------------- */

/* 0 · -ENOMEM */
static int link_session_make(struct h2_link *link)
{
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
    };
    if (nghttp2_session_client_new(&link->session, link->all->callbacks, link) != 0 ||
        nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, settings,
                                ARRAY_LENGTH(settings)) != 0 ||
        nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, LINK_WINDOW) !=
            0)
        return -ENOMEM;
    return 0;
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE   \
    }

/* Opens a stream for every client that waits. 0 · -ENOMEM */
static int link_submit(struct h2_link *link)
{
    const struct client_plan *plan = link->all->plan;
    const nghttp2_nv fields[] = {
        FIELD(":method", "GET"),
        FIELD(":scheme", plan->transport.tls ? "https" : "http"),
        FIELD(":authority", plan->transport.name),
        FIELD(":path", plan->path),
        FIELD("user-agent", "bench-load"),
        FIELD("accept", "*/*"),
    };
    for (unsigned i = 0; link->waiting > 0 && i < link->client_count; i++) {
        struct client *client = &link->clients[i];
        if (client->state != CLIENT_OPENING)
            continue;
        client->stream =
            nghttp2_submit_request(link->session, NULL, fields, ARRAY_LENGTH(fields), NULL, client);
        if (client->stream < 0)
            return -ENOMEM;
        client->state = CLIENT_BUSY;
        client->error = NULL;
        client->head_taken = client->length_told = false;
        client->body_left = 0;
        link->waiting--;
        link->active++;
    }
    return 0;
}

/* Sends frames, many at once. 0 all, or the socket is full · -errno */
static int link_send(struct h2_link *link)
{
    for (;;) {
        while (link->out_at < link->out_bytes) {
            slice rest = slice_of(link->out + link->out_at, link->out_bytes - link->out_at);
            ssize_t sent = transport_send(&link->transport, rest);
            if (sent < 0)
                return sent == -EAGAIN ? 0 : (int)sent;
            link->out_at += (size_t)sent;
        }
        link->out_at = link->out_bytes = 0;
        while (link->out_bytes + FRAME_BYTES_MAX <= sizeof(link->out)) {
            const uint8_t *frame;
            ssize_t bytes = nghttp2_session_mem_send(link->session, &frame);
            if (bytes < 0)
                return -EPROTO;
            if (bytes == 0)
                break;
            memcpy(link->out + link->out_bytes, frame, (size_t)bytes);
            link->out_bytes += (size_t)bytes;
        }
        if (link->out_bytes == 0)
            return 0;
    }
}

/* Reads until the socket has no more. NULL, or why the connection is over. */
static const char *link_receive(struct h2_link *link, bool closing)
{
    for (;;) {
        ssize_t got = transport_receive(&link->transport, scratch, sizeof(scratch));
        if (got == -EAGAIN)
            return NULL;
        if (got < 0)
            return "the connection was reset";
        if (got == 0)
            return "the connection ended early";
        if (nghttp2_session_mem_recv(link->session, scratch, (size_t)got) != got)
            return "the server broke the protocol";
        if (transport_is_drained(&link->transport, (size_t)got, sizeof(scratch)) && !closing)
            return NULL;
    }
}

void h2_link_advance(struct h2_link *link, uint32_t events)
{
    if (link->transport.state == TRANSPORT_CLOSED)
        return;
    const char *error = transport_advance(&link->transport, &link->all->plan->transport, events);
    if (!error && link->transport.state == TRANSPORT_OPEN && !link->session &&
        link_session_make(link) != 0)
        error = "out of memory";
    bool closing = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!error && link->session && (closing || (events & EPOLLIN)))
        error = link_receive(link, closing);
    if (error)
        link_lose(link, error);
    else
        link_touch(link);
}

static void link_flush(struct h2_link *link)
{
    if (link->is_ending && link->active == 0)
        link_close(link);
    if (link->transport.state == TRANSPORT_CLOSED && link->waiting > 0) {
        const char *error =
            transport_start(&link->transport, &link->all->plan->transport, link->index, link);
        if (error)
            link_lose(link, error);
        return;
    }
    if (!link->session)
        return;
    int result = link->is_ending ? 0 : link_submit(link);
    if (result == 0)
        result = link_send(link);
    if (result != 0)
        link_lose(link, "the connection was lost while sending");
}

bool h2_links_flush(struct h2_links *links)
{
    while (links->dirty) {
        struct h2_link *link = links->dirty;
        links->dirty = link->next_dirty;
        link->is_dirty = false;
        link_flush(link);
    }
    return links->done_first != NULL;
}

int h2_links_open(struct h2_links *links, struct client_plan *plan, struct client *clients,
                  unsigned client_count)
{
    unsigned count = (client_count + plan->streams - 1) / plan->streams;
    links->plan = plan;
    links->links = calloc(count, sizeof(*links->links));
    if (!links->links || nghttp2_session_callbacks_new(&links->callbacks) != 0)
        return -ENOMEM;
    links->count = count;
    nghttp2_session_callbacks_set_on_header_callback(links->callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(links->callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(links->callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(links->callbacks, on_frame);
    for (unsigned i = 0; i < count; i++) {
        struct h2_link *link = &links->links[i];
        link->all = links;
        link->index = i;
        link->clients = &clients[i * plan->streams];
        link->client_count = (unsigned)number_min(plan->streams, client_count - i * plan->streams);
        for (unsigned k = 0; k < link->client_count; k++)
            link->clients[k].link = link;
    }
    return 0;
}

void h2_links_close(struct h2_links *links)
{
    for (unsigned i = 0; i < links->count; i++) {
        link_close(&links->links[i]);
        transport_end(&links->links[i].transport);
    }
    nghttp2_session_callbacks_del(links->callbacks);
    free(links->links);
    *links = (struct h2_links){ 0 };
}
