#include "certifier/folders.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/random.h"

#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |           \
     IN_MOVE_SELF | IN_ONLYDIR)

int folders_open(struct folders *f)
{
    *f = (struct folders){ .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
                           .all = calloc(FOLDERS_MAX, sizeof *f->all) };
    if (!f->all) {
        folders_close(f);
        return -ENOMEM;
    }
    random_bytes(&f->key, sizeof f->key);
    return 0;
}

void folders_close(struct folders *f)
{
    for (uint32_t i = 0; f->all && i < FOLDERS_MAX; i++)
        free((void *)(uintptr_t)f->all[i].path.ptr);
    if (f->fd >= 0)
        close(f->fd);
    free(f->all);
    free(f->by_watch);
    *f = (struct folders){ .fd = -1 };
}

static slice folder_of(slice file)
{
    size_t end = file.len;
    while (end > 0 && file.ptr[end - 1] != '/')
        end--;
    return end == 0 ? SLICE(".") : slice_first(file, end > 1 ? end - 1 : end);
}

static uint32_t home_of(const struct folders *f, slice path)
{
    return (uint32_t)siphash(&f->key, path.ptr, path.len) & (FOLDERS_MAX - 1);
}

/* Places stay taken when their last user leaves, so that searches go on behind them; they are
 * taken again under the same name. */
static struct folder *find_place(const struct folders *f, slice path)
{
    uint32_t at = home_of(f, path);
    for (uint32_t tries = 0; tries < FOLDERS_MAX; tries++) {
        struct folder *one = &f->all[(at + tries) & (FOLDERS_MAX - 1)];
        if (!one->path.ptr || slice_equal(one->path, path))
            return one;
    }
    return NULL;
}

static int grow_watches(struct folders *f, int watch)
{
    if (watch < f->watches_max)
        return 0;
    int wanted = watch + 1024;
    int32_t *grown = realloc(f->by_watch, (size_t)wanted * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    for (int i = f->watches_max; i < wanted; i++)
        grown[i] = -1;
    f->by_watch = grown;
    f->watches_max = wanted;
    return 0;
}

static void start_watch(struct folders *f, struct folder *one)
{
    char path[PATH_MAX];
    if (f->fd < 0 || one->watch >= 0 || one->path.len >= sizeof path)
        return;
    memcpy(path, one->path.ptr, one->path.len);
    path[one->path.len] = '\0';
    int watch = inotify_add_watch(f->fd, path, EVENTS);
    if (watch < 0 || grow_watches(f, watch) != 0)
        return;
    one->watch = watch;
    f->by_watch[watch] = (int32_t)(one - f->all);
}

int folders_watch(struct folders *f, slice file)
{
    slice path = folder_of(file);
    struct folder *one = find_place(f, path);
    if (!one || (!one->path.ptr && f->count >= FOLDERS_MAX / 2))
        return -ENOSPC;
    if (!one->path.ptr) {
        char *copy = malloc(path.len + 1);
        if (!copy)
            return -ENOMEM;
        memcpy(copy, path.ptr, path.len);
        *one = (struct folder){ .path = slice_of(copy, path.len), .watch = -1 };
        f->count++;
    }
    one->users++;
    start_watch(f, one);
    return (int)(one - f->all);
}

void folders_leave(struct folders *f, int folder)
{
    struct folder *one = &f->all[folder];
    ASSERT(one->users > 0);
    if (--one->users > 0 || one->watch < 0)
        return;
    f->by_watch[one->watch] = -1;
    (void)inotify_rm_watch(f->fd, one->watch);
    one->watch = -1;
}

bool folders_is_watched(struct folders *f, int folder)
{
    start_watch(f, &f->all[folder]);
    return f->all[folder].watch >= 0;
}

static void mark_all(struct folders *f)
{
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        f->all[i].has_changed |= f->all[i].users > 0;
}

static void take_event(struct folders *f, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        mark_all(f);
    if (event->wd < 0 || event->wd >= f->watches_max || f->by_watch[event->wd] < 0)
        return;
    struct folder *one = &f->all[f->by_watch[event->wd]];
    one->has_changed = true;
    if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) {
        /* its name means another folder now, or none; the next look watches that */
        f->by_watch[event->wd] = -1;
        one->watch = -1;
        if (!(event->mask & IN_IGNORED))
            (void)inotify_rm_watch(f->fd, event->wd);
    }
}

bool folders_read(struct folders *f)
{
    _Alignas(struct inotify_event) char bytes[8192];
    bool any = false;
    ssize_t got;
    while (f->fd >= 0 && (got = read(f->fd, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= got;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            take_event(f, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
        any = true;
    }
    return any;
}
