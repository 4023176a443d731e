/* The benchmark's origin: as cheap as a server can be, so that what is measured is the proxy.
 *
 *   GET /1k /10k /100k   a fixed response of that many bytes of body, whatever the query
 *   POST /sink           reads the body of Content-Length, then answers 2 bytes
 *   GET /ws              WebSocket; sends every frame back
 *
 * One thread, HTTP/1.1, keep-alive and pipelining, edge-triggered epoll, one send per response.
 * `bench_origin [PORT [BYTES]]`: BYTES is SO_RCVBUF of its connections, so that what a peer sends
 * comes in pieces; 0 or none: the kernel's choice.
 *
 * Prints "port N" when it listens on 127.0.0.1 and serves until SIGTERM or until its parent dies.
 * It trusts its peers: it is for measuring on one machine and not for anything else. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/number.h"
#include "websocket.h"

enum {
    RECEIVE_BYTES = 16384, /* a head, or what has arrived of a body or of frames */
    SEND_BYTES = 16384,    /* frames to send back */
    EVENTS = 256,
    BACKLOG = 4096,
    BODY_BYTES_MAX = 1 << 30,
};

struct connection {
    int fd;
    bool websocket;
    bool draining;      /* no more input is taken; close when everything is sent */
    uint64_t body_left; /* of a request body that is being thrown away */
    size_t received;    /* in `receive` */
    slice sending;      /* not sent yet: a fixed response, or what stands in `send` */
    slice after_body;   /* the answer that waits for the request's body */
    char receive[RECEIVE_BYTES];
    char send[SEND_BYTES];
};

static struct {
    slice one, ten, hundred, sink, websocket, not_found, bad;
} responses;

static slice response_make(const char *status, const char *extra, size_t body_bytes)
{
    char head[512];
    int head_bytes = snprintf(head, sizeof(head),
                              "HTTP/1.1 %s\r\nServer: bench-origin\r\n"
                              "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                              "Content-Type: application/octet-stream\r\n"
                              "%sContent-Length: %zu\r\n\r\n",
                              status, extra, body_bytes);
    char *bytes = malloc((size_t)head_bytes + body_bytes);
    if (!bytes)
        return (slice){ 0 };
    memcpy(bytes, head, (size_t)head_bytes);
    for (size_t i = 0; i < body_bytes; i++)
        bytes[(size_t)head_bytes + i] = (char)('a' + i % 26);
    return slice_of(bytes, (size_t)head_bytes + body_bytes);
}

static int responses_make(void)
{
    responses.one = response_make("200 OK", "", 1024);
    responses.ten = response_make("200 OK", "", 10240);
    responses.hundred = response_make("200 OK", "", 102400);
    responses.sink = response_make("200 OK", "", 2);
    responses.not_found = response_make("404 Not Found", "", 0);
    responses.bad = response_make("400 Bad Request", "Connection: close\r\n", 0);
    responses.websocket = SLICE("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: " WEBSOCKET_ACCEPT "\r\n\r\n");
    bool made = responses.one.ptr && responses.ten.ptr && responses.hundred.ptr &&
                responses.sink.ptr && responses.not_found.ptr && responses.bad.ptr;
    return made ? 0 : -ENOMEM;
}

static void connection_close(struct connection *c)
{
    close(c->fd);
    free(c);
}

/* Sends what waits. 0 all sent · -EAGAIN the socket is full · other: the connection is lost */
static int connection_flush(struct connection *c)
{
    while (c->sending.len > 0) {
        ssize_t sent = send(c->fd, c->sending.ptr, c->sending.len, MSG_NOSIGNAL);
        if (sent < 0)
            return -errno;
        c->sending = slice_after(c->sending, (size_t)sent);
    }
    return 0;
}

