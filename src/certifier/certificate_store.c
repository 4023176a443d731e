#include "certifier/certificate_store.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_LOOK_MS    20
#define HASH_BYTES      8
#define TEMPORARY_BYTES (STORE_NAME_MAX + 8)

static int take_lock(struct certificate_store *s, int wait_ms)
{
    s->lock = openat(s->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (s->lock < 0)
        return -errno;
    for (int waited = 0; flock(s->lock, LOCK_EX | LOCK_NB) < 0; waited += LOCK_LOOK_MS) {
        if (errno != EWOULDBLOCK)
            return -errno;
        if (waited >= wait_ms)
            return -EBUSY;
        (void)poll(NULL, 0, LOCK_LOOK_MS);
    }
    return 0;
}

int certificate_store_open(struct certificate_store *s, const char *folder, int wait_ms)
{
    *s = (struct certificate_store){ .folder = -1, .lock = -1 };
    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        return -errno;
    s->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int result = s->folder < 0 ? -errno : take_lock(s, wait_ms);
    if (result != 0)
        certificate_store_close(s);
    return result;
}

void certificate_store_close(struct certificate_store *s)
{
    if (s->lock >= 0)
        close(s->lock);
    if (s->folder >= 0)
        close(s->folder);
    *s = (struct certificate_store){ .folder = -1, .lock = -1 };
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

void certificate_store_file_name(char to[STORE_NAME_MAX], slice set, const char *suffix)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    size_t room = STORE_NAME_MAX - 1 - strlen(suffix) - 1 - 2 * (size_t)HASH_BYTES;
    bool differs = set.len == 0 || set.len > room || set.ptr[0] == '.' || set.ptr[0] == '_';
    struct writer w = writer_over(to, STORE_NAME_MAX - 1);
    for (size_t i = 0; i < set.len && i < room; i++) {
        bool plain = is_plain(set.ptr[i]) && !(i == 0 && set.ptr[i] == '.');
        differs |= !plain;
        writer_byte(&w, plain ? set.ptr[i] : '_');
    }
    if (differs) {
        SHA256((const unsigned char *)set.ptr, set.len, hash);
        writer_byte(&w, '-');
        writer_hex_bytes(&w, hash, HASH_BYTES);
    }
    writer_text(&w, suffix);
    to[w.len] = '\0';
}

static int write_all(int fd, slice bytes)
{
    while (bytes.len) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written < 0 && errno != EINTR)
            return -errno;
        bytes = slice_after(bytes, written > 0 ? (size_t)written : 0);
    }
    return fsync(fd) < 0 ? -errno : 0;
}

int certificate_store_put(const struct certificate_store *s, const char *file, slice bytes)
{
    char temporary[TEMPORARY_BYTES];
    int length = snprintf(temporary, sizeof temporary, ".new-%s", file);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return -ENAMETOOLONG;
    (void)unlinkat(s->folder, temporary, 0); /* of a life that ended in between */
    int fd =
        openat(s->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, bytes);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && renameat(s->folder, temporary, s->folder, file) < 0)
        result = -errno;
    if (result != 0) {
        (void)unlinkat(s->folder, temporary, 0);
        return result;
    }
    return fsync(s->folder) < 0 ? -errno : 0;
}

static int read_all(int fd, char *to, size_t count)
{
    for (size_t at = 0; at < count;) {
        ssize_t got = read(fd, to + at, count - at);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            return -EIO; /* somebody else cuts it under our eyes */
        at += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int certificate_store_get(const struct certificate_store *s, const char *file, char **ret,
                          size_t *ret_bytes)
{
    struct stat status;
    int fd = openat(s->folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int result = fstat(fd, &status) < 0            ? -errno
                 : !S_ISREG(status.st_mode)        ? -EINVAL
                 : status.st_size > STORE_FILE_MAX ? -EFBIG
                                                   : 0;
    char *bytes = result == 0 ? malloc((size_t)status.st_size + 1) : NULL;
    if (result == 0)
        result = bytes ? read_all(fd, bytes, (size_t)status.st_size) : -ENOMEM;
    close(fd);
    if (result != 0) {
        free(bytes);
        return result;
    }
    bytes[status.st_size] = '\0';
    *ret = bytes;
    *ret_bytes = (size_t)status.st_size;
    return 0;
}

void certificate_store_remove(const struct certificate_store *s, const char *file)
{
    (void)unlinkat(s->folder, file, 0);
}

slice certificate_store_word(slice pem, slice word)
{
    slice rest = slice_first(pem, slice_find(pem, SLICE("-----BEGIN")));
    while (rest.len) {
        size_t end = slice_find_byte(rest, '\n');
        slice line = slice_first(rest, end);
        if (slice_starts_with(line, word) && line.len > word.len && line.ptr[word.len] == ':')
            return slice_trim(slice_after(line, word.len + 1));
        rest = slice_after(rest, end + 1);
    }
    return (slice){ 0 };
}
