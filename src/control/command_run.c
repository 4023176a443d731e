/* `run`, and `portcullis --to ADDRESS`: the program itself. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/number.h"
#include "base/panic.h"
#include "control/command.h"
#include "control/load.h"
#include "control/output.h"
#include "control/quick_start.h"
#include "control/supervisor.h"

/* Errors are said here, to the one who typed the command; the generation loads it once more. */
static int check_first(const struct load_options *options, const char *name, bool greets)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    diagnostics_open(&d);
    struct configuration *c = NULL;
    int error = configuration_load(options, &c, &d);
    if (error) /* warnings are said by the generation */
        load_report(&d, name, STDERR_FILENO);
    if (error && d.errors == 0)
        output_format(STDERR_FILENO, "portcullis: %s: there is not enough memory\n", name);
    if (!error && greets)
        quick_start_greet(c, STDERR_FILENO);
    configuration_free(c);
    return error ? EXIT_PROBLEM : EXIT_OK;
}

/* In a process of its own: nothing of it stays with the supervisor, neither the memory of the rules
 * nor a secret. */
static int check_apart(const struct load_options *options, const char *name, bool greets)
{
    pid_t parent = getpid(), pid = fork();
    int status;
    if (pid < 0) {
        output_format(STDERR_FILENO, "portcullis: %s: no process to check it in: %s\n", name,
                      strerror(errno));
        return EXIT_PROBLEM;
    }
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(getppid() == parent ? check_first(options, name, greets) : EXIT_PROBLEM);
    }
    while (waitpid(pid, &status, 0) < 0)
        ASSERT(errno == EINTR); /* it is ours, and nobody else waits for it */
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    output_format(STDERR_FILENO, "portcullis: %s: the process that checked it was ended: %s\n",
                  name, strsignal(WTERMSIG(status)));
    return EXIT_PROBLEM;
}

static enum log_level verbosity_of(const char *word, bool *ret_known)
{
    static const char *const words[] = { "error", "warn", "info", "debug" };
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcmp(words[i], word) == 0)
            return (enum log_level)i;
    *ret_known = false;
    return LOG_LEVEL_INFO;
}

int command_run(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT, *verbosity = "info", *seconds = NULL;
    uint64_t load_seconds = LOAD_SECONDS_DEFAULT;
    struct run_options run = { .to_terminal = isatty(STDERR_FILENO) == 1 };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--state", .value = &run.state_folder },
        { .name = "--storage", .value = &run.storage_folder },
        { .name = "--pid-file", .value = &run.pid_file },
        { .name = "--log-level", .value = &verbosity },
        { .name = "--load-seconds", .value = &seconds },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    bool is_known = true;
    run.verbosity = verbosity_of(verbosity, &is_known);
    if (count > 0 || !is_known)
        return command_refuse(count > 0 ? "run takes no further words"
                                        : "--log-level is error, warn, info or debug");
    if (seconds && (number_parse(slice_from(seconds), LOAD_SECONDS_MAX, &load_seconds) != 0 ||
                    load_seconds == 0))
        return command_refuse("--load-seconds is a number from 1 to 100");
    run.load_seconds = (int)load_seconds;
    char *absolute = realpath(path, NULL);
    if (!absolute) {
        output_format(STDERR_FILENO, "portcullis: cannot read '%s': %s\n", path, strerror(errno));
        return EXIT_PROBLEM;
    }
    run.config_path = absolute;
    int result = check_apart(&(struct load_options){ .path = path }, path, false);
    if (result == EXIT_OK)
        result = supervisor_run(&run);
    free(absolute);
    return result;
}

int command_quick_start(const struct quick_start *q)
{
    char text[QUICK_START_BYTES_MAX + 1];
    struct writer w = writer_over(text, QUICK_START_BYTES_MAX);
    quick_start_write(&w, q);
    if (w.overflowed)
        return command_refuse("too many addresses; write a file instead");
    text[w.len] = '\0';
    struct load_options load = { .text = writer_slice(&w) };
    if (check_apart(&load, "command line", !q->prints) != EXIT_OK)
        return EXIT_PROBLEM;
    if (q->prints) {
        output_write(STDOUT_FILENO, writer_slice(&w));
        return EXIT_OK;
    }
    return supervisor_run(&(struct run_options){ .config_text = text,
                                                 .state_folder = q->state_folder,
                                                 .to_terminal = true,
                                                 .load_seconds = LOAD_SECONDS_DEFAULT,
                                                 .verbosity = LOG_LEVEL_INFO });
}
