/* `waf test`: requests from files through the engine, and what the rules say of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/number.h"
#include "control/command.h"
#include "control/load_reader.h"
#include "control/output.h"
#include "control/strict_reading.h"
#include "control/waf_files.h"
#include "net/address.h"
#include "waf/engine/replay.h"
#include "waf/engine/report.h"
#include "waf/lists.h"
#include "waf/rules/builtin.h"

enum {
    RULES_MAX = 64,
    SETS_MAX = 64,
    TEST_FILE_BYTES_MAX = 64 << 20,
    TEST_ARENA_MAX = 1 << 30,
    TEST_ARENA_BLOCK = 1 << 20,
    REPEAT_MAX = 1000000,
    PARANOIA_MAX = 4
};

/* What `waf test` says, besides EXIT_OK: the request would be refused; something went wrong. */
enum { EXIT_REFUSED = 1, EXIT_FAILED = 2 };

/* Of the processor, in microseconds: for all of a request, and for the longest piece of it during
 * which nobody else could have run. */
struct cost {
    uint64_t all_us, step_us;
};

struct waf_test {
    const char *rules[RULES_MAX];
    uint32_t rules_count;
    const char *sets[SETS_MAX];
    uint32_t sets_count;
    const char *paranoia, *response, *from, *client, *repeat;
    uint64_t repeats; /* of each request, for its cost; 0: that is not told */
    struct cost cost; /* of the last request: the least of its repetitions, of each stretch too */
    bool is_json;
    bool is_proxy;  /* as the proxy judges by default, not as ModSecurity would */
    bool remembers; /* values that come again, as a worker does */
    struct ruleset *ruleset;
    unsigned number; /* of the request */
    int error;       /* of judging it */
    struct waf_lists lists;
    bool wanted_lists; /* for this request, and the DNS was not asked */
};

static int fail(const char *what, const char *path, int error)
{
    output_format(STDERR_FILENO, "portcullis: cannot %s '%s': %s\n", what, path, strerror(-error));
    return EXIT_FAILED;
}

static void print_problems(const char *kind, const struct waf_problem *problems, unsigned count,
                           unsigned total)
{
    for (unsigned i = 0; i < count; i++) {
        const struct waf_problem *p = &problems[i];
        if (p->file.len)
            output_format(STDERR_FILENO, "%.*s:%u:%u: %s: %s\n", SLICE_ARGUMENTS(p->file), p->line,
                          p->column, kind, p->text);
        else /* of what the command line names */
            output_format(STDERR_FILENO, "portcullis: --rules: %s\n", p->text);
    }
    if (total > count)
        output_format(STDERR_FILENO, "and %u more\n", total - count);
}

/* A folder stands for its *.conf in the order of their names, `builtin` for the rules that are part
 * of the program, with what they rest on. */
static int read_rules(struct seclang *load, const char *path, bool is_proxy)
{
    struct stat status;
    char pattern[4096];
    if (strcmp(path, "builtin") == 0) {
        if (!is_proxy) /* else it has been read */
            TRY(seclang_text(load, SLICE("builtin/prelude.conf"), waf_prelude));
        return waf_builtin_read(load);
    }
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return seclang_file(load, slice_from(path));
    int len = snprintf(pattern, sizeof(pattern), "%s/*.conf", path);
    if (len < 0 || (size_t)len >= sizeof(pattern))
        return -ENAMETOOLONG;
    return seclang_file(load, slice_from(pattern));
}

static void release_load(struct seclang **load)
{
    if (*load)
        seclang_close(*load);
}

