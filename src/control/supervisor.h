/* The supervisor: binds every listening socket and keeps them for its life, holds the shared memory
 * and the state directory, starts generations, the logger and the observer, and restarts what dies.
 * It parses nothing that comes from the network. See ARCHITECTURE.md for the picture. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/log.h"

struct run_options {
    const char *config_path;    /* absolute; NULL: config_text is the configuration (--to) */
    const char *config_text;    /* NUL-terminated */
    const char *state_folder;   /* NULL: state_folder_default() */
    const char *storage_folder; /* NULL: state_storage_default() */
    const char *pid_file;       /* NULL: none besides the one in the state directory */
    bool to_terminal; /* started by hand in the foreground: logs to stdout unless written */
    enum log_level verbosity;
    int load_seconds; /* that long a generation may take until it is ready */
};

#define LOAD_SECONDS_DEFAULT 60
#define LOAD_SECONDS_MAX     100 /* whoever asked for it waits that long */

/* Serves until it is told to stop. Exit code of the process: 0 ended in order · 1 could not start,
 * or ended with trouble (said in the program log). */
MUST_CHECK int supervisor_run(const struct run_options *options);

struct boot_record;

/* An upgrade: the same process with the new binary goes on with the old one's state. */
int supervisor_continue(struct boot_record *handed_over);

/* The entry point of the processes that the supervisor starts: `portcullis internal ROLE FD`;
 * argv holds ROLE (generation, keyholder, logger, observer, supervisor) and FD. Returns the exit
 * code. */
int internal_main(int argc, char **argv);
