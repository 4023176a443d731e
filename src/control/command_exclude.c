/* `exclude ID`: what a rule found in one exchange is to be let through from now on. The narrow
 * exclusion is written into the configuration, shown as a diff first, checked, and put in force. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "config/format.h"
#include "config/value.h"
#include "control/admin_client.h"
#include "control/command.h"
#include "control/config_edit.h"
#include "control/effective.h"
#include "control/exchange_ask.h"
#include "control/exclusion_offer.h"
#include "control/json_value.h"
#include "control/load_reader.h"
#include "control/output.h"
#include "control/replace_file.h"
#include "control/text_diff.h"
#include "proxy/waf_settings.h"

enum {
    ASK_SECONDS_MAX = 60,
    RELOAD_SECONDS_MAX = 600,
    RULES_MAX = 64,
    FILE_BYTES_MAX = 64 << 20,
    STATEMENT_BYTES = 16384
};
#define MS_PER_DAY 86400000ull

struct order {
    const char *id, *config, *folder, *from, *span, *because;
    const char *rules[RULES_MAX];
    uint32_t rule_count;
    bool everywhere, broad, yes, print;
    char until[16]; /* "2027-03-01"; empty: for ever */
    struct arena arena;
    json_t *exchange;
    char *config_path;
    slice statements[EXCLUSION_OFFERS_MAX];
    uint32_t count;
};

static void close_order(struct order *o)
{
    json_decref(o->exchange);
    free(o->config_path);
    arena_close(&o->arena);
}

static void free_answer(struct admin_answer *answer)
{
    free(answer->body);
}

static int say(const char *what)
{
    output_format(STDERR_FILENO, "portcullis: %s\n", what);
    return EXIT_PROBLEM;
}

static int fail(const char *what, const char *path, int error)
{
    output_format(STDERR_FILENO, "portcullis: cannot %s '%s': %s\n", what, path, strerror(-error));
    return EXIT_PROBLEM;
}

/* --- The exchange and the configuration ------------------------------------------------------- */

static int ask(const struct order *o, const char *method, const char *path, int seconds,
               struct admin_answer *ret)
{
    int error = admin_ask(o->folder, method, path, seconds, ret);
    if (error == -ENOENT || error == -ECONNREFUSED) {
        (void)say("nothing is running here; start it with: portcullis run");
        return EXIT_NOT_RUNNING;
    }
    return error ? fail("ask", path, error) : EXIT_OK;
}

static int read_exchange(struct order *o)
{
    slice text;
    int error = load_reader.read_input(NULL, &o->arena, slice_from(o->from), FILE_BYTES_MAX, &text);
    if (error)
        return fail("read", o->from, error);
    o->exchange = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, NULL);
    return o->exchange ? EXIT_OK : say("--from wants a file as `explain ID --json` prints it");
}

/* Which file the running program was started with. */
static int find_config(struct order *o)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    if (o->config)
        return EXIT_OK;
    int result = ask(o, "GET", "/status", ASK_SECONDS_MAX, &answer);
    if (result != EXIT_OK)
        return result;
    json_t *status = json_loadb(answer.body, answer.length, JSON_ALLOW_NUL, NULL);
    const char *path = json_string_value(json_object_get(status, "configuration"));
    if (path && path[0] == '/')
        o->config_path = strdup(path);
    json_decref(status);
    o->config = o->config_path;
    return o->config ? EXIT_OK
                     : say("the running program was not started with the full path of a file; say "
                           "which with -c FILE");
}

/* --- The statements --------------------------------------------------------------------------- */

static bool is_wanted(const struct order *o, uint32_t rule)
{
    for (uint32_t i = 0; i < o->rule_count; i++) {
        uint64_t number;
        if (number_parse(slice_from(o->rules[i]), UINT32_MAX, &number) == 0 && number == rule)
            return true;
    }
    return o->rule_count == 0;
}

