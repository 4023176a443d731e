#include "acme/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/siphash.h"
#include "base/writer.h"

#define FILE_BYTES_MAX (1u << 20)
#define NAME_PLAIN_MAX 180u /* of a name in a file's; what is longer is cut, with its hash */
#define FILE_NAME_MAX  256u
#define UNFINISHED     ".new"

/* "certificate-app.example.com.json" */
static void write_file_name(struct writer *w, const char *kind, slice name)
{
    static const struct siphash_key no_secret = { 0 };
    slice shown = slice_first(name, NAME_PLAIN_MAX / 3);
    if (name.len <= NAME_PLAIN_MAX)
        shown = name;
    size_t begin = w->len;
    writer_text(w, kind);
    writer_byte(w, '-');
    for (size_t i = 0; i < shown.len && w->len - begin < NAME_PLAIN_MAX; i++) {
        char c = shown.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (is_plain)
            writer_byte(w, c);
        else
            writer_format(w, "_%02x", (uint8_t)c);
    }
    if (w->len - begin >= NAME_PLAIN_MAX || shown.len < name.len)
        writer_format(w, "_%016llx", (unsigned long long)siphash(&no_secret, name.ptr, name.len));
    writer_literal(w, ".json");
}

static void file_name(char to[FILE_NAME_MAX], const char *kind, slice name)
{
    struct writer w = writer_over(to, FILE_NAME_MAX - 1);
    write_file_name(&w, kind, name);
    to[w.len] = '\0';
}

/* A listing of its own: the descriptor's place is shared with nobody. NULL: it cannot be read. */
static DIR *list_folder(const struct store *s)
{
    int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        close(fd);
    return d;
}

static void remove_unfinished(const struct store *s)
{
    DIR *d = list_folder(s);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (slice_ends_with(slice_from(e->d_name), SLICE(UNFINISHED)))
            (void)unlinkat(s->folder, e->d_name, 0);
    closedir(d);
}

int store_open(struct store *s, const char *folder)
{
    s->folder = -1;
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return -errno;
    s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (s->folder < 0)
        return -errno;
    remove_unfinished(s);
    return 0;
}

void store_close(struct store *s)
{
    if (s->folder >= 0)
        close(s->folder);
    s->folder = -1;
}

static int read_file(int folder, const char *file, json_t **ret)
{
    struct stat status;
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && (!S_ISREG(status.st_mode) || status.st_size > FILE_BYTES_MAX))
        result = -EPROTO;
    json_t *record = result == 0 ? json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL) : NULL;
    close(fd);
    if (result == 0 && !json_is_object(record)) {
        json_decref(record);
        return -EPROTO;
    }
    *ret = record;
    return result;
}

int store_read(const struct store *s, const char *kind, slice name, json_t **ret)
{
    char file[FILE_NAME_MAX];
    file_name(file, kind, name);
    *ret = NULL;
    return read_file(s->folder, file, ret);
}

static int write_all(int fd, const json_t *record)
{
    int result = json_dumpfd(record, fd, JSON_INDENT(2) | JSON_SORT_KEYS) < 0 ? -EIO : 0;
    if (result == 0 && fsync(fd) < 0)
        result = -errno;
    return result;
}

int store_write(const struct store *s, const char *kind, slice name, const json_t *record)
{
    char file[FILE_NAME_MAX], beside[FILE_NAME_MAX + sizeof UNFINISHED];
    file_name(file, kind, name);
    (void)snprintf(beside, sizeof beside, "%s" UNFINISHED, file);
    int fd = openat(s->folder, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, record);
    close(fd);
    if (result == 0 && renameat(s->folder, beside, s->folder, file) < 0)
        result = -errno;
    if (result == 0)
        return fsync(s->folder) < 0 ? -errno : 0;
    (void)unlinkat(s->folder, beside, 0);
    return result;
}

int store_remove(const struct store *s, const char *kind, slice name)
{
    char file[FILE_NAME_MAX];
    file_name(file, kind, name);
    if (unlinkat(s->folder, file, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    return fsync(s->folder) < 0 ? -errno : 0;
}
