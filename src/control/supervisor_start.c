#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/adoption.h"
#include "control/keeper.h"
#include "control/state.h"
#include "control/supervisor_state.h"

#define HELPER_END_MS 5000 /* for logger and observer, when all else has ended */

static int open_signals(void)
{
    static const int numbers[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2 };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
        sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a full log file is an error of write(), in every process */
    supervisor.signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return supervisor.signals < 0 ? -errno : 0;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (geteuid() == 0 && limit.rlim_max < 1048576)
        limit.rlim_max = 1048576;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 4096)
        log_warn("only %llu descriptors may be open at once (ulimit -n): connections will be "
                 "refused above about half of that",
                 (unsigned long long)limit.rlim_cur);
}

static int open_unix_listener(const char *name, int type, unsigned mode)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    TRY(state_path(a.sun_path, sizeof a.sun_path, supervisor.state.state_folder, name));
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    (void)unlink(a.sun_path); /* the lock is ours: whoever made it is gone */
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(a.sun_path, mode) < 0 ||
        listen(fd, 64) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int copy_text(char *to, size_t room, const char *text)
{
    if (strlen(text) >= room)
        return -ENAMETOOLONG;
    memcpy(to, text, strlen(text) + 1);
    return 0;
}

static int keep_config_text(const char *text)
{
    int fd = memfd_create("portcullis-configuration", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        close(fd);
        return -ENOSPC;
    }
    return fd;
}

static int describe(const struct run_options *options)
{
    boot_record_clear(&supervisor.state);
    ssize_t length =
        readlink("/proc/self/exe", supervisor.state.binary, sizeof supervisor.state.binary - 1);
    if (length < 0)
        return -errno;
    supervisor.state.binary[length] = '\0';
    supervisor.state.to_terminal = options->to_terminal;
    supervisor.state.verbosity = (int32_t)options->verbosity;
    supervisor.state.started_wall_ms = clock_wall_ms();
    supervisor.state.next_generation = 1;
    supervisor.state.out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    supervisor.state.err_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    if (options->state_folder)
        TRY(copy_text(supervisor.state.state_folder, sizeof supervisor.state.state_folder,
                      options->state_folder));
    else
        TRY(state_folder_default(supervisor.state.state_folder,
                                 sizeof supervisor.state.state_folder));
    if (options->pid_file)
        TRY(copy_text(supervisor.state.pid_file, sizeof supervisor.state.pid_file,
                      options->pid_file));
    if (options->config_path)
        return copy_text(supervisor.state.config_path, sizeof supervisor.state.config_path,
                         options->config_path);
    supervisor.state.config_fd = keep_config_text(options->config_text);
    return supervisor.state.config_fd < 0 ? supervisor.state.config_fd : 0;
}

static void write_pid_files(void)
{
    char path[PATH_MAX + 32];
    if (state_path(path, sizeof path, supervisor.state.state_folder, STATE_PID_FILE) == 0 &&
        state_write_pid(path) != 0)
        log_warn("cannot write %s", path);
    if (supervisor.state.pid_file[0] && state_write_pid(supervisor.state.pid_file) != 0)
        log_warn("cannot write %s", supervisor.state.pid_file);
}

static int make_shared_memory(void)
{
    TRY(shared_memory_create(&supervisor.memory));
    for (int i = 0; i < SHARED_COUNT; i++)
        supervisor.state.shared[i] = supervisor.memory.segments[i].fd;
    supervisor.state.log_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return supervisor.state.log_wake_fd < 0 ? -errno : 0;
}

/* Another supervisor died and its workers go on: take over what they hold. */
static bool adopt(void)
{
    if (adoption_take(&supervisor.state) != 0)
        return false;
    int fds[SHARED_COUNT];
    memcpy(fds, supervisor.state.shared, sizeof fds);
    if (shared_memory_map(&supervisor.memory, fds) != 0) {
        log_error("cannot adopt the running generation: its shared memory has another layout");
        return false;
    }
    adoption_end_helpers(&supervisor.memory);
    log_info("adopted generation %llu with %u workers",
             (unsigned long long)supervisor.state.generations[0].number,
             supervisor.state.generations[0].slot_count);
    return true;
}

int supervisor_explain(int result, const char *what)
{
    log_error("cannot start: %s: %s", what, strerror(-result));
    return 1;
}

int supervisor_begin(const struct run_options *options)
{
    int result = describe(options);
    if (result != 0)
        return supervisor_explain(result, "the command line");
    supervisor.state.lock_fd = state_lock(supervisor.state.state_folder);
    if (supervisor.state.lock_fd == -EBUSY) {
        log_error("another Portcullis already runs with the state directory %s",
                  supervisor.state.state_folder);
        return 1;
    }
    if (supervisor.state.lock_fd < 0)
        return supervisor_explain(supervisor.state.lock_fd, supervisor.state.state_folder);
    bool adopted = adopt();
    if (!adopted && (result = make_shared_memory()) != 0)
        return supervisor_explain(result, "shared memory");
    if (!adopted)
        supervisor.state.adoption_fd =
            open_unix_listener(STATE_ADOPTION_SOCKET, SOCK_SEQPACKET, 0600);
    supervisor.state.admin_fd = open_unix_listener(STATE_ADMIN_SOCKET, SOCK_STREAM, 0660);
    if (supervisor.state.adoption_fd < 0 || supervisor.state.admin_fd < 0)
        return supervisor_explain(supervisor.state.admin_fd < 0 ? supervisor.state.admin_fd
                                                                : supervisor.state.adoption_fd,
                                  supervisor.state.state_folder);
    write_pid_files();
    if (adopted) {
        supervisor.announced = true;
        supervisor.logger_at_ms = supervisor.observer_at_ms = clock_monotonic_ms();
    }
    result = supervisor_start_generation(); /* after an adoption: with the configuration of now */
    return result == 0 ? 0 : supervisor_explain(result, "the first generation");
}

/* One that is stopped, or stuck in a write, is not waited for without end. */
static void end_helper(pid_t pid)
{
    int64_t until_ms = clock_monotonic_ms() + HELPER_END_MS;
    if (pid <= 0 || kill(pid, SIGTERM) < 0)
        return;
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic_ms() >= until_ms) {
            log_warn("process %d does not end within %d s and is killed", (int)pid,
                     HELPER_END_MS / 1000);
            (void)kill(pid, SIGKILL);
            return;
        }
        (void)poll(NULL, 0, 5);
    }
}

void supervisor_clean_up(void)
{
    char path[PATH_MAX + 32];
    static const char *const names[] = { STATE_ADMIN_SOCKET, STATE_ADOPTION_SOCKET,
                                         STATE_PID_FILE };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (state_path(path, sizeof path, supervisor.state.state_folder, names[i]) == 0)
            (void)unlink(path);
    if (supervisor.state.pid_file[0])
        (void)unlink(supervisor.state.pid_file);
    keeper_keep_only(&supervisor.state, 0);
    end_helper(supervisor.state.observer_pid);
    end_helper(supervisor.state.logger_pid); /* it writes what the rings hold, then ends */
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

int supervisor_open_process(enum log_level verbosity)
{
    log_open("supervisor", verbosity);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_DUMPABLE, 0);
    raise_descriptor_limit();
    return open_signals();
}
