#include "control/load_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define REFERENCE_BYTES_MAX (1u << 20)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Reads to the end; what a command line names may be a pipe, and a file may grow meanwhile. */
static int read_all(int fd, struct arena *a, size_t bytes_max, slice *ret)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    size_t capacity = status.st_size > 0 ? (size_t)status.st_size + 1 : 65536, length = 0;
    char *text = NULL;
    for (;;) {
        if (capacity > bytes_max)
            capacity = bytes_max + 1;
        char *larger = arena_take(a, capacity);
        if (!larger)
            return -ENOMEM;
        if (length)
            memcpy(larger, text, length);
        text = larger;
        while (length < capacity) {
            ssize_t got = read(fd, text + length, capacity - length);
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return -errno;
            if (got == 0) {
                *ret = slice_of(text, length);
                return 0;
            }
            length += (size_t)got;
        }
        if (length > bytes_max)
            return -EFBIG;
        capacity *= 2;
    }
}

static int read_path(const char *path, struct arena *a, size_t bytes_max, slice *ret)
{
    int fd __attribute__((cleanup(close_fd))) = file_open(path);
    return fd < 0 ? fd : read_all(fd, a, bytes_max, ret);
}

static int read_file(UNUSED void *context, struct arena *a, slice path, size_t bytes_max,
                     slice *ret)
{
    char *name = arena_text(a, path);
    return name ? read_path(name, a, bytes_max, ret) : -ENOMEM;
}

static int read_input(UNUSED void *context, struct arena *a, slice path, size_t bytes_max,
                      slice *ret)
{
    char *name = arena_text(a, path);
    if (!name)
        return -ENOMEM;
    int fd __attribute__((cleanup(close_fd))) = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : read_all(fd, a, bytes_max, ret);
}

/* A folder that is not there has no files; one that may not be read is an error. */
static int stops_glob(UNUSED const char *path, int error)
{
    return error != ENOENT && error != ENOTDIR;
}

static int list_files(UNUSED void *context, struct arena *a, slice pattern, slice **ret,
                      uint32_t *ret_count)
{
    char *name = arena_text(a, pattern);
    if (!name)
        return -ENOMEM;
    glob_t found __attribute__((cleanup(globfree))) = { 0 };
    int error = glob(name, 0, stops_glob, &found); /* sorted by strcoll: LC_COLLATE is "C" */
    if (error == GLOB_NOMATCH) {
        *ret = NULL;
        *ret_count = 0;
        return 0;
    }
    if (error)
        return error == GLOB_NOSPACE ? -ENOMEM : -EACCES;
    slice *paths = arena_take_array(a, found.gl_pathc, sizeof *paths);
    if (!paths)
        return -ENOMEM;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        paths[i] = arena_copy(a, slice_from(found.gl_pathv[i]));
        if (!paths[i].ptr)
            return -ENOMEM;
    }
    *ret = paths;
    *ret_count = (uint32_t)found.gl_pathc;
    return 0;
}

/* A value from a file, without the line end that editors put there. */
static int read_value(const char *path, struct arena *a, slice *ret)
{
    TRY(read_path(path, a, REFERENCE_BYTES_MAX, ret));
    if (ret->len && ret->ptr[ret->len - 1] == '\n')
        ret->len--;
    if (ret->len && ret->ptr[ret->len - 1] == '\r')
        ret->len--;
    return 0;
}

/* systemd gives credentials as files in a folder of the service. */
static int read_credential(struct arena *a, slice name, slice *ret)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder || slice_find_byte(name, '/') < name.len)
        return -ENOENT;
    size_t length = strlen(folder);
    char *path = arena_take(a, length + 1 + name.len + 1);
    if (!path)
        return -ENOMEM;
    memcpy(path, folder, length);
    path[length] = '/';
    memcpy(path + length + 1, name.ptr, name.len);
    return read_value(path, a, ret);
}

static int find_reference(UNUSED void *context, struct arena *a, enum reference_kind kind,
                          slice name, slice *ret)
{
    char *text = arena_text(a, name);
    if (!text)
        return -ENOMEM;
    if (kind == REFERENCE_FILE)
        return read_value(text, a, ret);
    if (kind == REFERENCE_CREDENTIAL)
        return read_credential(a, name, ret);
    const char *value = getenv(text);
    if (!value)
        return -ENOENT;
    *ret = arena_copy(a, slice_from(value));
    return ret->ptr ? 0 : -ENOMEM;
}

const struct reader load_reader = { .read_file = read_file,
                                    .read_input = read_input,
                                    .list_files = list_files,
                                    .find_reference = find_reference };
