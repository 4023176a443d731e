/* The one binary: its first argument says what it is to do. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/output.h"
#include "control/supervisor.h"

static const struct command commands[] = {
    { "run", "[-c FILE] [--state DIR]", "Serves, in the foreground", command_run },
    { "check", "[-c FILE] [--json]", "Says whether the configuration is in order", command_check },
    { "fmt", "[-w] [FILE...]", "Writes the configuration in its one layout", command_format },
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "internal") == 0)
        return internal_main(argc - 2, argv + 2);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    output_format(STDERR_FILENO, "portcullis: unknown command '%s'\n", name);
    return EXIT_USAGE;
}
