/* Commands for the running program: they speak to its admin socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/admin_client.h"
#include "control/command.h"
#include "control/json_text.h"
#include "control/output.h"

#define ANSWER_SECONDS_MAX 60
#define RELOAD_SECONDS_MAX 600 /* compiling a large configuration takes its time */

static void free_answer(struct admin_answer *answer)
{
    free(answer->body);
}

static int fail(const char *command, int error)
{
    if (error == -ENOENT || error == -ECONNREFUSED) {
        output_format(STDERR_FILENO,
                      "portcullis: nothing is running here; start it with: portcullis run\n");
        return EXIT_NOT_RUNNING;
    }
    output_format(STDERR_FILENO, "portcullis: %s: %s\n", command, strerror(-error));
    return EXIT_PROBLEM;
}

/* Asks and prints the answer's text. */
static int order(const char *command, const char *path, const char *folder, int seconds)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int error = admin_ask(folder, "POST", path, seconds, &answer);
    if (error)
        return fail(command, error);
    bool is_done = answer.status >= 200 && answer.status < 300;
    int fd = is_done ? STDOUT_FILENO : STDERR_FILENO;
    output_write(fd, slice_of(answer.body, answer.length));
    if (answer.length && answer.body[answer.length - 1] != '\n')
        output_write(fd, SLICE("\n"));
    return is_done ? EXIT_OK : EXIT_PROBLEM;
}

static int read_options(int argc, char **argv, const char **folder, bool *flag, const char *name)
{
    const struct command_option options[] = {
        { .name = "--state", .value = folder },
        { .name = name, .flag = flag },
    };
    int count;
    if (command_options(argc, argv, options, name ? 2 : 1, &count) != EXIT_OK)
        return EXIT_USAGE;
    return count ? command_refuse("there is a word too many") : EXIT_OK;
}

int command_reload(int argc, char **argv)
{
    const char *folder = NULL;
    TRY(read_options(argc, argv, &folder, NULL, NULL));
    return order("reload", "/reload", folder, RELOAD_SECONDS_MAX);
}

int command_upgrade(int argc, char **argv)
{
    const char *folder = NULL;
    TRY(read_options(argc, argv, &folder, NULL, NULL));
    return order("upgrade", "/upgrade", folder, RELOAD_SECONDS_MAX);
}

int command_stop(int argc, char **argv)
{
    const char *folder = NULL;
    bool is_quick = false;
    TRY(read_options(argc, argv, &folder, &is_quick, "--now"));
    return order("stop", is_quick ? "/stop?mode=quick" : "/stop?mode=drain", folder,
                 ANSWER_SECONDS_MAX);
}

int command_status(int argc, char **argv)
{
    const char *folder = NULL;
    bool json = false;
    TRY(read_options(argc, argv, &folder, &json, "--json"));
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int error = admin_ask(folder, "GET", "/status", ANSWER_SECONDS_MAX, &answer);
    if (error)
        return fail("status", error);
    slice body = slice_of(answer.body, answer.length);
    if (json || answer.status != 200) {
        output_write(STDOUT_FILENO, body);
        if (!slice_ends_with(body, SLICE("\n")))
            output_write(STDOUT_FILENO, SLICE("\n"));
    } else {
        json_text_write(STDOUT_FILENO, body);
    }
    return answer.status == 200 ? EXIT_OK : EXIT_PROBLEM;
}
