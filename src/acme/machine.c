/* The world as it is: clocks and sleep of the loop, HTTPS by net/fetch, the hook as a program. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/engine.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/fetch.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

#define CALL_MS         30000
#define HOOK_MS         120000
#define HOOK_OUTPUT_MAX 4096u
#define CA_PATH_MAX     4096u

static int64_t wall_ms(void *context)
{
    return clock_wall_ms();
}

static int64_t now_ms(void *context)
{
    return loop_now_ms();
}

static int sleep_ms(void *context, int64_t ms)
{
    return fiber_sleep(loop_now_ms() + ms);
}

/* --- HTTPS -------------------------------------------------------------------------------------
 */

static void take_field(void *context, slice line)
{
    acme_reply_take_field(context, line, clock_wall_ms());
}

static int call(void *context, const struct acme_call *what, struct acme_reply *reply)
{
    char ca[CA_PATH_MAX], at[128];
    struct fetched answer = { 0 };
    acme_reply_clear(reply);
    if (what->ca.len >= sizeof ca || what->connect.len >= sizeof at)
        return -EMSGSIZE;
    (void)snprintf(ca, sizeof ca, "%.*s", SLICE_ARGUMENTS(what->ca));
    (void)snprintf(at, sizeof at, "%.*s", SLICE_ARGUMENTS(what->connect));
    const struct fetch f = { .url = what->url,
                             .is_head = what->is_head,
                             .may_be_plain = what->connect.len > 0, /* it is ourselves */
                             .body = what->body,
                             .content_type = what->body.ptr ? "application/jose+json" : NULL,
                             .ca_file = what->ca.len ? ca : NULL,
                             .connect_to = what->connect.len ? at : NULL,
                             .bytes_max = ACME_BODY_BYTES_MAX,
                             .deadline_ms = loop_now_ms() + CALL_MS,
                             .on_field = take_field,
                             .context = reply };
    int result = fetch(&f, &answer);
    if (result == 0) {
        reply->status = answer.status;
        reply->body = answer.body;
        reply->body_bytes = answer.bytes;
        answer.body = NULL;
    }
    (void)snprintf(reply->why, sizeof reply->why, "%s", answer.why);
    fetched_clear(&answer);
    return result == -ECANCELED || result == -ENOMEM || result == 0 ? result : -EIO;
}

/* --- The hook ----------------------------------------------------------------------------------
 */

struct run {
    pid_t pid;
    int pidfd, output;
    struct pollable end, said;
    struct fiber *fiber;
    bool has_ended, is_silent;
    char text[HOOK_OUTPUT_MAX + 1];
    size_t length;
};

static void close_run(struct run *r)
{
    if (r->end.registered)
        pollable_close(&r->end, false);
    if (r->said.registered)
        pollable_close(&r->said, false);
    if (r->pid > 0) {
        (void)kill(-r->pid, SIGKILL);
        (void)waitpid(r->pid, NULL, 0);
    }
    if (r->pidfd >= 0)
        close(r->pidfd);
    if (r->output >= 0)
        close(r->output);
}

/* Everything is read, so that the program never waits for us; what is too long is not kept. */
static void on_output(struct pollable *p)
{
    struct run *r = CONTAINER_OF(p, struct run, said);
    char bytes[1024];
    ssize_t got = read(r->output, bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        pollable_close(p, false);
        r->is_silent = true;
        return;
    }
    size_t room = HOOK_OUTPUT_MAX - r->length;
    size_t taken = (size_t)got < room ? (size_t)got : room;
    memcpy(r->text + r->length, bytes, taken);
    r->length += taken;
}

static void on_end(struct pollable *p)
{
    struct run *r = CONTAINER_OF(p, struct run, end);
    r->has_ended = true;
    fiber_wake(r->fiber);
}

/* Our own descriptors stay here, signals are as they are by default, and it leads a group that can
 * be ended as a whole. 0 · -errno */
