#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/number.h"
#include "websocket.h"

enum { SCRATCH_BYTES = 256 * 1024 };

static char scratch[SCRATCH_BYTES];

void client_close(struct client *client)
{
    transport_close(&client->transport);
    client->state = CLIENT_CLOSED;
}

static enum client_outcome client_fail(struct client *client, const char *error)
{
    client_close(client);
    client->error = error;
    return CLIENT_FAILED;
}

/* The connection ended, by a close or an error, while an exchange was on its way. */
static enum client_outcome client_lose(struct client *client, const char *error)
{
    bool untouched = client->reused && client->state == CLIENT_BUSY && client->received == 0 &&
                     !client->head_taken;
    if (!untouched)
        return client_fail(client, error);
    client_close(client);
    return CLIENT_CUT;
}

static enum client_outcome client_send(struct client *client)
{
    while (client->sending.len > 0) {
        ssize_t sent = transport_send(&client->transport, client->sending);
        if (sent == -EAGAIN)
            return CLIENT_WAITS;
        if (sent < 0)
            return client_lose(client, "the connection was lost while sending");
        client->sending = slice_after(client->sending, (size_t)sent);
    }
    return CLIENT_WAITS;
}

/* The request that is to be sent next; empty: no memory. */
static slice client_request(struct client *client, struct client_plan *plan)
{
    if (plan->marks.count == 0)
        return plan->request;
    if (!client->varied) {
        client->varied = malloc(plan->request.len);
        if (!client->varied)
            return (slice){ 0 };
        memcpy(client->varied, plan->request.ptr, plan->request.len);
    }
    request_vary(client->varied, &plan->marks, plan->serial++);
    return slice_of(client->varied, plan->request.len);
}

/* The connection stands: sends the request, or with WebSocket the handshake first. */
static enum client_outcome client_start(struct client *client, struct client_plan *plan)
{
    bool upgrade = plan->frame.len > 0 && client->state == CLIENT_OPENING;
    client->state = upgrade ? CLIENT_UPGRADING : CLIENT_BUSY;
    client->sending = plan->frame.len > 0 && !upgrade ? plan->frame : client_request(client, plan);
    if (client->sending.len == 0)
        return client_fail(client, "no memory for its request");
    client->received = 0;
    client->body_left = 0;
    client->head_taken = false;
    client->last = false;
    return client_send(client);
}

enum client_outcome client_begin(struct client *client, struct client_plan *plan,
                                 int64_t intended_ns)
{
    client->intended_ns = intended_ns;
    if (client->state == CLIENT_READY)
        return client_start(client, plan);
    client->state = CLIENT_OPENING;
    client->reused = false;
    const char *error =
        transport_start(&client->transport, &plan->transport, client->index, client);
    return error ? client_fail(client, error) : CLIENT_WAITS;
}

/* The value of a field, or an empty slice. `name` is given as "\r\nName:". */
static slice head_field(slice head, slice name)
{
    for (size_t at = 0; at + name.len < head.len; at++) {
        at += slice_find_byte(slice_after(head, at), '\r');
        slice rest = slice_after(head, at);
        if (rest.len > name.len && slice_equal_fold(slice_first(rest, name.len), name)) {
            slice value = slice_after(rest, name.len);
            return slice_trim(slice_first(value, slice_find_byte(value, '\r')));
        }
    }
    return (slice){ 0 };
}

/* Judges a response head. NULL, or what is wrong with it. */
static const char *client_judge(struct client *client, const struct client_plan *plan, slice head)
{
    bool upgrading = client->state == CLIENT_UPGRADING;
    if (!slice_starts_with(head, upgrading ? SLICE("HTTP/1.1 101") : SLICE("HTTP/1.1 200")))
        return "unexpected status";
    if (upgrading) {
        slice accept = head_field(head, SLICE("\r\nSec-WebSocket-Accept:"));
        return slice_equal(accept, SLICE(WEBSOCKET_ACCEPT)) ? NULL : "wrong Sec-WebSocket-Accept";
    }
    slice length = head_field(head, SLICE("\r\nContent-Length:"));
    if (number_parse(length, UINT64_MAX, &client->body_left) != 0)
        return "no plain Content-Length";
    if (client->body_left != plan->length)
        return "unexpected Content-Length";
    slice option = head_field(head, SLICE("\r\nConnection:"));
    client->last = slice_equal_fold(option, SLICE("close"));
    return NULL;
}

