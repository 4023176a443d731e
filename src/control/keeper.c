#include "control/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/listen.h"

static char error_text[256];

static const struct boot_listener *fail(const char *address, const char *why, const char **ret)
{
    (void)snprintf(error_text, sizeof error_text, "cannot listen on %s: %s", address, why);
    *ret = error_text;
    return NULL;
}

/* One with that address whose bit is not set in `taken`: port 0 may stand there twice. */
static struct boot_listener *find(struct boot_record *r, const char *address, enum listener_use use,
                                  uint64_t taken)
{
    for (uint32_t i = 0; i < r->listener_count; i++)
        if (!(taken & (1ull << i)) && strcmp(r->listeners[i].wanted, address) == 0 &&
            r->listeners[i].use == (int32_t)use)
            return &r->listeners[i];
    return NULL;
}

static struct boot_listener *free_place(struct boot_record *r)
{
    for (uint32_t i = 0; i < r->listener_count; i++)
        if (!r->listeners[i].wanted[0])
            return &r->listeners[i];
    return r->listener_count < BOOT_LISTENERS_MAX ? &r->listeners[r->listener_count++] : NULL;
}

/* A bind without SO_REUSEPORT fails while anybody else listens there: without this probe a second
 * instance would silently take half of the connections. */
static int probe(const struct address *a)
{
    if (a->any.sa_family == AF_UNIX || address_port(a) == 0)
        return 0;
    struct listen_options alone = { .reuse_port = false };
    int fd = listen_open(a, &alone);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* What the kernel made of port 0. */
static int note_bound(struct boot_listener *l)
{
    struct address a = { .length = sizeof a.local };
    if (getsockname(l->sockets[0], &a.any, &a.length) < 0)
        return -errno;
    struct writer w = writer_over(l->bound, sizeof l->bound - 1);
    address_write(&w, &a);
    l->bound[w.len] = '\0';
    return w.overflowed ? -ENAMETOOLONG : 0;
}

static int add_sockets(struct boot_listener *l, int count)
{
    struct address a;
    TRY(address_parse(slice_from(l->count ? l->bound : l->wanted), &a));
    bool local = a.any.sa_family == AF_UNIX;
    if (l->count == 0)
        TRY(probe(&a));
    int wanted = local || l->use != USE_TRAFFIC ? 1 : count;
    while (l->count < wanted) {
        struct listen_options options = { .reuse_port = l->use == USE_TRAFFIC,
                                          .mode = l->use == USE_ADMIN ? 0660 : 0 };
        int fd = listen_open(&a, &options);
        if (fd < 0)
            return fd;
        l->sockets[l->count++] = fd;
        if (l->count == 1) {
            TRY(note_bound(l));
            TRY(address_parse(slice_from(l->bound), &a));
        }
    }
    return 0;
}

static const char *explain(int result)
{
    if (result == -EADDRINUSE)
        return "the address is already in use (another server, or another instance, listens there)";
    if (result == -EACCES)
        return "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    if (result == -EADDRNOTAVAIL)
        return "this machine does not have that address";
    if (result == -EINVAL)
        return "this is not an address";
    return strerror(-result);
}

static void close_listener(struct boot_listener *l)
{
    for (int32_t i = 0; i < l->count; i++)
        close(l->sockets[i]);
    memset(l, 0, sizeof *l);
}

const struct boot_listener *
keeper_listeners(struct boot_record *r, const struct listener_wish *wish, const char **ret_error)
{
    const char *address = wish->address;
    struct boot_listener *l = find(r, address, wish->use, wish->taken);
    bool is_new = l == NULL;
    if (wish->count > (int)BOOT_SOCKETS_MAX || strlen(address) >= BOOT_ADDRESS_MAX)
        return fail(address, "too many workers, or too long an address", ret_error);
    if (is_new && !(l = free_place(r)))
        return fail(address, "too many addresses", ret_error);
    if (is_new) {
        memset(l, 0, sizeof *l);
        memcpy(l->wanted, address, strlen(address));
        l->use = wish->use;
    }
    int result = add_sockets(l, wish->count);
    if (result == 0)
        return l;
    if (is_new)
        close_listener(l);
    return fail(address, explain(result), ret_error);
}

void keeper_keep_only(struct boot_record *r, uint64_t used)
{
    for (uint32_t i = 0; i < r->listener_count; i++) {
        struct boot_listener *l = &r->listeners[i];
        if ((used & (1ull << i)) || !l->wanted[0])
            continue;
        log_info("no longer listening on %s", l->bound);
        if (strncmp(l->bound, "unix:", 5) == 0)
            (void)unlink(l->bound + 5);
        close_listener(l);
    }
}