static int load_rules(struct waf_test *test)
{
    const struct seclang_world world = waf_files(&load_reader);
    struct seclang *load __attribute__((cleanup(release_load))) = NULL;
    unsigned count = 0, total = 0;
    TRY(seclang_open(&world, &load));
    int result =
        test->is_proxy ? seclang_text(load, SLICE("builtin/prelude.conf"), waf_prelude) : 0;
    for (uint32_t i = 0; i < test->rules_count; i++) {
        int one = read_rules(load, test->rules[i], test->is_proxy);
        if (one != 0 && one != -EINVAL)
            return one;
        result = one ? one : result;
    }
    int finished = seclang_finish(load, &test->ruleset);
    const struct waf_problem *problems = seclang_warnings(load, &count, &total);
    print_problems("warning", problems, count, total);
    problems = seclang_errors(load, &count, &total);
    print_problems("error", problems, count, total);
    TRY(finished ? finished : result);
    return waf_prepare(test->ruleset);
}

/* NAME=VALUE, with or without "tx." in front. */
static int set_one(struct waf_transaction *t, const char *text)
{
    slice all = slice_from(text);
    if (all.len > 3 && slice_equal_fold(slice_first(all, 3), SLICE("tx.")))
        all = slice_after(all, 3);
    size_t equals = slice_find_byte(all, '=');
    return waf_set_variable(t, slice_first(all, equals), slice_after(all, equals + 1));
}

/* The levels under all the names that version 3 and 4 of the Core Rule Set have for them. */
static int set_paranoia(struct waf_transaction *t, const char *level)
{
    static const char *const names[] = { "paranoia_level", "executing_paranoia_level",
                                         "blocking_paranoia_level", "detection_paranoia_level" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        TRY(waf_set_variable(t, slice_from(names[i]), slice_from(level)));
    return 0;
}

/* What a request is judged as does not depend on the network. */
static int find_on_no_list(struct waf_lists *lists, const struct list_question *question,
                           uint8_t ret_address[4])
{
    (void)question;
    (void)ret_address;
    CONTAINER_OF(lists, struct waf_test, lists)->wanted_lists = true;
    return 0;
}

static int begin(struct waf_test *test, struct arena *a, struct work *work, slice id,
                 struct waf_transaction **ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct waf_world world = {
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .unique_id = id,
        .client = { .text = slice_from(test->client ? test->client : "127.0.0.1"), .port = 50000 },
        .server = { .text = SLICE("127.0.0.1"), .port = 80 },
        .lists = &test->lists,
        .decodes_base64 = test->is_proxy,
        .inspects_fields = test->is_proxy,
        .remembers = test->remembers,
    };
    TRY(waf_open(test->ruleset, &world, a, work, ret));
    if (test->paranoia)
        TRY(set_paranoia(*ret, test->paranoia));
    for (uint32_t i = 0; i < test->sets_count; i++)
        TRY(set_one(*ret, test->sets[i]));
    return 0;
}

static const struct waf_decision *verdict_of(const struct waf_transaction *t)
{
    const struct waf_decision *d = waf_decision(t);
    return d->disposition == WAF_PASS || d->disposition == WAF_ALLOW ? waf_would_be(t) : d;
}

static bool is_refusal(const struct waf_decision *d)
{
    return d->disposition != WAF_PASS && d->disposition != WAF_ALLOW;
}

static void print_score(void *context, slice name, int64_t value)
{
    (void)context;
    output_format(STDOUT_FILENO, " %.*s=%lld", SLICE_ARGUMENTS(name), (long long)value);
}

static int print_text(const struct waf_test *test, const struct waf_transaction *t, struct arena *a,
                      const char *path, const struct strict_reading *strict)
{
    const struct waf_decision *d = verdict_of(t);
    bool is_shadow = is_refusal(d) && d != waf_decision(t);
    output_format(STDOUT_FILENO, "%s: %s%s", path, is_shadow ? "would be " : "",
                  report_disposition(d->disposition));
    if (d->status)
        output_format(STDOUT_FILENO, " %u", d->status);
    if (d->rule)
        output_format(STDOUT_FILENO, " by rule %u in phase %u", d->rule->id, d->phase);
    waf_scores(t, print_score, NULL);
    if (test->repeats)
        output_format(STDOUT_FILENO, " in %llu us, of which %llu us at a stretch",
                      (unsigned long long)test->cost.all_us,
                      (unsigned long long)test->cost.step_us);
    output_write(STDOUT_FILENO, SLICE("\n"));
    if (strict->status)
        output_format(STDOUT_FILENO, "  (the proxy refuses it before any rule: %u %s)\n",
                      strict->status, strict->reason);
    if (test->wanted_lists)
        output_write(STDOUT_FILENO,
                     SLICE("  (lists in the DNS are not asked here: nothing is on them)\n"));
    char *memory = arena_take(a, REPORT_LINE_MAX);
    if (!memory)
        return -ENOMEM;
    for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
        struct writer w = writer_over(memory, REPORT_LINE_MAX);
        if (!m->is_logged)
            continue;
        writer_literal(&w, "  ");
        report_line(t, m, NULL, &w);
        writer_byte(&w, '\n');
        output_write(STDOUT_FILENO, writer_slice(&w));
    }
    return 0;
}

