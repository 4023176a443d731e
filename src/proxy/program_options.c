/* What concerns the whole program: workers, user, logs, metrics, admin, and the structure of the
 * configuration itself. */
#include "proxy/endpoint.h"
#include "proxy/options.h"
#include "shared/log_ring.h"
#include "shared/names.h"

#include <errno.h>

static int user_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    c->user = arena_copy(a->arena, option_argument(a, 0)->text);
    return c->user.ptr ? 0 : -ENOMEM;
}

/* The list as the observer's resolver takes it. */
static int resolver_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    const struct argument_value *addresses = option_argument(a, 0);
    char list[NAME_SERVERS_BYTES_MAX];
    struct writer w = writer_over(list, sizeof list);
    for (uint32_t i = 0; i < addresses->count; i++) {
        struct address address;
        const char *expected;
        if (endpoint_parse_resolver(addresses->texts[i], &address, &expected) != 0)
            return option_refuse(a, &addresses->words[i], expected);
        if (i > 0)
            writer_byte(&w, ',');
        address_write(&w, &address);
    }
    if (w.overflowed)
        return option_refuse(a, addresses->words, "fewer name servers");
    c->resolvers = arena_copy(a->arena, writer_slice(&w));
    return c->resolvers.ptr ? 0 : -ENOMEM;
}

#define AUDIT_RECORD_BYTES (32u << 10)

enum log_choice { LOG_CHOICE_JSON, LOG_CHOICE_COMBINED, LOG_CHOICE_MODSECURITY, LOG_CHOICE_OFF };

/* By channel. */
static const struct {
    bool can_be[LOG_CHOICE_OFF];
    const char *expected;
} log_formats[LOG_CHANNELS] = {
    { { true, true, false }, "json, combined or off for the log of requests" },
    { { true, false, false }, "json or off for the security log" },
    { { false, false, true }, "modsecurity or off for the log of rules" },
    { { true, false, false }, "json or off for the audit log" },
};

static int log_path_apply(struct option_apply *a, struct log_settings *log)
{
    const struct argument_value *path = option_argument(a, 2);
    bool is_stream =
        slice_equal(path->text, SLICE("stdout")) || slice_equal(path->text, SLICE("stderr"));
    if (!is_stream && (path->text.len < 2 || path->text.ptr[0] != '/' ||
                       path->text.ptr[path->text.len - 1] == '/'))
        return option_refuse(a, path->word, "stdout, stderr or the full path of a file");
    log->path = arena_copy(a->arena, path->text);
    return log->path.ptr ? 0 : -ENOMEM;
}

static int refuse_record(struct option_apply *a, const struct argument_value *record)
{
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0406, &record->word->span,
                        "'record' is of the audit log: only its records have a size");
    diagnostic_label(a->diagnostics, item, "no such bound in this log");
    return -EINVAL;
}

static int log_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    const struct argument_value *channel = option_argument(a, 0), *format = option_argument(a, 1),
                                *path = option_argument(a, 2), *record = option_argument(a, 3);
    struct log_settings *log = &c->logs[channel->number]; /* the words stand in that order */
    log->is_on = format->number != LOG_CHOICE_OFF;
    if (log->is_on && !log_formats[channel->number].can_be[format->number])
        return option_refuse(a, format->word, log_formats[channel->number].expected);
    if (log->is_on)
        log->format = (enum log_format)format->number; /* and so do these */
    if (record->is_set && channel->number != LOG_AUDIT)
        return refuse_record(a, record);
    if (channel->number == LOG_AUDIT)
        log->record_bytes_max = record->is_set ? (uint32_t)record->number : AUDIT_RECORD_BYTES;
    if (path->is_set)
        return log_path_apply(a, log);
    if (log->is_on && log->path.len == 0)
        return option_refuse(a, format->word, "a place behind the format, such as to /var/log/x");
    return 0;
}

/* "on ADDRESS" or "off". `ret` stays as it is for "off". */
static int parse_on(struct option_apply *a, struct address *ret)
{
    const struct argument_value *choice = option_argument(a, 0), *address = option_argument(a, 1);
    const char *expected;
    if (choice->number == 1)
        return address->is_set ? option_refuse(a, address->word, "nothing behind 'off'") : 0;
    if (!address->is_set)
        return option_refuse(a, choice->word, "an address behind 'on', such as on 127.0.0.1:9464");
    if (endpoint_parse_listen(address->text, ret, &expected) != 0)
        return option_refuse(a, address->word, expected);
    return 0;
}

static int metrics_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    return parse_on(a, &c->metrics_address);
}

static bool is_loopback(const struct address *address)
{
    struct ip ip = address_ip(address);
    if (address->any.sa_family == AF_UNIX)
        return true;
    struct ip v6_loopback = { .bytes = { [15] = 1 } };
    return ip_is_v4(ip) ? ip.bytes[12] == 127 : ip_equal(ip, v6_loopback);
}

static int admin_apply(struct option_apply *a)
{
    struct configuration *c = a->object;
    TRY(parse_on(a, &c->admin_address));
    if (is_loopback(&c->admin_address))
        return 0;
    struct diagnostic *item =
        diagnostics_add(a->diagnostics, E0601, &option_argument(a, 1)->word->span,
                        "the admin interface would be open to the network");
    diagnostic_label(a->diagnostics, item, "not a loopback address");
    diagnostic_help(a->diagnostics, item, "use 127.0.0.1, [::1] or unix:/path");
    return -EINVAL;
}

#define OFFER                                                                                      \
    {                                                                                              \
        { .name = "SWITCH", .kind = ARGUMENT_CHOICE, .choices = "on|off" },                        \
        {                                                                                          \
            .name = "ADDRESS", .kind = ARGUMENT_TEXT, .form = FORM_OPTIONAL                        \
        }                                                                                          \
    }

