#include "runtime/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "base/panic.h"

static volatile uint64_t turns;
static uint64_t turns_seen; /* by the handler alone */

static void on_span(int number)
{
    (void)number;
    if (turns == turns_seen)
        panic(__FILE__, __LINE__, __func__, "a turn of the loop does not end");
    turns_seen = turns;
}

static int set_span(uint32_t cpu_ms)
{
    struct timeval span = { .tv_sec = cpu_ms / 1000,
                            .tv_usec = (suseconds_t)(cpu_ms % 1000) * 1000 };
    struct itimerval timer = { .it_interval = span, .it_value = span };
    return setitimer(ITIMER_PROF, &timer, NULL) < 0 ? -errno : 0;
}

int watchdog_open(uint32_t cpu_ms)
{
    struct sigaction action = { .sa_handler = on_span, .sa_flags = SA_RESTART };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    turns_seen = turns - 1;
    if (sigaction(SIGPROF, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) < 0)
        return -errno;
    return set_span(cpu_ms);
}

void watchdog_turn(void)
{
    turns++;
}

void watchdog_close(void)
{
    (void)set_span(0);
}
