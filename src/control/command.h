/* The commands of the command line. Each takes the arguments behind its own name and returns the
 * exit code of the process. */
#pragma once

#include "base/slice.h"

enum exit_code {
    EXIT_OK = 0,          /* done, nothing to say against */
    EXIT_PROBLEM = 1,     /* a problem was found or met */
    EXIT_USAGE = 2,       /* the command was not understood */
    EXIT_NOT_RUNNING = 3, /* there is no running program to speak to */
};

#define CONFIG_PATH_DEFAULT "/etc/portcullis/portcullis.conf"

struct command {
    const char *name;
    const char *synopsis; /* what stands behind the name */
    const char *meaning;  /* one line */
    int (*run)(int argc, char **argv);
};

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_format(int argc, char **argv);

/* One option of a command: "-c" or "--config" with a value, "--json" without. */
struct command_option {
    const char *name, *short_name; /* "--config", "-c"; short_name may be NULL */
    const char **value;            /* with a value; NULL: a flag */
    bool *flag;
    const char ***values; /* with a value, may be repeated: appended here */
    uint32_t *value_count;
};

/* Reads options and leaves the other words in argv[0 .. *ret_count). Prints what is wrong.
 * EXIT_OK · EXIT_USAGE */
MUST_CHECK int command_options(int argc, char **argv, const struct command_option *options,
                               size_t option_count, int *ret_count);
