#include "control/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void free_text(char **text)
{
    free(*text);
}

static int write_all(int fd, slice text)
{
    while (text.len) {
        ssize_t written = write(fd, text.ptr, text.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        text = slice_after(text, (size_t)written);
    }
    return fsync(fd) == 0 ? 0 : -errno;
}

/* Beside the file, then over it, so that a full disk leaves the old one; rights and owner stay. */
static int replace_real(const char *path, slice text)
{
    char beside[4096];
    struct stat old;
    if (stat(path, &old) != 0)
        return -errno;
    int length = snprintf(beside, sizeof beside, "%s.new-%d", path, (int)getpid());
    if (length < 0 || (size_t)length >= sizeof beside)
        return -ENAMETOOLONG;
    int fd __attribute__((cleanup(close_file))) =
        open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = write_all(fd, text);
    if (error == 0 && fchmod(fd, old.st_mode & 07777) != 0)
        error = -errno;
    if (error == 0 && (old.st_uid != geteuid() || old.st_gid != getegid()) &&
        fchown(fd, old.st_uid, old.st_gid) != 0)
        error = -errno;
    if (error == 0 && rename(beside, path) != 0)
        error = -errno;
    if (error)
        unlink(beside);
    return error;
}

int replace_file(const char *path, slice text)
{
    char *real __attribute__((cleanup(free_text))) = realpath(path, NULL);
    return real ? replace_real(real, text) : -errno;
}
