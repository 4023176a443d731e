#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int judge(const struct stat *status)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return 0;
    case S_IFDIR:
        return -EISDIR;
    case S_IFIFO:
        return -ESPIPE;
    case S_IFSOCK:
        return -ENXIO; /* as open() has it */
    default:
        return -ENODEV;
    }
}

int file_open(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return -errno;
    int result = judge(&status);
    if (result != 0)
        return result;
    /* It may be another one meanwhile: not even then does anybody wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -errno;
    result = fstat(fd, &status) == 0 ? judge(&status) : -errno;
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

const char *file_problem(int error)
{
    switch (error) {
    case -EISDIR:
        return "it is a folder, not a file";
    case -ESPIPE:
        return "it is a pipe, not a file";
    case -ENODEV:
        return "it is a device, not a file";
    case -ENXIO:
        return "it is a socket, not a file";
    default:
        return strerror(-error);
    }
}
