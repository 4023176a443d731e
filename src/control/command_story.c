/* `explain ID`: the whole story of one exchange, as it was kept: who asked for what, which line of
 * the configuration decided, what each rule found in which value after which decoding, and what
 * would undo it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "control/command.h"
#include "control/exchange_ask.h"
#include "control/exclusion_offer.h"
#include "control/json_value.h"
#include "control/output.h"

#define SHOWN_BYTES 400u

static void print_text(slice s)
{
    output_shown(STDOUT_FILENO, s, SHOWN_BYTES);
}

static void print_line(const char *name, slice text)
{
    if (text.len == 0)
        return;
    output_format(STDOUT_FILENO, "  %-12s ", name);
    print_text(text);
    output_write(STDOUT_FILENO, SLICE("\n"));
}

/* --- Who asked for what ----------------------------------------------------------------------- */

static void print_request(const json_t *x)
{
    slice head = json_text_of(json_object_get(x, "request"), "head");
    print_line("request", slice_first(head, slice_find_byte(head, '\r')));
    output_format(STDOUT_FILENO, "  %-12s ", "client");
    print_text(json_text_of(x, "client"));
    output_format(STDOUT_FILENO, " port %lld, to ", json_number_of(x, "client_port"));
    print_text(json_text_of(x, "listener"));
    output_write(STDOUT_FILENO, SLICE(", "));
    print_text(json_text_of(x, "scheme"));
    output_write(STDOUT_FILENO, SLICE("\n"));
    print_line("site", json_text_of(x, "site"));
    print_line("route", json_text_of(x, "route"));
    print_line("where", json_text_of(x, "where"));
}

/* Time between the moments, in the order of the stages. */
static void print_times(const json_t *x)
{
    static const struct {
        const char *moment, *meaning;
    } stages[] = { { "received", "head received" },
                   { "chosen", "judged, origin connected" },
                   { "sent", "request sent" },
                   { "head", "response head came" },
                   { "end", "end" } };
    const json_t *times = json_object_get(x, "times_us");
    long long before = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(stages); i++) {
        if (!json_object_get(times, stages[i].moment))
            continue;
        long long now = json_number_of(times, stages[i].moment);
        output_format(STDOUT_FILENO, "  %-12s %8.3f ms  (+%.3f)  %s\n", i ? "" : "time",
                      (double)now / 1000, (double)(now - before) / 1000, stages[i].meaning);
        before = now;
    }
    if (json_number_of(x, "waf_us"))
        output_format(STDOUT_FILENO, "  %-12s %8.3f ms            in the rules\n", "",
                      (double)json_number_of(x, "waf_us") / 1000);
}

/* --- The rules -------------------------------------------------------------------------------- */

static bool is_same(const json_t *finding)
{
    return slice_equal(json_text_of(finding, "raw"), json_text_of(finding, "value"));
}

/* The value as it came, what was done to it, and where the rule hit. */
static void print_finding(const json_t *finding)
{
    const json_t *transforms = json_object_get(finding, "transforms");
    output_write(STDOUT_FILENO, SLICE("               in  "));
    print_text(json_text_of(finding, "target"));
    output_write(STDOUT_FILENO, SLICE("\n             came  "));
    print_text(json_text_of(finding, "raw"));
    output_write(STDOUT_FILENO, SLICE("\n"));
    if (json_array_size(transforms)) {
        output_write(STDOUT_FILENO, SLICE("        decoded by  "));
        for (size_t i = 0; i < json_array_size(transforms); i++)
            output_format(STDOUT_FILENO, "%s%s", i ? ", " : "",
                          json_string_value(json_array_get(transforms, i)));
        output_write(STDOUT_FILENO, SLICE("\n"));
    }
    if (!is_same(finding)) {
        output_write(STDOUT_FILENO, SLICE("               to  "));
        print_text(json_text_of(finding, "value"));
        output_write(STDOUT_FILENO, SLICE("\n"));
    }
    output_write(STDOUT_FILENO, SLICE("          matched  "));
    print_text(json_text_of(finding, "matched"));
    output_write(STDOUT_FILENO, SLICE("\n"));
}

static void print_rule(const json_t *rule)
{
    const json_t *findings = json_object_get(rule, "findings");
    output_format(STDOUT_FILENO, "  rule %-7lld %+lld  ", json_number_of(rule, "id"),
                  json_number_of(rule, "score"));
    print_text(json_text_of(rule, "msg"));
    output_format(STDOUT_FILENO, "%s  (",
                  json_is_true(json_object_get(rule, "shadow")) ? ", in shadow" : "");
    print_text(json_text_of(rule, "file"));
    output_format(STDOUT_FILENO, ":%lld)\n", json_number_of(rule, "line"));
    for (size_t i = 0; i < json_array_size(findings); i++)
        print_finding(json_array_get(findings, i));
}