/* Takes bytes of a response. CLIENT_WAITS · CLIENT_DONE · CLIENT_FAILED */
static enum client_outcome client_take_response(struct client *client, struct client_plan *plan,
                                                slice bytes)
{
    if (!client->head_taken) {
        size_t before = client->received;
        size_t part = (size_t)number_min(bytes.len, sizeof(client->bytes) - before);
        memcpy(client->bytes + before, bytes.ptr, part);
        client->received += part;
        slice received = slice_of(client->bytes, client->received);
        size_t end = slice_find(received, SLICE("\r\n\r\n"));
        if (end == received.len) {
            bool full = client->received == sizeof(client->bytes);
            return full ? client_fail(client, "response head too long") : CLIENT_WAITS;
        }
        const char *wrong = client_judge(client, plan, slice_first(received, end + 4));
        if (wrong)
            return client_fail(client, wrong);
        client->head_taken = true;
        bytes = slice_after(bytes, end + 4 - before);
    }
    if (client->state == CLIENT_UPGRADING && bytes.len == 0) {
        return client_start(client, plan);
    }
    if (bytes.len > client->body_left)
        return client_fail(client, "bytes after the response");
    client->body_left -= bytes.len;
    if (client->body_left > 0)
        return CLIENT_WAITS;
    if (client->sending.len > 0)
        return client_fail(client, "answered before the request was sent");
    return CLIENT_DONE;
}

/* Takes bytes of the message that comes back. */
static enum client_outcome client_take_frame(struct client *client, const struct client_plan *plan,
                                             slice bytes)
{
    if (bytes.len > sizeof(client->bytes) - client->received)
        return client_fail(client, "more than the message came back");
    memcpy(client->bytes + client->received, bytes.ptr, bytes.len);
    client->received += bytes.len;
    struct websocket_frame frame;
    size_t used;
    int result = websocket_frame_parse(slice_of(client->bytes, client->received), &frame, &used);
    if (result == -EAGAIN)
        return CLIENT_WAITS;
    /* The mask of the message sent is zero: its payload stands at its end as it comes back. */
    bool same = result == 0 && used == client->received && frame.opcode == WEBSOCKET_BINARY &&
                !frame.masked && frame.payload.len == plan->length &&
                slice_ends_with(plan->frame, frame.payload);
    return same ? CLIENT_DONE : client_fail(client, "another message came back");
}

static enum client_outcome client_take(struct client *client, struct client_plan *plan, slice bytes)
{
    if (client->state == CLIENT_READY)
        return client_fail(client, "bytes that belong to no request");
    if (plan->frame.len > 0 && client->state == CLIENT_BUSY)
        return client_take_frame(client, plan, bytes);
    return client_take_response(client, plan, bytes);
}

static enum client_outcome client_finish(struct client *client, bool closing)
{
    client->reused = true;
    client->state = CLIENT_READY;
    if (client->last || closing)
        client_close(client);
    return CLIENT_DONE;
}

static enum client_outcome client_end(struct client *client, const struct client_plan *plan,
                                      const char *error)
{
    bool complete = client->head_taken && client->body_left == 0 && plan->close_each;
    if (client->state == CLIENT_BUSY && complete) {
        client_close(client);
        return CLIENT_DONE;
    }
    if (client->state == CLIENT_READY) {
        client_close(client);
        return CLIENT_GONE;
    }
    return client_lose(client, error);
}

/* Reads until the socket has no more: until a short read, or, when the peer has closed, the end. */
static enum client_outcome client_receive(struct client *client, struct client_plan *plan,
                                          bool closing)
{
    for (;;) {
        ssize_t got = transport_receive(&client->transport, scratch, sizeof(scratch));
        if (got == -EAGAIN)
            return CLIENT_WAITS;
        if (got < 0)
            return client_end(client, plan, "the connection was reset");
        if (got == 0)
            return client_end(client, plan, "the connection ended early");
        enum client_outcome outcome = client_take(client, plan, slice_of(scratch, (size_t)got));
        if (outcome == CLIENT_DONE && !plan->close_each)
            return client_finish(client, closing);
        if (outcome != CLIENT_DONE && outcome != CLIENT_WAITS)
            return outcome;
        if (transport_is_drained(&client->transport, (size_t)got, sizeof(scratch)) && !closing)
            return CLIENT_WAITS;
    }
}

enum client_outcome client_advance(struct client *client, struct client_plan *plan, uint32_t events)
{
    if (client->state == CLIENT_CLOSED)
        return CLIENT_WAITS;
    if (client->state == CLIENT_OPENING) {
        const char *error = transport_advance(&client->transport, &plan->transport, events);
        if (error)
            return client_fail(client, error);
        if (client->transport.state != TRANSPORT_OPEN)
            return CLIENT_WAITS;
        enum client_outcome outcome = client_start(client, plan);
        if (outcome != CLIENT_WAITS)
            return outcome;
    } else if (client->sending.len > 0) {
        enum client_outcome outcome = client_send(client);
        if (outcome != CLIENT_WAITS)
            return outcome;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        return client_receive(client, plan, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
    return CLIENT_WAITS;
}