static int print_json(const struct waf_test *test, const struct waf_transaction *t, struct arena *a,
                      const char *path, const struct strict_reading *strict)
{
    enum { AT_FIRST = 1 << 16, AT_MOST = 1 << 28 };
    for (size_t room = AT_FIRST; room <= AT_MOST; room *= 4) {
        char *memory = arena_take(a, room);
        if (!memory)
            return -ENOMEM;
        struct writer w = writer_over(memory, room);
        writer_literal(&w, "{\"request\":\"");
        writer_json(&w, slice_from(path));
        if (test->error) {
            writer_literal(&w, "\",\"error\":\"");
            writer_json(&w, slice_from(strerror(-test->error)));
        }
        writer_format(&w,
                      "\",\"gate\":{\"status\":%u,\"reason\":\"%s\"},\"result\":", strict->status,
                      strict->reason);
        report_json(t, &w);
        if (test->wanted_lists)
            writer_literal(&w, ",\"lists_not_asked\":true");
        if (test->repeats)
            writer_format(&w, ",\"cpu_us\":%llu,\"step_us\":%llu",
                          (unsigned long long)test->cost.all_us,
                          (unsigned long long)test->cost.step_us);
        writer_literal(&w, ",\"log\":[");
        for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
            char line[REPORT_LINE_MAX];
            struct writer l = writer_over(line, sizeof(line));
            if (!m->is_logged)
                continue;
            if (w.ptr[w.len - 1] != '[')
                writer_byte(&w, ',');
            report_line(t, m, NULL, &l);
            writer_byte(&w, '"');
            writer_json(&w, writer_slice(&l));
            writer_byte(&w, '"');
        }
        writer_literal(&w, "]}\n");
        if (w.overflowed)
            continue;
        output_write(STDOUT_FILENO, writer_slice(&w));
        return 0;
    }
    return -E2BIG;
}

static uint64_t cpu_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The stretches of one judgement: what lies between two pauses. It is the same each time, so of
 * each the least is taken, which holds the least of what others did to the processor meanwhile. */
struct stretches {
    struct stretch {
        uint64_t spent; /* steps until its end, by which it is known again */
        uint64_t least_us;
    } * items;
    size_t count, room;
};

struct stopwatch {
    const struct work *work;
    struct stretches *stretches;
    size_t at;         /* of the stretch that is being done */
    uint64_t began_us; /* it */
    int error;
};

static void stretches_free(struct stretches *s)
{
    free(s->items);
}

static int stretches_grow(struct stretches *s)
{
    enum { AT_FIRST = 1024 };
    size_t room = s->room ? 2 * s->room : AT_FIRST;
    struct stretch *items = realloc(s->items, room * sizeof(*items));
    if (!items)
        return -ENOMEM;
    s->items = items;
    s->room = room;
    return 0;
}

/* One that is not the same as the last time is new, and so is all behind it. */
static int stretches_note(struct stretches *s, size_t at, struct stretch now)
{
    if (at < s->count && s->items[at].spent == now.spent) {
        s->items[at].least_us = number_min(s->items[at].least_us, now.least_us);
        return 0;
    }
    if (at == s->room)
        TRY(stretches_grow(s));
    s->items[at] = now;
    s->count = at + 1;
    return 0;
}

