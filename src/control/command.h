/* The commands of the command line. Each takes the arguments behind its own name and returns the
 * exit code of the process. */
#pragma once

#include <stdint.h>

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
    const char *details;  /* further sentences for the manual */
    const char *options;  /* all that it takes, with spaces between, for the completion */
    int (*run)(int argc, char **argv);
};
extern const struct command commands[];
extern const size_t command_count;

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_stop(int argc, char **argv);
int command_upgrade(int argc, char **argv);
int command_status(int argc, char **argv);
int command_format(int argc, char **argv);
int command_help(int argc, char **argv);
int command_show(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_version(int argc, char **argv);
int command_certs(int argc, char **argv);
int command_completion(int argc, char **argv);
int command_waf(int argc, char **argv);
int command_waf_rules(int argc, char **argv);
int command_exclude(int argc, char **argv);
int command_whatif(int argc, char **argv);

/* `explain ID` */
int command_story(const char *folder, const char *id, bool json);

struct quick_start;
/* `portcullis --to ADDRESS` */
int command_quick_start(const struct quick_start *q);

/* One option of a command: with a value, or a flag. */
struct command_option {
    const char *name, *short_name; /* "--config", "-c"; short_name may be NULL */
    bool *flag;                    /* a flag, or one of the following */
    const char **value;
    const char **values; /* may be repeated: appended here, at most values_max */
    uint32_t *value_count;
    uint32_t values_max;
};

/* Reads options and leaves the other words in argv[0 .. *ret_count). Prints what is wrong.
 * EXIT_OK · EXIT_USAGE */
MUST_CHECK int command_options(int argc, char **argv, const struct command_option *options,
                               size_t option_count, int *ret_count);

/* Says what is wrong with the command line. Always EXIT_USAGE. */
int command_refuse(const char *why);