static int write_statement(struct order *o, slice words)
{
    char *memory = arena_take(&o->arena, STATEMENT_BYTES);
    struct writer w = writer_over(memory, memory ? STATEMENT_BYTES : 0);
    writer_slice_add(&w, words);
    writer_literal(&w, " because ");
    if (!format_word(&w, slice_from(o->because)))
        return command_refuse("--because wants text of one line");
    if (o->until[0])
        writer_format(&w, " until %s", o->until);
    for (uint32_t i = 0; i < o->count; i++)
        if (slice_equal(o->statements[i], writer_slice(&w)))
            return EXIT_OK;
    o->statements[o->count++] = writer_slice(&w);
    return w.overflowed ? say("there is not enough memory") : EXIT_OK;
}

static int write_statements(struct order *o, const struct exclusion_offers *offers)
{
    enum exclusion_breadth breadth = o->everywhere ? EXCLUSION_RULE
                                     : o->broad    ? EXCLUSION_PATH
                                                   : EXCLUSION_NARROW;
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct exclusion_offer *offer = &offers->items[i];
        if (!is_wanted(o, offer->rule))
            continue;
        output_format(STDOUT_FILENO, "# rule %u in %.*s: %.*s\n", offer->rule,
                      SLICE_ARGUMENTS(offer->target), SLICE_ARGUMENTS(offer->msg));
        int result = write_statement(o, offer->words[breadth]);
        if (result != EXIT_OK)
            return result;
    }
    if (o->count)
        return EXIT_OK;
    return say(offers->count ? "none of the rules named with --rule has contributed; those that "
                               "have are told by: portcullis explain ID"
                             : "no rule has contributed to what became of this exchange");
}

/* --- The place -------------------------------------------------------------------------------- */

/* The route that served it, as the configuration stands now: lines may have moved, so that another
 * site or route stands where it stood. Without a place: the first of its name. */
static const struct route *find_again(const struct loader *l, const struct order *o, slice where)
{
    slice site = json_text_of(o->exchange, "site"), label = json_text_of(o->exchange, "route");
    for (uint32_t s = 0; s < l->c->site_count; s++) {
        const struct site *candidate = &l->c->sites[s];
        for (uint32_t r = 0; slice_equal(candidate->name, site) && r < candidate->route_count; r++)
            if (slice_equal(candidate->routes[r].label, label) &&
                (where.len == 0 || slice_equal(candidate->routes[r].where, where)))
                return &candidate->routes[r];
    }
    return NULL;
}

/* The route that served it, when the configuration still has it, or the one that would. */
static const struct route *find_route(struct loader *l, const struct order *o,
                                      const struct exclusion_offers *offers)
{
    slice where = json_text_of(o->exchange, "where");
    const struct route *route = where.len ? find_again(l, o, where) : NULL;
    struct effective e;
    if (!route)
        route = find_again(l, o, SLICE(""));
    if (!route && effective_find(l, offers->host, offers->path, &e) == NULL)
        route = e.route;
    return route;
}

static bool covers(const struct waf_exclusion *old, const struct waf_exclusion *new)
{
    bool same_place = old->place == WAF_PLACE_ALL ||
                      (old->place == new->place &&slice_equal_fold(old->name, new->name));
    bool same_path =
        old->path.len == 0 || (old->path_is_prefix ? slice_starts_with(new->path, old->path)
                                                   : slice_equal(old->path, new->path));
    bool is_shorter =
        old->until_s && (old->until_s < time(NULL) || !new->until_s || new->until_s > old->until_s);
    return old->first_id <= new->first_id &&
           old->last_id >= new->last_id &&same_place &&same_path && !is_shorter;
}

/* Whether an exclusion in force says what the new one says. */
static const struct waf_exclusion *find_older(const struct waf_settings *waf, uint32_t index)
{
    for (uint32_t i = 0; i < waf->exclusion_count; i++)
        if (i != index && covers(&waf->exclusions[i], &waf->exclusions[index]))
            return &waf->exclusions[i];
    return NULL;
}

