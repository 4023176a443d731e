#include "net/key_protocol.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOM_BYTES (4 * (int)KEY_BODY_MAX)

union control {
    struct cmsghdr align;
    char memory[CMSG_SPACE(sizeof(int))];
};

int key_packet_send(int channel, const struct key_packet *p)
{
    struct key_head head = p->head;
    struct iovec parts[2] = { { &head, sizeof head },
                              { (void *)(uintptr_t)p->body.ptr, p->body.len } };
    struct msghdr packet = { .msg_iov = parts, .msg_iovlen = 2 };
    union control control;
    head.version = KEY_PROTOCOL_VERSION;
    if (p->body.len > KEY_BODY_MAX)
        return -EMSGSIZE;
    if (p->fd >= 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.memory;
        packet.msg_controllen = sizeof control.memory;
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &p->fd, sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(channel, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
    return 0;
}

/* The one descriptor of a packet, or -1. Room for one is all there is: the kernel drops the rest,
 * and MSG_CTRUNC tells. */
static int take_fd(struct msghdr *packet)
{
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(packet);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len >= CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

int key_packet_receive(int channel, char *memory, struct key_packet *ret)
{
    struct iovec parts[2] = { { &ret->head, sizeof ret->head }, { memory, KEY_BODY_MAX } };
    union control control;
    struct msghdr packet = { .msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control.memory,
                             .msg_controllen = sizeof control.memory };
    ssize_t got;
    do
        got = recvmsg(channel, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    ret->fd = take_fd(&packet);
    if (got == 0 && ret->fd < 0)
        return -EPIPE;
    if ((size_t)got < sizeof ret->head || (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
        ret->head.version != KEY_PROTOCOL_VERSION) {
        if (ret->fd >= 0)
            close(ret->fd);
        ret->fd = -1;
        return -EPROTO;
    }
    ret->body = slice_of(memory, (size_t)got - sizeof ret->head);
    memory[ret->body.len] = '\0';
    return 0;
}

int key_part_take(slice *rest, struct key_part *ret, slice *ret_bytes)
{
    if (rest->len < sizeof *ret)
        return -EPROTO;
    memcpy(ret, rest->ptr, sizeof *ret);
    slice behind = slice_after(*rest, sizeof *ret);
    if (ret->bytes > behind.len)
        return -EPROTO;
    *ret_bytes = slice_first(behind, ret->bytes);
    *rest = slice_after(behind, ret->bytes);
    return 0;
}

int key_channel_pair(int ret_ends[2])
{
    int room = ROOM_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) /* the largest packet fits, and many small ones */
        (void)setsockopt(ret_ends[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    return 0;
}

uint64_t key_id_of(slice spki)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t id = 0;
    (void)SHA256((const uint8_t *)spki.ptr, spki.len, digest);
    for (int i = 0; i < 8; i++)
        id = id << 8 | digest[i];
    return id ? id : 1; /* 0 stands for no key */
}
