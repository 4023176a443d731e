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

static struct boot_listener *find(struct boot_record *r, const char *address, enum listener_use use)
{
    for (uint32_t i = 0; i < r->listener_count; i++)
        if (strcmp(r->listeners[i].wanted, address) == 0 && r->listeners[i].use == (int32_t)use)
            return &r->listeners[i];
    return NULL;
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
    l->count = 0;
}

const struct boot_listener *keeper_listeners(struct boot_record *r, const char *address,
                                             enum listener_use use, int count,
                                             const char **ret_error)
{
    struct boot_listener *l = find(r, address, use);
    bool is_new = l == NULL;
    if (count > (int)BOOT_SOCKETS_MAX || strlen(address) >= BOOT_ADDRESS_MAX)
        return fail(address, "too many workers, or too long an address", ret_error);
    if (is_new && r->listener_count >= BOOT_LISTENERS_MAX)
        return fail(address, "too many addresses", ret_error);
    if (is_new) {
        l = &r->listeners[r->listener_count];
        memset(l, 0, sizeof *l);
        memcpy(l->wanted, address, strlen(address));
        l->use = use;
    }
    int result = add_sockets(l, count);
    if (result != 0) {
        if (is_new)
            close_listener(l);
        return fail(address, explain(result), ret_error);
    }
    if (is_new)
        r->listener_count++;
    return l;
}

void keeper_keep_only(struct boot_record *r, uint64_t used)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->listener_count; i++) {
        struct boot_listener *l = &r->listeners[i];
        if (used & (1ull << i)) {
            r->listeners[kept++] = *l;
            continue;
        }
        log_info("no longer listening on %s", l->bound);
        close_listener(l);
        if (strncmp(l->bound, "unix:", 5) == 0)
            (void)unlink(l->bound + 5);
    }
    r->listener_count = kept;
}
