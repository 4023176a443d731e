/* `run`: the supervisor in the foreground. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/output.h"
#include "control/supervisor.h"

static int level_of(const char *name)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    for (int i = 0; i < (int)ARRAY_LENGTH(names); i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

int command_run(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT, *state = NULL, *pid_file = NULL, *level = "info";
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--state", .value = &state },
        { .name = "--pid-file", .value = &pid_file },
        { .name = "--log-level", .value = &level },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count > 0 || level_of(level) < 0) {
        output_format(STDERR_FILENO, "portcullis: run: %s \"%s\"\n",
                      count > 0 ? "unexpected"
                                : "--log-level takes error, warn, info or debug, not",
                      count > 0 ? argv[0] : level);
        return EXIT_USAGE;
    }
    char absolute[PATH_MAX];
    if (!realpath(path, absolute)) {
        output_format(STDERR_FILENO, "portcullis: cannot read the configuration %s: %s\n", path,
                      strerror(errno));
        return EXIT_PROBLEM;
    }
    struct run_options run = { .config_path = absolute,
                               .state_folder = state,
                               .pid_file = pid_file,
                               .to_terminal = isatty(STDERR_FILENO) == 1,
                               .verbosity = (enum log_level)level_of(level) };
    return supervisor_run(&run) == 0 ? EXIT_OK : EXIT_PROBLEM;
}