static void connection_consume(struct connection *c, size_t count)
{
    c->received -= count;
    memmove(c->receive, c->receive + count, c->received);
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

/* Whether the request is this one, with a query or without. */
static bool asks(slice head, slice what)
{
    slice rest = slice_after(head, what.len);
    return slice_starts_with(head, what) &&
           (slice_starts_with(rest, SLICE(" ")) || slice_starts_with(rest, SLICE("?")));
}

static slice response_for(slice head)
{
    if (asks(head, SLICE("GET /1k")))
        return responses.one;
    if (asks(head, SLICE("GET /10k")))
        return responses.ten;
    if (asks(head, SLICE("GET /100k")))
        return responses.hundred;
    if (asks(head, SLICE("POST /sink")))
        return responses.sink;
    return responses.not_found;
}

/* One request from the front of `receive`. 0 · -EAGAIN needs more */
static int request_take(struct connection *c)
{
    slice bytes = slice_of(c->receive, c->received);
    size_t end = slice_find(bytes, SLICE("\r\n\r\n"));
    if (end == bytes.len) {
        if (c->received < sizeof(c->receive))
            return -EAGAIN;
        c->draining = true;
        c->sending = responses.bad;
        return 0;
    }
    slice head = slice_first(bytes, end + 4);
    slice length = head_field(head, SLICE("\r\nContent-Length:"));
    uint64_t body = 0;
    bool wrong = length.len > 0 && number_parse(length, BODY_BYTES_MAX, &body) != 0;
    bool closes = slice_equal_fold(head_field(head, SLICE("\r\nConnection:")), SLICE("close"));
    if (slice_starts_with(head, SLICE("GET /ws "))) {
        slice key = head_field(head, SLICE("\r\nSec-WebSocket-Key:"));
        wrong = wrong || !slice_equal(key, SLICE(WEBSOCKET_KEY));
        c->websocket = !wrong;
        c->sending = responses.websocket;
    } else if (body > 0) {
        c->after_body = response_for(head);
        c->body_left = body;
    } else {
        c->sending = response_for(head);
    }
    if (wrong)
        c->sending = responses.bad;
    c->draining = wrong || closes;
    connection_consume(c, head.len);
    return 0;
}

/* One frame from the front of `receive`, echoed. 0 · -EAGAIN needs more · -EPROTO */
static int frame_take(struct connection *c)
{
    struct websocket_frame frame;
    size_t used;
    TRY(websocket_frame_parse(slice_of(c->receive, c->received), &frame, &used));
    uint8_t opcode = frame.opcode == WEBSOCKET_PING ? (uint8_t)WEBSOCKET_PONG : frame.opcode;
    size_t head = websocket_head_write(opcode, false, frame.payload.len, c->send);
    memcpy(c->send + head, frame.payload.ptr, frame.payload.len);
    if (frame.masked)
        websocket_unmask(frame.mask, c->send + head, frame.payload.len);
    c->sending = slice_of(c->send, head + frame.payload.len);
    c->draining = frame.opcode == WEBSOCKET_CLOSE;
    connection_consume(c, used);
    return 0;
}

/* Works on what has arrived until it needs more. -EAGAIN · or the connection is to be closed */
static int connection_work(struct connection *c)
{
    for (;;) {
        TRY(connection_flush(c));
        if (c->body_left > 0) {
            size_t part = (size_t)number_min(c->body_left, c->received);
            c->body_left -= part;
            connection_consume(c, part);
            if (c->body_left > 0)
                return -EAGAIN;
            c->sending = c->after_body;
            continue;
        }
        if (c->draining)
            return -ESHUTDOWN;
        if (c->received == 0)
            return -EAGAIN;
        TRY(c->websocket ? frame_take(c) : request_take(c));
    }
}

/* Reads and answers until the socket has no more. A short read means that it is drained, unless the
 * peer has closed: data and FIN can come with one event, so then it reads on to the end. */
static void connection_serve(struct connection *c, uint32_t events)
{
    bool closing = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    int result = connection_work(c);
    while (result == -EAGAIN && c->sending.len == 0) {
        size_t room = sizeof(c->receive) - c->received;
        if (room == 0)
            break;
        ssize_t got = recv(c->fd, c->receive + c->received, room, 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            break;
        c->received += (size_t)got;
        result = connection_work(c);
        if ((size_t)got < room && !closing && result == -EAGAIN)
            return;
    }
    if (result != -EAGAIN || c->sending.len == 0)
        connection_close(c);
}

static void listener_accept(int epoll, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = malloc(sizeof(*c));
        if (!c) {
            close(fd);
            return;
        }
        memset(c, 0, offsetof(struct connection, receive));
        c->fd = fd;
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                     .data.ptr = c };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
            connection_close(c);
    }
}

static int listener_open(uint16_t port, int receive_buffer, uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    const int on = 1;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        (receive_buffer > 0 &&
         setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)) != 0) ||
        bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int serve(int listener)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        return -errno;
    static struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                connection_serve(events[i].data.ptr, events[i].events);
            else
                listener_accept(epoll, listener);
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t wanted = 0, receive_buffer = 0;
    uint16_t port = 0;
    if (argc > 3 || (argc > 1 && number_parse(slice_from(argv[1]), UINT16_MAX, &wanted) != 0) ||
        (argc > 2 && number_parse(slice_from(argv[2]), BODY_BYTES_MAX, &receive_buffer) != 0)) {
        fprintf(stderr, "usage: bench_origin [PORT [SO_RCVBUF]]\n");
        return 2;
    }
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || responses_make() != 0) {
        perror("bench_origin");
        return 1;
    }
    int listener = listener_open((uint16_t)wanted, (int)receive_buffer, &port);
    if (listener < 0) {
        fprintf(stderr, "bench_origin: cannot listen on port %u: %s\n", (unsigned)wanted,
                strerror(-listener));
        return 1;
    }
    printf("port %u\n", (unsigned)port);
    fflush(stdout);
    int error = serve(listener);
    fprintf(stderr, "bench_origin: %s\n", strerror(-error));
    return 1;
}