static bool lap(void *context)
{
    struct stopwatch *w = context;
    uint64_t now_us = cpu_now_us();
    w->error = stretches_note(
        w->stretches, w->at++,
        (struct stretch){ .spent = work_spent(w->work), .least_us = now_us - w->began_us });
    w->began_us = cpu_now_us();
    return w->error == 0;
}

static int measure_once(struct waf_test *test, slice id, slice request, slice response,
                        struct stretches *stretches)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    struct work work;
    struct waf_transaction *t;
    uint64_t began_us = cpu_now_us();
    struct stopwatch watch = { .work = &work, .stretches = stretches, .began_us = began_us };
    arena_open(&a, NULL, 0, TEST_ARENA_BLOCK, TEST_ARENA_MAX);
    work_open(&work, 0, lap, &watch);
    TRY(begin(test, &a, &work, id, &t));
    int result = replay_run(t, &a, &work, request, response);
    lap(&watch);
    test->cost.all_us = number_min(test->cost.all_us, watch.began_us - began_us);
    return watch.error ? watch.error : result;
}

/* What judging costs once everything that is made at first use is there. */
static int measure(struct waf_test *test, slice id, slice request, slice response)
{
    struct stretches stretches __attribute__((cleanup(stretches_free))) = { 0 };
    test->cost = (struct cost){ UINT64_MAX, 0 };
    for (uint64_t i = 0; i < test->repeats; i++)
        TRY(measure_once(test, id, request, response, &stretches));
    for (size_t i = 0; i < stretches.count; i++)
        if (stretches.items[i].least_us > test->cost.step_us)
            test->cost.step_us = stretches.items[i].least_us;
    return 0;
}

static int fail_to_read(const char *path, const char *response_path)
{
    output_format(STDERR_FILENO, "portcullis: '%s' holds no request", path);
    if (response_path)
        output_format(STDERR_FILENO, ", or '%s' no response", response_path);
    output_write(STDERR_FILENO, SLICE("\n"));
    return EXIT_FAILED;
}

/* A request with its response (NULL: none). */
static int test_one(struct waf_test *test, const char *path, const char *response_path)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    struct work work;
    struct waf_transaction *t = NULL;
    slice request, response = SLICE("");
    char id[32];
    arena_open(&a, NULL, 0, TEST_ARENA_BLOCK, TEST_ARENA_MAX);
    work_open(&work, 0, NULL, NULL);
    test->lists.find = find_on_no_list;
    test->wanted_lists = false;
    int len = snprintf(id, sizeof(id), "test-%u", ++test->number);
    int result = load_reader.read_input(NULL, &a, slice_from(path), TEST_FILE_BYTES_MAX, &request);
    if (result != 0)
        return fail("read", path, result);
    if (response_path && (result = load_reader.read_input(NULL, &a, slice_from(response_path),
                                                          TEST_FILE_BYTES_MAX, &response)) != 0)
        return fail("read", response_path, result);
    result = begin(test, &a, &work, slice_of(id, (size_t)len), &t);
    if (result != 0)
        return fail("judge", path, result);
    test->error = replay_run(t, &a, &work, request, response);
    struct strict_reading strict;
    if (strict_reading_of(request, &a, &strict) != 0)
        return fail("judge", path, -ENOMEM);
    if (test->error == 0 &&
        (result = measure(test, slice_of(id, (size_t)len), request, response)) != 0)
        return fail("judge", path, result);
    result = test->is_json  ? print_json(test, t, &a, path, &strict)
             : !test->error ? print_text(test, t, &a, path, &strict)
                            : 0;
    if (test->error == -EINVAL)
        return fail_to_read(path, response_path);
    if (test->error || result)
        return fail("judge", path, test->error ? test->error : result);
    return is_refusal(verdict_of(t)) ? EXIT_REFUSED : EXIT_OK;
}

