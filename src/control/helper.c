#include "control/helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

int helper_open_signals(bool has_children)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (has_children)
        sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int helper_watch_signals(struct pollable *p, void (*on_signal)(struct pollable *))
{
    int fd = helper_open_signals(false);
    return fd < 0 ? fd : pollable_open_level(p, fd, on_signal);
}
