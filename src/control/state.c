#include "control/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int checked(int length, size_t room)
{
    return length < 0 || (size_t)length >= room ? -ENAMETOOLONG : 0;
}

int state_folder_default(char *to, size_t room)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return checked(snprintf(to, room, "/run/portcullis"), room);
    if (runtime && runtime[0] == '/')
        return checked(snprintf(to, room, "%s/portcullis", runtime), room);
    return checked(snprintf(to, room, "/tmp/portcullis-%u", (unsigned)geteuid()), room);
}

int state_storage_default(char *to, size_t room, const char *chosen)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (chosen)
        return checked(snprintf(to, room, "%s", chosen), room);
    if (geteuid() == 0)
        return checked(snprintf(to, room, "/var/lib/portcullis"), room);
    if (state && state[0] == '/')
        return checked(snprintf(to, room, "%s/portcullis", state), room);
    if (home && home[0] == '/' && access(home, W_OK) == 0)
        return checked(snprintf(to, room, "%s/.local/state/portcullis", home), room);
    return state_folder_default(to, room);
}

int state_path(char *to, size_t room, const char *folder, const char *name)
{
    return checked(snprintf(to, room, "%s/%s", folder, name), room);
}

/* The folder must be ours: another user's in /tmp could feed us a socket of theirs. */
static int check_owner(const char *folder)
{
    struct stat status;
    if (lstat(folder, &status) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    if (status.st_uid != geteuid() && geteuid() != 0)
        return -EPERM;
    return status.st_mode & S_IWOTH ? -EPERM : 0;
}

int state_make_folder(const char *path)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    TRY(checked(snprintf(part, sizeof part, "%s", path), sizeof part));
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && i != length)
            continue;
        part[i] = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        part[i] = path[i];
    }
    return check_owner(path);
}

int state_lock(const char *folder)
{
    char path[STATE_PATH_MAX + 32];
    if (strlen(folder) >= STATE_PATH_MAX)
        return -ENAMETOOLONG;
    if (mkdir(folder, 0750) < 0 && errno != EEXIST)
        return -errno;
    TRY(check_owner(folder));
    TRY(state_path(path, sizeof path, folder, "lock"));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno == EWOULDBLOCK ? EBUSY : errno;
        close(fd);
        return -error;
    }
    return fd;
}

int state_write_pid(const char *path)
{
    char temporary[512], text[32];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    TRY(checked(snprintf(temporary, sizeof temporary, "%s.new", path), sizeof temporary));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -errno;
    ssize_t written = write(fd, text, (size_t)length);
    int error = written < 0 ? errno : EIO;
    close(fd);
    if (written == length && rename(temporary, path) == 0)
        return 0;
    if (written == length)
        error = errno;
    unlink(temporary);
    return -error;
}