static int worse(int a, int b)
{
    return a > b ? a : b;
}

/* A file with one request a line; behind a tab its response. */
static int test_list(struct waf_test *test, const char *path)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    slice rest;
    int worst = EXIT_OK;
    arena_open(&a, NULL, 0, TEST_ARENA_BLOCK, TEST_ARENA_MAX);
    int result = load_reader.read_input(NULL, &a, slice_from(path), TEST_FILE_BYTES_MAX, &rest);
    if (result != 0)
        return fail("read", path, result);
    while (rest.len) {
        size_t end = slice_find_byte(rest, '\n');
        slice line = slice_first(rest, end);
        rest = slice_after(rest, end + 1);
        if (line.len == 0)
            continue;
        size_t tab = slice_find_byte(line, '\t');
        char *request = arena_text(&a, slice_first(line, tab));
        char *response = tab < line.len ? arena_text(&a, slice_after(line, tab + 1)) : NULL;
        if (!request)
            return fail("read", path, -ENOMEM);
        worst = worse(worst, test_one(test, request, response ? response : test->response));
    }
    return worst;
}

static int check_arguments(struct waf_test *test, int count)
{
    uint64_t level;
    struct ip client;
    if (test->rules_count == 0)
        test->rules[test->rules_count++] = "builtin";
    if (count == 0 && !test->from)
        return command_refuse("waf test wants a file with a request, or --from LIST");
    if (test->paranoia &&
        (number_parse(slice_from(test->paranoia), PARANOIA_MAX, &level) != 0 || level == 0))
        return command_refuse("--paranoia is a number from 1 to 4");
    if (test->client && ip_parse(slice_from(test->client), &client) != 0)
        return command_refuse("--client is an IP address");
    if (test->repeat &&
        (number_parse(slice_from(test->repeat), REPEAT_MAX, &test->repeats) != 0 || !test->repeats))
        return command_refuse("--repeat is a number from 1 to 1000000");
    for (uint32_t i = 0; i < test->sets_count; i++)
        if (!strchr(test->sets[i], '='))
            return command_refuse("--set wants tx.NAME=VALUE");
    return EXIT_OK;
}

static int run_test(int argc, char **argv)
{
    struct waf_test test = { 0 };
    const struct command_option options[] = {
        { .name = "--rules",
          .values = test.rules,
          .value_count = &test.rules_count,
          .values_max = RULES_MAX },
        { .name = "--set",
          .values = test.sets,
          .value_count = &test.sets_count,
          .values_max = SETS_MAX },
        { .name = "--paranoia", .value = &test.paranoia },
        { .name = "--response", .value = &test.response },
        { .name = "--from", .value = &test.from },
        { .name = "--client", .value = &test.client },
        { .name = "--repeat", .value = &test.repeat },
        { .name = "--json", .flag = &test.is_json },
        { .name = "--proxy", .flag = &test.is_proxy },
        { .name = "--remember", .flag = &test.remembers },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK ||
        check_arguments(&test, count) != EXIT_OK)
        return EXIT_USAGE;
    int result = load_rules(&test), worst = EXIT_OK;
    if (result != 0 && result != -EINVAL)
        output_format(STDERR_FILENO, "portcullis: cannot load the rules: %s\n", strerror(-result));
    if (result == 0 && test.from)
        worst = test_list(&test, test.from);
    for (int i = 0; result == 0 && i < count; i++)
        worst = worse(worst, test_one(&test, argv[i], test.response));
    ruleset_free(test.ruleset);
    return result ? EXIT_FAILED : worst;
}

int command_waf(int argc, char **argv)
{
    if (argc >= 1 && strcmp(argv[0], "rules") == 0)
        return command_waf_rules(argc - 1, argv + 1);
    if (argc < 1 || strcmp(argv[0], "test") != 0)
        return command_refuse("waf is followed by test or rules");
    return run_test(argc - 1, argv + 1);
}
