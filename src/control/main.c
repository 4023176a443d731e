/* The one binary: its first argument says what it is to do. */
#include <string.h>
#include <unistd.h>

#include "config/suggest.h"
#include "control/command.h"
#include "control/output.h"
#include "control/quick_start.h"
#include "control/supervisor.h"

const struct command commands[] = {
    { "run", "[-c FILE] [--state DIR] [--storage DIR]", "Serves what the configuration says",
      "Stays in the foreground. --storage DIR is for what must outlive a reboot, certificates and "
      "keys: /var/lib/portcullis for root, or the --state directory where one is given. --pid-file "
      "FILE writes the process id there too; --log-level "
      "error|warn|info|debug sets how much the program says; --load-seconds N is how long a "
      "configuration may take to load (60). FILE is " CONFIG_PATH_DEFAULT " unless written.",
      "-c --config --state --storage --pid-file --log-level --load-seconds", command_run },
    { "check", "[-c FILE] [--json]", "Says whether the configuration is in order",
      "All errors at once, each with its place, the reason and what was expected; exit code 1 when "
      "there are any; otherwise by which rules of the WAF the sites are judged. --json is for "
      "editors and pipelines; --dump prints all files afterwards. "
      "- is the standard input.",
      "-c --config --json --dump", command_check },
    { "reload", "[--state DIR]", "Puts the changed configuration in force, without loss",
      "A configuration with errors changes nothing: the message says what is wrong with it.",
      "--state", command_reload },
    { "stop", "[--now] [--state DIR]", "Ends the running program",
      "It finishes what it has begun first, for as long as `drain` says; with --now it does not.",
      "--now --state", command_stop },
    { "upgrade", "[--state DIR]", "Replaces the running program by the binary now on disk",
      "Listening sockets and connections are kept.", "--state", command_upgrade },
    { "status", "[--json] [--state DIR]", "Shows how the running program is doing",
      "Generations, workers, connections and origins.", "--json --state", command_status },
    { "certs", "[renew NAME|revoke NAME|trust|untrust] [--json] [--state DIR]",
      "Shows the certificates of the running program",
      "Names, issuer, end, next renewal, status and the last error of each. certs renew NAME "
      "orders "
      "another one of the authority at once; certs revoke NAME has the one in force revoked, and "
      "orders another. certs trust makes this "
      "system believe the local CA, which issues for localhost, *.test and the like; certs untrust "
      "takes that back. Both take --storage DIR.",
      "--json --state --storage", command_certs },
    { "fmt", "[-w] [FILE...]", "Writes the configuration in its one layout",
      "To the standard output, or with -w to the file itself. Comments stay. - is the standard "
      "input.",
      "-w --write", command_format },
    { "show", "routes|effective SITE PATH", "Shows what is in force after inheritance",
      "show routes lists the routes of all sites in the order in which they are tried, and what "
      "judges them; show "
      "effective SITE PATH lists every setting for this path and the line that it comes from. Both "
      "take -c FILE and --json.",
      "-c --config --json", command_show },
    { "explain", "URL [--from IP] [--method M] | ID",
      "Says what would happen to a request, or what happened to one",
      "ID is that of an exchange, as the logs and the refusal page have it: its whole story, with "
      "what each rule found and what would undo it. For a URL nothing is sent. --header 'Name: "
      "value' may be repeated; --data BODY, or @FILE, is the body; --on ADDRESS chooses the "
      "listener; --ja4 and --h2 FINGERPRINT say who the client is. The rules of the WAF judge the "
      "request too; what they keep between requests is empty, and their budget is not counted. "
      "--phases lists the one order in which requests are judged. Takes -c FILE and --json too.",
      "-c --config --json --from --method -H --header --data --on --ja4 --h2 --phases --state",
      command_explain },
    { "exclude", "ID [--for 90d] [--because TEXT]",
      "Lets through from now on what the rules found in one exchange",
      "ID is the exchange's, as the logs and the refusal page have it. For each rule that has "
      "contributed an exclusion of this value on this path is added to the `waf` of the route or "
      "site; the change is shown, checked, written after a question, and put in force. --broad "
      "excludes the rule on this path, --everywhere on all paths; --rule N only this one (may be "
      "repeated); --for 90d until that day. --yes asks nothing, --print only shows the change. "
      "-c FILE is the configuration, where it is not the running program's. --from FILE takes "
      "the exchange from a file as `explain ID --json` prints it.",
      "--for --because --rule --broad --everywhere --yes --print -c --config --from --state",
      command_exclude },
    { "whatif", "FILE [--since 1h|--from FILE|--requests FOLDER]",
      "Says what a changed configuration would decide otherwise about the last exchanges",
      "The exchanges that the running program has kept (`recent`) are judged by its configuration "
      "and by FILE, without sending anything: what FILE would newly refuse or let through, in "
      "shadow too, by rule and path, with the ids of exchanges that `explain` tells more of; and "
      "what cannot be judged, for a body or a value is not kept. Responses are judged by their "
      "heads, where these are kept. --since 1h takes those of the last "
      "hour; --from FILE takes them from a file, as `explain ID --json` and the admin socket print "
      "them; --requests FOLDER runs requests from the files of a folder, each as it would come "
      "over "
      "the wire. -c FILE is the configuration to compare with, where it is not the running "
      "program's; --samples N shows that many exchanges of a kind (3). Exit code 1 when something "
      "would newly be refused, 2 on errors, 3 when nothing is running.",
      "-c --config --since --from --requests --samples --json --state", command_whatif },
    { "waf", "test [--rules FILE...] REQUEST...|rules [ID]...",
      "Runs requests from files through rules of a WAF, or shows the rules of the program",
      "Each file holds a request as it would come over the wire. Printed are the decision and "
      "every "
      "match, as ModSecurity would log it. --rules is a file of SecLang, a folder of *.conf or "
      "builtin, which it is unless written, and may "
      "be repeated: they are read in this order. --paranoia N and --set tx.NAME=VALUE set "
      "variables "
      "before the first rule; --response FILE is the response to go with the requests; --client "
      "ADDRESS is who sends them; --from LIST reads names of files, one a line, behind a tab the "
      "response. --json prints one object a line. --proxy judges as the proxy does unless told "
      "otherwise: its own settings stand before the rules, Base64 is decoded, unknown header "
      "fields are looked at as arguments are. --repeat N judges each request so many times more "
      "and tells the processor's time in microseconds: of all of it, and of the longest stretch "
      "after which others may run; of each the least of the repetitions. --remember keeps what is "
      "found out about values that come again, as a worker does: the decisions are the same. "
      "Exit code 1 when a "
      "request "
      "would be refused, 2 on errors. waf rules prints the rules that are part of the program, or "
      "those with the numbers.",
      "--rules --paranoia --set --response --client --from --repeat --json --proxy --remember",
      command_waf },
    { "help", "[DIRECTIVE|CODE|REASON|COMMAND]...",
      "Explains a directive, an error code, a reason of the log or a command",
      "--reference directives|codes|reasons|commands|seclang prints the reference as Markdown, "
      "--man 1|5 the manual pages.",
      "--reference --man", command_help },
    { "completion", "bash", "Prints the completion for the shell",
      "For example: portcullis completion bash > "
      "/usr/share/bash-completion/completions/portcullis",
      "", command_completion },
    { "version", "[--json]", "Says which version this is",
      "One line: the name and the version. -v and --version do the same.", "--json",
      command_version },
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

/* What options in front say for the command that they stand for. */
struct given {
    const char *config, *state; /* NULL: not given */
};

/* Runs a command as if it had been typed. `flag` may be NULL. */
static int run_alias(const char *name, const struct given *given, const char *flag)
{
    const char *argv[5];
    int argc = 0;
    if (given->config) {
        argv[argc++] = "--config";
        argv[argc++] = given->config;
    }
    if (given->state) {
        argv[argc++] = "--state";
        argv[argc++] = given->state;
    }
    if (flag)
        argv[argc++] = flag;
    return find_command(name)->run(argc, (char **)argv);
}

static int run_signal(const char *word, const struct given *given)
{
    if (strcmp(word, "reload") == 0)
        return run_alias("reload", given, NULL);
    if (strcmp(word, "quit") == 0)
        return run_alias("stop", given, NULL);
    if (strcmp(word, "stop") == 0)
        return run_alias("stop", given, "--now");
    return command_refuse("-s is reload, quit or stop");
}

/* What begins with an option: the habits of nginx's users, and the quick start. */
static int run_options(int argc, char **argv)
{
    const char *signal = NULL;
    struct given given = { 0 };
    const char *to[QUICK_START_WORDS_MAX], *listens[QUICK_START_WORDS_MAX],
        *hosts[QUICK_START_WORDS_MAX];
    bool tests = false, dumps = false, helps = false, asks_version = false;
    struct quick_start q = { .to = to, .listens = listens, .hosts = hosts };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &given.config },
        { .name = "-t", .flag = &tests },
        { .name = "-T", .flag = &dumps },
        { .name = "-s", .value = &signal },
        { .name = "--version", .short_name = "-v", .flag = &asks_version },
        { .name = "--help", .short_name = "-h", .flag = &helps },
        { .name = "--state", .value = &given.state },
        { .name = "--print-config", .flag = &q.prints },
        { .name = "--shadow", .flag = &q.is_shadow },
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
    q.state_folder = given.state;
    if (count > 0)
        return command_refuse("a command stands first");
    if (helps || asks_version)
        return run_alias(helps ? "help" : "version", &(struct given){ 0 }, NULL);
    if (tests || dumps)
        return run_alias("check", &(struct given){ .config = given.config },
                         dumps ? "--dump" : NULL);
    if (signal)
        return run_signal(signal, &(struct given){ .state = given.state });
    if (q.to_count)
        return command_quick_start(&q);
    if (given.config)
        return run_alias("run", &given, NULL);
    return command_refuse("--to says where requests go");
}

/* `portcullis reload --help` explains reload. */
static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        run_alias("help", &(struct given){ 0 }, NULL);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "internal") == 0)
        return internal_main(argc - 2, argv + 2);
    if (argv[1][0] == '-')
        return run_options(argc - 1, argv + 1);
    const struct command *command = find_command(argv[1]);
    if (command && asks_help(argc - 2, argv + 2))
        return command_help(1, argv + 1);
    return command ? command->run(argc - 2, argv + 2) : refuse_command(argv[1]);
}