static const struct directive rows[] = {
    { .name = "include",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "PATTERN", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .meaning = "Reads further files, as if they stood here",
      .details = "Patterns with * ? [] are sorted; paths are relative to this file. The order of "
                 "files means nothing.",
      .example = "include conf.d/*.conf",
      .since = "0.1" },
    { .name = "defaults",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_DEFAULTS,
      .is_repeatable = true,
      .merges = true,
      .meaning = "Settings for every site that says nothing else",
      .example = "defaults { limits { body 1M } }",
      .since = "0.1" },
    { .name = "policy",
      .scopes = SCOPE_TOP,
      .block_scope = SCOPE_POLICY,
      .is_repeatable = true,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_NAME } },
      .meaning = "Settings under a name, for the sites that `use` it",
      .example = "policy public { headers hardened }",
      .since = "0.1" },
    { .name = "workers",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "N",
                       .kind = ARGUMENT_COUNT,
                       .min = 1,
                       .max = 128,
                       STORED(struct configuration, workers) } },
      .object = OBJECT_CONFIGURATION,
      .preset = "auto",
      .meaning = "Worker processes; auto: one for each CPU the program may use",
      .example = "workers 4",
      .since = "0.1" },
    { .name = "user",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "NAME", .kind = ARGUMENT_NAME } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "Who the workers run as when the program is started by root",
      .details = "Not written: portcullis when there is such a user, else nobody. Started by "
                 "anybody else, the program stays that user.",
      .example = "user www-data",
      .since = "0.1",
      .apply = user_apply },
    { .name = "drain",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "DURATION",
                       .kind = ARGUMENT_DURATION,
                       .min = 0,
                       .max = 30ull * 86400000,
                       STORED(struct configuration, drain_ms) },
                     { .name = "generations",
                       .kind = ARGUMENT_NUMBER,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 64,
                       STORED(struct configuration, drain_generations_max) } },
      .object = OBJECT_CONFIGURATION,
      .preset = "1h generations 64",
      .meaning = "How long connections of an old configuration may go on after a reload",
      .details = "generations: how many old configurations may be finishing at once; beyond it the "
                 "oldest closes its last connections.",
      .example = "drain 10m",
      .since = "0.1" },
    { .name = "log",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "WHAT",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "requests|security|rules|audit" },
                     { .name = "FORMAT",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "json|combined|modsecurity|off" },
                     { .name = "to",
                       .kind = ARGUMENT_TEXT,
                       .form = FORM_KEYWORD,
                       .later = "keep|sample|syslog" },
                     { .name = "record",
                       .kind = ARGUMENT_SIZE,
                       .form = FORM_KEYWORD,
                       .min = LOG_LINE_BYTES_MAX,
                       .max = LOG_RECORD_BYTES_MAX } },
      .object = OBJECT_CONFIGURATION,
      .preset = "requests json",
      .meaning = "Where the record of each request, and of each refusal, goes",
      .details =
          "To a file (its full path), stdout or stderr. Not written: files in "
          "/var/log/portcullis when the program is started by root, else stdout. combined "
          "is the format that fail2ban and GoAccess read. rules, with the format modsecurity: "
          "what rules of the WAF found, as lines of ModSecurity; only where it is written. audit: "
          "what the WAF has seen and said of exchanges that were refused or in which a rule found "
          "something, or as the rules say (SecAuditEngine); only where it is written. record: how "
          "long such a record may be, 32K unless it is written.",
      .example = "log requests json to /var/log/portcullis/requests.json",
      .since = "0.1",
      .apply = log_apply },
    { .name = "recent",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "WHICH",
                       .kind = ARGUMENT_CHOICE,
                       .choices = "all|refused|off",
                       STORED(struct configuration, recent) } },
      .object = OBJECT_CONFIGURATION,
      .preset = "all",
      .meaning = "Which exchanges are kept in memory for `explain ID`",
      .details = "The last ones of each worker, in 2 MiB: the request with its secrets masked, the "
                 "beginning of a body that the WAF has held, the head of the response that it has "
                 "judged, and what was decided. refused: those "
                 "that were refused, or in which a rule found something. They survive reloads, are "
                 "never written to disk and are told on the admin socket only.",
      .example = "recent refused",
      .since = "0.3" },
    { .name = "resolver",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "ADDRESS", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "The name servers that are asked for the names of origins",
      .details = "Port 53 unless one is written. Not written: those of /etc/resolv.conf, which is "
                 "read again at each reload. /etc/hosts counts in any case.",
      .example = "resolver 192.0.2.53 [2001:db8::53]:5353",
      .since = "0.1",
      .apply = resolver_apply },
    { .name = "metrics",
      .scopes = SCOPE_TOP,
      .arguments = OFFER,
      .object = OBJECT_CONFIGURATION,
      .preset = "off",
      .meaning = "Where Prometheus can read the metrics; they are on the admin socket in any case",
      .example = "metrics on 127.0.0.1:9464",
      .since = "0.1",
      .apply = metrics_apply },
    { .name = "admin",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "SWITCH", .kind = ARGUMENT_CHOICE, .choices = "on" },
                     { .name = "ADDRESS", .kind = ARGUMENT_TEXT } },
      .object = OBJECT_CONFIGURATION,
      .meaning = "A further address of the admin interface: a Unix socket or a loopback address",
      .details =
          "Besides the socket in the state directory. On a Unix socket its permissions (0660) "
          "say who may command; over TCP the status and the metrics are shown, and no "
          "command is taken.",
      .example = "admin on 127.0.0.1:9465",
      .since = "0.1",
      .apply = admin_apply },
};

const struct directive_table program_options = { "The program", rows, ARRAY_LENGTH(rows) };
