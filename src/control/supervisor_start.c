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
#include "control/absolute_path.h"
#include "control/adoption.h"
#include "control/keeper.h"
#include "control/state.h"
#include "control/supervisor_state.h"

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

/* Where the state and the storage are. */
static int find_folders(const struct run_options *options)
{
    struct boot_record *b = &supervisor.state;
    slice path;
    if (options->state_folder)
        TRY(absolute_path(slice_from(options->state_folder), b->state_folder, &path));
    else
        TRY(state_folder_default(b->state_folder, sizeof b->state_folder));
    if (options->storage_folder)
        return absolute_path(slice_from(options->storage_folder), b->storage_folder, &path);
    return state_storage_default(b->storage_folder, sizeof b->storage_folder,
                                 options->state_folder ? b->state_folder : NULL);
}

static int describe(const struct run_options *options)
{
    slice pid_file;
    boot_record_clear(&supervisor.state);
    ssize_t length =
        readlink("/proc/self/exe", supervisor.state.binary, sizeof supervisor.state.binary - 1);
    if (length < 0)
        return -errno;
    supervisor.state.binary[length] = '\0';
    supervisor.state.to_terminal = options->to_terminal;
    supervisor.state.verbosity = (int32_t)options->verbosity;
    supervisor.state.load_ms = options->load_seconds * 1000;
    supervisor.state.started_wall_ms = clock_wall_ms();
    supervisor.state.next_generation = 1;
    supervisor.state.out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    supervisor.state.err_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    TRY(find_folders(options));
    if (options->pid_file)
        TRY(absolute_path(slice_from(options->pid_file), supervisor.state.pid_file, &pid_file));
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

enum adopted { NOBODY_THERE, ADOPTED, CANNOT_ADOPT };

/* Another supervisor died and its workers go on: take over what they hold. */
static enum adopted adopt(void)
{
    struct boot_record *state = &supervisor.state;
    int result = adoption_take(state, &supervisor.memory, &supervisor.settings);
    if (result == -ENOENT || result == -ECONNREFUSED)
        return NOBODY_THERE;
    if (result != 0) {
        log_error("cannot start: workers of a supervisor that died still serve with the state "
                  "directory %s and cannot be adopted (%s): they are of another version, or stand "
                  "still; end the processes pc-generation and pc-worker first",
                  state->state_folder, strerror(-result));
        return CANNOT_ADOPT;
    }
    adoption_end_helpers(&supervisor.memory);
    generations_note_orphans();
    state->drain_ms = supervisor.settings.drain_ms;
    state->drain_generations_max = supervisor.settings.generations_max;
    for (uint32_t i = 0; i < state->generation_count; i++)
        log_info("adopted generation %llu with %u workers",
                 (unsigned long long)state->generations[i].number,
                 state->generations[i].slot_count);
    return ADOPTED;
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
    enum adopted adopted = adopt();
    if (adopted == CANNOT_ADOPT)
        return 1;
    if (adopted == NOBODY_THERE && (result = make_shared_memory()) != 0)
        return supervisor_explain(result, "shared memory");
    if (adopted == NOBODY_THERE)
        supervisor.state.adoption_fd =
            open_unix_listener(STATE_ADOPTION_SOCKET, SOCK_SEQPACKET, 0600);
    supervisor.state.admin_fd = open_unix_listener(STATE_ADMIN_SOCKET, SOCK_STREAM, 0660);
    if (supervisor.state.adoption_fd < 0 || supervisor.state.admin_fd < 0)
        return supervisor_explain(supervisor.state.admin_fd < 0 ? supervisor.state.admin_fd
                                                                : supervisor.state.adoption_fd,
                                  supervisor.state.state_folder);
    write_pid_files();
    if (adopted == ADOPTED) {
        supervisor.announced = true;
        helpers_replace();
    }
    result = keyholders_begin();
    if (result != 0)
        return supervisor_explain(result, "the keyholder");
    result = generations_start(false); /* after an adoption: with the configuration of now */
    return result == 0 ? 0 : supervisor_explain(result, "the first generation");
}

/* The logger writes what the rings hold and ends; one that stands still is killed. Others whose
 * parent we became (as process 1 of a container) are not waited for. */
static void end_helpers(void)
{
    const pid_t pids[] = { supervisor.state.observer_pid, supervisor.state.certifier_pid,
                           supervisor.state.keyholder.pid, supervisor.state.logger_pid };
    for (size_t i = 0; i < ARRAY_LENGTH(pids); i++) {
        if (pids[i] <= 0)
            continue;
        (void)kill(pids[i], SIGTERM);
        int waited = 0;
        while (waited < QUICK_END_MS && waitpid(pids[i], NULL, WNOHANG) == 0) {
            (void)poll(NULL, 0, 10);
            waited += 10;
        }
        if (waited < QUICK_END_MS)
            continue;
        log_warn("process %d does not end within %d s and is killed", (int)pids[i],
                 QUICK_END_MS / 1000);
        if (kill(pids[i], SIGKILL) == 0)
            (void)waitpid(pids[i], NULL, 0);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
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
    keyholders_finish_upgrade(false);
    end_helpers();
}

int supervisor_open_process(enum log_level verbosity)
{
    log_open("supervisor", verbosity);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    (void)prctl(PR_SET_DUMPABLE, 0);
    raise_descriptor_limit();
    return open_signals();
}