/* The statement's exclusion in the configuration with the edit. */
static bool is_of(const struct waf_exclusion *e, const struct waf_settings *before)
{
    for (uint32_t i = 0; i < before->exclusion_count; i++) {
        const struct waf_exclusion *old = &before->exclusions[i];
        if (old->first_id == e->first_id && old->last_id == e->last_id && old->place == e->place &&
            slice_equal(old->name, e->name) && slice_equal(old->path, e->path) &&
            old->until_s == e->until_s && slice_equal(old->because, e->because))
            return true;
    }
    return false;
}

/* Nothing of it is new: an exclusion in force says the same. */
static bool is_there_already(const struct waf_settings *before, const struct waf_settings *after)
{
    uint32_t added = 0, known = 0;
    for (uint32_t i = 0; i < after->exclusion_count; i++) {
        if (is_of(&after->exclusions[i], before))
            continue;
        added++;
        const struct waf_exclusion *older = find_older(after, i);
        if (!older)
            continue;
        known++;
        output_format(STDOUT_FILENO, "already excluded at %.*s\n", SLICE_ARGUMENTS(older->where));
    }
    if (added == 0)
        output_write(STDOUT_FILENO, SLICE("already excluded, in these very words\n"));
    return added == known;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool is_confirmed(const struct order *o)
{
    char answer[16] = "";
    if (o->yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        output_write(STDOUT_FILENO, SLICE("Nothing is written; --yes writes it and reloads.\n"));
        return false;
    }
    output_write(STDOUT_FILENO, SLICE("Write this and reload? [y/N] "));
    ssize_t got = read(STDIN_FILENO, answer, sizeof answer - 1);
    return got > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

static void tell_answer(int fd, const struct admin_answer *answer)
{
    output_write(fd, slice_of(answer->body, answer->length));
    if (answer->length && answer->body[answer->length - 1] != '\n')
        output_write(fd, SLICE("\n"));
}

static int put_in_force(const struct order *o, const struct config_edit *edit, const char *path)
{
    struct admin_answer answer __attribute__((cleanup(free_answer))) = { 0 };
    int result = ask(o, "POST", "/reload", RELOAD_SECONDS_MAX, &answer);
    if (result == EXIT_NOT_RUNNING && o->from) {
        output_write(STDOUT_FILENO, SLICE("Written.\n"));
        return EXIT_OK;
    }
    if (result == EXIT_OK && answer.status == 200) {
        tell_answer(STDOUT_FILENO, &answer);
        return EXIT_OK;
    }
    tell_answer(STDERR_FILENO, &answer);
    int error = replace_file(path, edit->before);
    if (error)
        return fail("put back", path, error);
    output_format(STDERR_FILENO, "portcullis: not reloaded; '%s' is as it was\n", path);
    return EXIT_PROBLEM;
}

static int write_edit(struct order *o, const struct config_edit *edit)
{
    char *path = arena_text(&o->arena, edit->path);
    slice now;
    if (!path)
        return say("there is not enough memory");
    int error = load_reader.read_file(NULL, &o->arena, edit->path, FILE_BYTES_MAX, &now);
    if (error)
        return fail("read", path, error);
    if (!slice_equal(now, edit->before)) {
        output_format(STDERR_FILENO, "portcullis: '%s' has changed meanwhile; try again\n", path);
        return EXIT_PROBLEM;
    }
    error = replace_file(path, edit->after);
    return error ? fail("write", path, error) : put_in_force(o, edit, path);
}

/* --- The command ------------------------------------------------------------------------------ */

/* The configuration with the edit is in order, and says something new. */
static int review(struct order *o, struct loader *l, const struct route *route,
                  struct config_edit *edit)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    struct loader checked __attribute__((cleanup(loader_close)));
    uint32_t site = (uint32_t)(route->site - l->c->sites),
             index = (uint32_t)(route - route->site->routes);
    diagnostics_open(&d);
    int error = config_edit_check(edit, o->config, &checked, &d);
    if (error) {
        load_report(&d, o->config, STDERR_FILENO);
        return say("the configuration would not be in order; nothing is written");
    }
    if (is_there_already(route->blocks[FEATURE_WAF],
                         checked.c->sites[site].routes[index].blocks[FEATURE_WAF]))
        return EXIT_OK;
    text_diff_print(STDOUT_FILENO, edit->path, edit->before, edit->after);
    return o->print || !is_confirmed(o) ? EXIT_OK : write_edit(o, edit);
}

static int exclude(struct order *o, const struct exclusion_offers *offers)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    struct loader l __attribute__((cleanup(loader_close)));
    struct config_edit edit;
    diagnostics_open(&d);
    struct load_options options = { .path = o->config };
    if (loader_run(&l, &options, &d) != 0) {
        load_report(&d, o->config, STDERR_FILENO);
        return EXIT_PROBLEM;
    }
    const struct route *route = find_route(&l, o, offers);
    if (!route)
        return say("the configuration has no route for this exchange any more");
    int error = config_edit_waf(&l, route, o->statements, o->count, &edit);
    return error ? fail("change", o->config, error) : review(o, &l, route, &edit);
}

