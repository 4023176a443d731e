#include "control/helper.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

int helper_watch_signals(struct pollable *p, void (*on_signal)(struct pollable *))
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : pollable_open_level(p, fd, on_signal);
}