static void print_rules(const json_t *x)
{
    const json_t *waf = json_object_get(x, "waf"), *rules = json_object_get(waf, "rules");
    if (!waf)
        return;
    output_format(STDOUT_FILENO, "  %-12s ", "waf");
    print_text(json_text_of(waf, "verdict"));
    output_write(STDOUT_FILENO, SLICE(", "));
    print_text(json_text_of(waf, "mode"));
    if (json_object_get(waf, "score"))
        output_format(STDOUT_FILENO, ": score %lld, threshold %lld", json_number_of(waf, "score"),
                      json_number_of(waf, "threshold"));
    output_format(STDOUT_FILENO, ", paranoia %lld  (", json_number_of(waf, "paranoia"));
    print_text(json_text_of(waf, "where"));
    output_write(STDOUT_FILENO, SLICE(")\n"));
    print_line("not judged", json_text_of(waf, "unjudged"));
    if (json_number_of(waf, "spent_by"))
        output_format(STDOUT_FILENO, "  %-12s rule %lld\n", "spent by",
                      json_number_of(waf, "spent_by"));
    if (json_number_of(waf, "decided_by"))
        output_format(STDOUT_FILENO, "  %-12s rule %lld\n", "decided by",
                      json_number_of(waf, "decided_by"));
    for (size_t i = 0; i < json_array_size(rules); i++)
        print_rule(json_array_get(rules, i));
    if (json_number_of(waf, "more"))
        output_format(STDOUT_FILENO, "  and %lld more\n", json_number_of(waf, "more"));
}

/* --- What came of it -------------------------------------------------------------------------- */

/* What the origin said, whatever the client got. */
static void print_response(const json_t *x)
{
    slice head = json_text_of(json_object_get(x, "origin_response"), "head");
    print_line("response", slice_first(head, slice_find_byte(head, '\r')));
}

static void print_outcome(const json_t *x)
{
    print_line("origin", json_text_of(x, "server"));
    print_response(x);
    print_times(x);
    output_format(STDOUT_FILENO, "= %lld", json_number_of(x, "status"));
    if (json_text_of(x, "reason").len) {
        output_write(STDOUT_FILENO, SLICE(" "));
        print_text(json_text_of(x, "reason"));
        output_write(STDOUT_FILENO, SLICE(": "));
        print_text(json_text_of(x, "text"));
    }
    if (json_text_of(x, "failure_where").len) {
        output_write(STDOUT_FILENO, SLICE("  ("));
        print_text(json_text_of(x, "failure_where"));
        output_write(STDOUT_FILENO, SLICE(")"));
    }
    output_write(STDOUT_FILENO, SLICE("\n"));
}

static void print_masked(const json_t *x, const char *message)
{
    const json_t *masked = json_object_get(json_object_get(x, message), "masked");
    for (size_t i = 0; i < json_array_size(masked); i++) {
        output_write(STDOUT_FILENO, slice_from(i ? ", " : "  masked       "));
        print_text(slice_from(json_string_value(json_array_get(masked, i))));
    }
    if (json_array_size(masked))
        output_write(STDOUT_FILENO, SLICE("\n"));
}

/* Behind the last offer for a rule: where the rule itself can be told otherwise. */
static void print_setting(const struct exclusion_offers *offers, uint32_t i)
{
    uint32_t rule = offers->items[i].rule;
    const char *setting = exclusion_setting(rule);
    if (setting && (i + 1 == offers->count || offers->items[i + 1].rule != rule))
        output_format(STDOUT_FILENO, "  or in crs-setup.conf: %s\n", setting);
}

static int print_offers(const json_t *x, const char *id, struct arena *a)
{
    struct exclusion_offers *offers = arena_take(a, sizeof *offers);
    if (!offers || exclusion_offers(x, a, offers) != 0)
        return EXIT_PROBLEM;
    if (offers->count == 0)
        return EXIT_OK;
    output_write(STDOUT_FILENO, SLICE("\nA false positive? From narrow to broad, in `waf { }`:\n"));
    for (uint32_t i = 0; i < offers->count; i++) {
        for (unsigned b = 0; b < EXCLUSION_BREADTHS; b++) {
            output_write(STDOUT_FILENO, SLICE("  "));
            print_text(offers->items[i].words[b]);
            output_write(STDOUT_FILENO, SLICE("\n"));
        }
        print_setting(offers, i);
    }
    output_format(STDOUT_FILENO, "The narrow ones are written by: portcullis exclude %s\n", id);
    return EXIT_OK;
}

/* --- The command ------------------------------------------------------------------------------ */

static int print_json(const json_t *x)
{
    char *text = json_dumps(x, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (!text)
        return EXIT_PROBLEM;
    output_write(STDOUT_FILENO, slice_from(text));
    output_write(STDOUT_FILENO, SLICE("\n"));
    free(text);
    return EXIT_OK;
}

static int tell(const json_t *x, const char *id)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    arena_open(&a, NULL, 0, 64u << 10, 8u << 20);
    output_format(STDOUT_FILENO, "%s  %.*s\n", id, SLICE_ARGUMENTS(json_text_of(x, "time")));
    print_request(x);
    print_rules(x);
    print_masked(x, "request");
    print_masked(x, "origin_response");
    print_outcome(x);
    return print_offers(x, id, &a);
}

int command_story(const char *folder, const char *id, bool json)
{
    json_t *x = NULL;
    int result = exchange_ask(folder, id, &x);
    if (result == EXIT_OK)
        result = json ? print_json(x) : tell(x, id);
    json_decref(x);
    return result;
}