static int read_span(struct order *o)
{
    uint64_t ms;
    if (!o->span)
        return EXIT_OK;
    if (value_duration(slice_from(o->span), &ms) != 0 || ms < MS_PER_DAY || ms > 36500 * MS_PER_DAY)
        return command_refuse("--for wants a number of days such as 90d");
    time_t until = time(NULL) + (time_t)(ms / 1000);
    struct tm day;
    gmtime_r(&until, &day);
    return strftime(o->until, sizeof o->until, "%Y-%m-%d", &day) ? EXIT_OK : EXIT_PROBLEM;
}

static int run(struct order *o)
{
    struct exclusion_offers *offers = arena_take(&o->arena, sizeof *offers);
    int result = o->from ? read_exchange(o) : exchange_ask(o->folder, o->id, &o->exchange);
    if (result == EXIT_OK)
        result = find_config(o);
    if (result != EXIT_OK)
        return result;
    int error = offers ? exclusion_offers(o->exchange, &o->arena, offers) : -ENOMEM;
    if (error)
        return say(error == -EINVAL ? "this is no exchange" : "there is not enough memory");
    result = write_statements(o, offers);
    return result == EXIT_OK ? exclude(o, offers) : result;
}

int command_exclude(int argc, char **argv)
{
    struct order o __attribute__((cleanup(close_order))) = { 0 };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &o.config },
        { .name = "--state", .value = &o.folder },
        { .name = "--from", .value = &o.from },
        { .name = "--for", .value = &o.span },
        { .name = "--because", .value = &o.because },
        { .name = "--rule",
          .values = o.rules,
          .value_count = &o.rule_count,
          .values_max = RULES_MAX },
        { .name = "--broad", .flag = &o.broad },
        { .name = "--everywhere", .flag = &o.everywhere },
        { .name = "--yes", .flag = &o.yes },
        { .name = "--print", .flag = &o.print },
    };
    int count;
    arena_open(&o.arena, NULL, 0, 64u << 10, (size_t)FILE_BYTES_MAX * 4);
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count != (o.from ? 0 : 1))
        return command_refuse("exclude takes the id of one exchange, as the logs and the refusal "
                              "page have it, or --from FILE");
    o.id = count ? argv[0] : NULL;
    if (o.id && !exchange_is_id(o.id))
        return command_refuse("an id consists of 26 letters and digits, as the logs have it");
    if (!o.because)
        o.because = o.id ? arena_text(&o.arena, slice_from(o.id)) : "false positive";
    return read_span(&o) == EXIT_OK ? run(&o) : EXIT_USAGE;
}