static int spawn(struct run *r, const char *path, char *const arguments[], char *const variables[],
                 int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    int error =
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) |
        posix_spawn_file_actions_adddup2(&actions, output, 1) |
        posix_spawn_file_actions_adddup2(&actions, output, 2) |
        posix_spawn_file_actions_addclosefrom_np(&actions, 3) |
        posix_spawnattr_setsigmask(&attributes, &none) |
        posix_spawnattr_setsigdefault(&attributes, &all) |
        posix_spawnattr_setpgroup(&attributes, 0) |
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETPGROUP);
    error =
        error ? ENOMEM : posix_spawn(&r->pid, path, &actions, &attributes, arguments, variables);
    if (error)
        r->pid = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int start(struct run *r, const struct acme_hook_call *what)
{
    char path[CA_PATH_MAX], domain[320], record[340], value[128], action[32];
    int ends[2];
    (void)snprintf(path, sizeof path, "%.*s", SLICE_ARGUMENTS(what->program));
    (void)snprintf(action, sizeof action, "ACME_ACTION=%s", what->is_set ? "set" : "remove");
    (void)snprintf(domain, sizeof domain, "ACME_DOMAIN=%.*s", SLICE_ARGUMENTS(what->domain));
    (void)snprintf(record, sizeof record, "ACME_RECORD=%.*s", SLICE_ARGUMENTS(what->record));
    (void)snprintf(value, sizeof value, "ACME_VALUE=%.*s", SLICE_ARGUMENTS(what->value));
    char *arguments[] = { path, strchr(action, '=') + 1, strchr(record, '=') + 1,
                          strchr(value, '=') + 1, NULL };
    char *variables[] = { action,
                          domain,
                          record,
                          value,
                          (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
                                  "/bin",
                          NULL };
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    r->output = ends[0];
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int result = spawn(r, path, arguments, variables, ends[1]);
    close(ends[1]);
    TRY(result);
    r->pidfd = pidfd_open(r->pid, 0);
    if (r->pidfd < 0)
        return -errno;
    TRY(pollable_open_level(&r->said, r->output, on_output));
    return pollable_open_level(&r->end, r->pidfd, on_end);
}

static void log_output(const struct run *r, slice program)
{
    slice rest = slice_of(r->text, r->length);
    while (rest.len) {
        size_t end = slice_find_byte(rest, '\n');
        slice line = slice_trim(slice_first(rest, end));
        if (line.len)
            log_info("acme: %.*s: %.*s", SLICE_ARGUMENTS(program), SLICE_ARGUMENTS(line));
        rest = slice_after(rest, end + 1);
    }
}

static void describe_end(int status, char why[ACME_WHY_BYTES])
{
    if (WIFSIGNALED(status))
        (void)snprintf(why, ACME_WHY_BYTES, "it was ended by signal %d", WTERMSIG(status));
    else
        (void)snprintf(why, ACME_WHY_BYTES, "it ended with exit code %d", WEXITSTATUS(status));
}

static int await_end(struct run *r, char why[ACME_WHY_BYTES])
{
    int status = 0;
    int64_t until_ms = loop_now_ms() + HOOK_MS;
    while (!r->has_ended) {
        int result = fiber_wait(until_ms);
        if (result == -ETIMEDOUT)
            (void)snprintf(why, ACME_WHY_BYTES, "it did not end within %d seconds and was killed",
                           HOOK_MS / 1000);
        if (result != 0)
            return result;
    }
    while (!r->is_silent && r->length < HOOK_OUTPUT_MAX) { /* what is there; others may hold it */
        size_t before = r->length;
        on_output(&r->said);
        if (r->length == before)
            break;
    }
    if (waitpid(r->pid, &status, 0) < 0)
        return -errno;
    (void)kill(-r->pid, SIGKILL); /* what it left behind in its group */
    r->pid = 0;
    if (status == 0)
        return 0;
    describe_end(status, why);
    return -EIO;
}

static int hook(void *context, const struct acme_hook_call *what, char why[ACME_WHY_BYTES])
{
    OWNS(close_run) struct run r = { .pidfd = -1, .output = -1, .fiber = fiber_current() };
    int result = start(&r, what);
    if (result != 0)
        (void)snprintf(why, ACME_WHY_BYTES, "%s", strerror(-result));
    else
        result = await_end(&r, why);
    log_output(&r, what->program);
    return result == -ECANCELED || result == -ENOMEM || result == 0 ? result : -EIO;
}

const struct acme_world acme_machine = {
    .wall_ms = wall_ms, .now_ms = now_ms, .sleep = sleep_ms, .call = call, .hook = hook
};
