/* The one binary: its first argument says what it is to do. */
#include <string.h>
#include <unistd.h>

#include "config/suggest.h"
#include "control/command.h"
#include "control/output.h"
#include "control/quick_start.h"
#include "control/supervisor.h"

const struct command commands[] = {
    { "run", "[-c FILE] [--state DIR]", "Serves what the configuration says",
      "Stays in the foreground. --pid-file FILE writes the process id there too; --log-level "
      "error|warn|info|debug sets how much the program says. FILE is " CONFIG_PATH_DEFAULT
      " unless written.",
      command_run },
    { "check", "[-c FILE] [--json]", "Says whether the configuration is in order",
      "All errors at once, each with its place, the reason and what was expected; exit code 1 when "
      "there are any. --json is for editors and pipelines; --dump prints all files afterwards.",
      command_check },
    { "reload", "[--state DIR]", "Puts the changed configuration in force, without loss",
      "A configuration with errors changes nothing: the message says what is wrong with it.",
      command_reload },
    { "stop", "[--now] [--state DIR]", "Ends the running program",
      "It finishes what it has begun first; with --now it does not.", command_stop },
    { "upgrade", "[--state DIR]", "Replaces the running program by the binary now on disk",
      "Listening sockets and connections are kept.", command_upgrade },
    { "status", "[--json] [--state DIR]", "Shows how the running program is doing",
      "Generations, workers, connections and origins.", command_status },
    { "fmt", "[-w] [FILE...]", "Writes the configuration in its one layout",
      "To the standard output, or with -w to the file itself. Comments stay. - is the standard "
      "input.",
      command_format },
    { "show", "routes|effective SITE PATH", "Shows what is in force after inheritance",
      "show routes lists the routes of all sites in the order in which they are tried; show "
      "effective SITE PATH lists every setting for this path and the line that it comes from. Both "
      "take -c FILE and --json.",
      command_show },
    { "explain", "URL [--from IP] [--method M]", "Says what would happen to a request",
      "Nothing is sent. --header 'Name: value' may be repeated; --on ADDRESS chooses the listener. "
      "Takes -c FILE and --json too.",
      command_explain },
    { "help", "[DIRECTIVE|CODE|COMMAND]", "Explains a directive, an error code or a command",
      "--reference directives|codes|commands prints the reference as Markdown, --man 1|5 the "
      "manual pages.",
      command_help },
    { "completion", "bash", "Prints the completion for the shell",
      "For example: portcullis completion bash > "
      "/usr/share/bash-completion/completions/portcullis",
      command_completion },
    { "version", "", "Says which version this is",
      "One line: the name and the version. -v and --version do the same.", command_version },
};
const size_t command_count = ARRAY_LENGTH(commands);

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int refuse_command(const char *name)
{
    struct suggestion near = suggestion_for(slice_from(name));
    for (size_t i = 0; i < command_count; i++)
        suggestion_offer(&near, slice_from(commands[i].name));
    output_format(STDERR_FILENO, "portcullis: unknown command '%s'", name);
    if (near.best.len)
        output_format(STDERR_FILENO, "; did you mean '%.*s'?", SLICE_ARGUMENTS(near.best));
    output_write(STDERR_FILENO, SLICE("\n"));
    return EXIT_USAGE;
}

/* Runs a command with words of our own. */
static int run_alias(const char *name, const char *config, const char *option)
{
    char *argv[3];
    int argc = 0;
    char config_option[] = "-c";
    if (config) {
        argv[argc++] = config_option;
        argv[argc++] = (char *)config;
    }
    if (option)
        argv[argc++] = (char *)option;
    return find_command(name)->run(argc, argv);
}

static int run_signal(const char *word)
{
    if (strcmp(word, "reload") == 0)
        return run_alias("reload", NULL, NULL);
    if (strcmp(word, "quit") == 0)
        return run_alias("stop", NULL, NULL);
    if (strcmp(word, "stop") == 0)
        return run_alias("stop", NULL, "--now");
    return command_refuse("-s is reload, quit or stop");
}

/* What begins with an option: the habits of nginx's users, and the quick start. */
static int run_options(int argc, char **argv)
{
    const char *config = NULL, *signal = NULL, *state = NULL;
    const char *to[QUICK_START_WORDS_MAX], *listens[QUICK_START_WORDS_MAX],
        *hosts[QUICK_START_WORDS_MAX];
    bool tests = false, dumps = false, helps = false, asks_version = false;
    struct quick_start q = { .to = to, .listens = listens, .hosts = hosts };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &config },
        { .name = "-t", .flag = &tests },
        { .name = "-T", .flag = &dumps },
        { .name = "-s", .value = &signal },
        { .name = "--version", .short_name = "-v", .flag = &asks_version },
        { .name = "--help", .short_name = "-h", .flag = &helps },
        { .name = "--state", .value = &state },
        { .name = "--print-config", .flag = &q.prints },
        { .name = "--to",
          .values = to,
          .value_count = &q.to_count,
          .values_max = QUICK_START_WORDS_MAX },
        { .name = "--listen",
          .values = listens,
          .value_count = &q.listen_count,
          .values_max = QUICK_START_WORDS_MAX },
        { .name = "--host",
          .values = hosts,
          .value_count = &q.host_count,
          .values_max = QUICK_START_WORDS_MAX },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    q.state_folder = state;
    if (count > 0)
        return command_refuse("a command stands first");
    if (helps || asks_version)
        return run_alias(helps ? "help" : "version", NULL, NULL);
    if (tests || dumps)
        return run_alias("check", config, dumps ? "--dump" : NULL);
    if (signal)
        return run_signal(signal);
    if (q.to_count)
        return command_quick_start(&q);
    if (config)
        return run_alias("run", config, NULL);
    return command_refuse("--to says where requests go");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        run_alias("help", NULL, NULL);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "internal") == 0)
        return internal_main(argc - 2, argv + 2);
    if (argv[1][0] == '-')
        return run_options(argc - 1, argv + 1);
    const struct command *command = find_command(argv[1]);
    return command ? command->run(argc - 2, argv + 2) : refuse_command(argv[1]);
}
