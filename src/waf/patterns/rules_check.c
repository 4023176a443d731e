/* Holds the patterns of a rule set against PCRE2: for each the automaton must answer as PCRE2 does
 * and the prefilter must lose no match, on strings made from the pattern itself; and no value of 16
 * KiB may cost more than a number of steps a byte.
 *
 *     waf_rules_test RULES-FOLDER… [-n ROUNDS]
 *
 * Without a folder those named `rules` in the folders of the environment's PORTCULLIS_CRS (with :
 * between) are taken, or where distributions install the OWASP rules; when there are none it says
 * so and ends with 77 (skipped). Reads only the arguments of operators, not SecLang. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/panic.h"
#include "waf/patterns/compiled.h"
#include "waf/patterns/phrases.h"
#include "waf/patterns/prefilter.h"
#include "waf/patterns/sample.h"

enum {
    RULES_MAX = 4096,
    FILE_BYTES_MAX = 4 << 20,
    VALUE_BYTES = 16384,
    STEPS_A_BYTE_MAX = 400,
    SCAN_STEPS_A_BYTE_MAX = 64,
    WORDS_MAX = RULES_MAX / 64,
};

struct check {
    struct pattern_cache *cache;
    struct prefilter *prefilter;
    struct pattern *patterns[RULES_MAX];
    uint32_t needs[RULES_MAX];
    unsigned count, linear;
    struct phrases *phrases[RULES_MAX];
    unsigned phrase_lists;
    unsigned pairs, matches, unanswered, failures;
    double worst_us, worst_steps, worst_scan_us, worst_scan_steps, worst_capture_us;
    unsigned captures, without_groups;
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static char *read_whole(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(FILE_BYTES_MAX);
    ASSERT(bytes);
    if (!file) {
        free(bytes);
        return NULL;
    }
    *ret_len = fread(bytes, 1, FILE_BYTES_MAX, file);
    fclose(file);
    return bytes;
}

/* Takes out backslashes before line ends, with the white space that begins the next line, and
 * comments. */
static size_t join_lines(char *bytes, size_t len)
{
    size_t to = 0;
    bool at_begin = true;
    for (size_t at = 0; at < len;) {
        if (at_begin && bytes[at] == '#') {
            while (at < len && bytes[at] != '\n')
                at++;
        } else if (bytes[at] == '\\' && at + 1 < len && bytes[at + 1] == '\n') {
            for (at += 2; at < len && (bytes[at] == ' ' || bytes[at] == '\t');)
                at++;
        } else {
            at_begin = bytes[at] == '\n';
            bytes[to++] = bytes[at++];
        }
    }
    return to;
}

/* A word, or what stands between quotes, where \" is a quote. */
static slice next_argument(slice *rest, char *to)
{
    size_t at = 0, len = 0;
    while (at < rest->len && (rest->ptr[at] == ' ' || rest->ptr[at] == '\t'))
        at++;
    bool quoted = at < rest->len && rest->ptr[at] == '"';
    for (at += quoted; at < rest->len && (quoted ? rest->ptr[at] != '"' : rest->ptr[at] != ' ');
         at++) {
        if (quoted && rest->ptr[at] == '\\' && at + 1 < rest->len && rest->ptr[at + 1] == '"')
            at++;
        to[len++] = rest->ptr[at];
    }
    *rest = slice_after(*rest, at + 1);
    return slice_of(to, len);
}

static bool accept_word(slice *text, slice word)
{
    if (!slice_starts_with(*text, word))
        return false;
    *text = slice_trim(slice_after(*text, word.len));
    return true;
}

static void add_pattern(struct check *c, slice text)
{
    struct pattern_problem problem;
    struct pattern *pattern;
    if (slice_find(text, SLICE("%{")) < text.len || c->count == RULES_MAX)
        return; /* a macro: the text is known only at run time */
    for (unsigned i = 0; i < c->count; i++)
        if (slice_equal(pattern_text(c->patterns[i]), text))
            return;
    if (pattern_compile(text, 0, c->cache, &pattern, &problem) != 0) {
        printf("not compiled (%s at %zu): %.*s\n", problem.text, problem.at, SLICE_ARGUMENTS(text));
        c->failures++;
        return;
    }
    c->linear += pattern_is_linear(pattern);
    c->patterns[c->count++] = pattern;
}

static void add_phrases(struct check *c, slice argument, const char *folder)
{
    char path[4096];
    size_t len;
    struct phrases *phrases;
    ASSERT(c->phrase_lists < RULES_MAX && phrases_open(&phrases) == 0);
    if (folder) {
        snprintf(path, sizeof path, "%s/%.*s", folder, SLICE_ARGUMENTS(argument));
        char *content = read_whole(path, &len);
        ASSERT(content && phrases_add_lines(phrases, slice_of(content, len)) == 0);
        free(content);
    } else {
        ASSERT(phrases_add_words(phrases, argument) == 0);
    }
    ASSERT(phrases_seal(phrases) == 0);
    c->phrases[c->phrase_lists++] = phrases;
}

static void read_rule(struct check *c, slice line, const char *folder)
{
    static char room[FILE_BYTES_MAX];
    slice text = slice_trim(line);
    if (!accept_word(&text, SLICE("SecRule ")))
        return;
    next_argument(&text, room);
    slice operator= next_argument(&text, room);
    accept_word(&operator, SLICE("!"));
    if (accept_word(&operator, SLICE("@rx ")))
        add_pattern(c, operator);
    else if (accept_word(&operator, SLICE("@pmFromFile ")))
        add_phrases(c, operator, folder);
    else if (accept_word(&operator, SLICE("@pm ")))
        add_phrases(c, operator, NULL);
    else if (!slice_starts_with(operator, SLICE("@")))
        add_pattern(c, operator);
}

static void read_folder(struct check *c, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0) {
        printf("no folder \"%s\"\n", folder);
        c->failures++;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        size_t len;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        bool is_rules = slice_ends_with(slice_from(path), SLICE(".conf"));
        free(entries[i]);
        char *content = is_rules ? read_whole(path, &len) : NULL;
        if (!content)
            continue;
        slice rest = slice_of(content, join_lines(content, len));
        while (rest.len) {
            slice line = slice_first(rest, slice_find_byte(rest, '\n'));
            rest = slice_after(rest, line.len + 1);
            read_rule(c, line, folder);
        }
        free(content);
    }
    if (count >= 0)
        free(entries);
}

static void report_memory(const struct check *c)
{
    size_t programs = 0, phrases = 0, codes = 0, each;
    for (unsigned i = 0; i < c->count; i++) {
        programs += c->patterns[i]->program ? program_bytes(c->patterns[i]->program) : 0;
        if (pcre2_pattern_info(c->patterns[i]->code, PCRE2_INFO_SIZE, &each) == 0)
            codes += each;
    }
    for (unsigned i = 0; i < c->phrase_lists; i++)
        phrases += phrases_bytes(c->phrases[i]);
    printf("memory: prefilter %.2f MiB, programs %.2f, phrase lists %.2f, PCRE2 %.2f\n",
           (double)prefilter_bytes(c->prefilter) / 1048576, (double)programs / 1048576,
           (double)phrases / 1048576, (double)codes / 1048576);
}

static void build_prefilter(struct check *c)
{
    unsigned kinds[5] = { 0 };
    double begun = now_us();
    ASSERT(prefilter_open(&c->prefilter) == 0);
    for (unsigned i = 0; i < c->count; i++)
        ASSERT(prefilter_add_pattern(c->prefilter, c->patterns[i], &c->needs[i]) == 0);
    for (unsigned i = 0; i < c->phrase_lists; i++) {
        uint32_t need;
        ASSERT(prefilter_add_phrases(c->prefilter, c->phrases[i], &need) == 0);
    }
    ASSERT(prefilter_build(c->prefilter) == 0);
    ASSERT(prefilter_words(c->prefilter) <= WORDS_MAX);
    for (unsigned i = 0; i < c->count; i++)
        kinds[prefilter_need_kind(c->prefilter, c->needs[i])]++;
    printf("prefilter: %.1f ms; told by literals %u, conditional ones %u, guards %u, "
           "not at all %u; %u phrase lists\n",
           (now_us() - begun) / 1e3, kinds[NEED_LITERALS], kinds[NEED_CONDITIONAL],
           kinds[NEED_GUARDED], kinds[NEED_ALWAYS], c->phrase_lists);
    report_memory(c);
}

static void fail_pattern(struct check *c, unsigned which, const char *what, slice value)
{
    c->failures++;
    printf("%s\n  pattern: %.300s\n  value (%zu bytes): ", what,
           pattern_text(c->patterns[which]).ptr, value.len);
    for (size_t i = 0; i < value.len && i < 200; i++)
        printf(value.ptr[i] < ' ' || value.ptr[i] == '\\' ? "\\x%02x" : "%c",
               (unsigned char)value.ptr[i]);
    printf("\n");
}

static void check_value(struct check *c, unsigned which, slice value)
{
    struct pattern *pattern = c->patterns[which];
    uint64_t candidates[WORDS_MAX] = { 0 };
    uint32_t need = c->needs[which];
    struct work work;
    work_open(&work, 0, NULL, NULL);
    int result = pattern_matches(pattern, value, &work);
    int expected = pcre_match(pattern->code, c->cache, value, &pcre_decide, NULL, &work);
    c->pairs++;
    if (expected < 0) { /* PCRE2 does not get to an end: the automaton stands alone */
        c->unanswered++;
        expected = result;
    }
    c->matches += expected == 1;
    if (result != expected && !(result == -EDQUOT && !pattern_is_linear(pattern)))
        fail_pattern(c, which, "the automaton does not answer as PCRE2", value);
    ASSERT(prefilter_scan(c->prefilter, value, prefilter_classes(c->prefilter, value), candidates,
                          &work) == 0);
    if (expected == 1 && !(candidates[need >> 6] >> (need & 63) & 1))
        fail_pattern(c, which, "the prefilter loses a match", value);
}

static void check_answers(struct check *c, unsigned which, const struct node *root, unsigned rounds)
{
    static struct sample sample;
    static char lower[SAMPLE_BYTES_MAX];
    sample.random = 0x9e3779b97f4a7c15 + which;
    for (unsigned round = 0; round < rounds; round++) {
        sample.len = 0;
        sample_append(&sample, root);
        for (uint64_t changes = sample_random(&sample, 4); changes; changes--)
            sample_mutate(&sample);
        check_value(c, which, sample_slice(&sample));
        for (size_t i = 0; i < sample.len; i++)
            lower[i] = ascii_lower(sample.bytes[i]);
        check_value(c, which, slice_of(lower, sample.len));
    }
}

/* A value of 16 KiB. Either a unit cut from a sample over and over, with mutations strewn in: what
 * makes backtracking explode; or short pieces of samples at random: what makes an automaton meet
 * ever new states. */
static slice hostile_value(struct sample *sample, const struct node *root)
{
    static char value[VALUE_BYTES];
    sample->len = 0;
    sample_append(sample, root);
    if (sample_random(sample, 2))
        sample_mutate(sample);
    if (sample->len == 0)
        return slice_of(value, 0);
    size_t longest = sample_random(sample, 3) ? 8 : sample->len;
    size_t begin = sample_random(sample, sample->len);
    size_t len = 1 + sample_random(sample, longest);
    len = len < sample->len - begin ? len : sample->len - begin;
    enum { NOTHING, SOME, MANY, PIECES, WAYS };
    uint64_t change = sample_random(sample, WAYS);
    const uint64_t one_in[] = { [SOME] = 400, [MANY] = 12 };
    for (size_t i = 0, piece = 0, at = 0; i < VALUE_BYTES; i++, piece--) {
        if (change == PIECES && piece == 0) {
            piece = 1 + sample_random(sample, 6);
            at = sample_random(sample, sample->len) + VALUE_BYTES - i; /* at + i: where it begins */
        }
        bool changed =
            (change == SOME || change == MANY) && sample_random(sample, one_in[change]) == 0;
        value[i] = change == PIECES ? sample->bytes[(at + i) % sample->len]
                   : changed        ? sample->bytes[sample_random(sample, sample->len)]
                                    : sample->bytes[begin + i % len];
    }
    return slice_of(value, VALUE_BYTES);
}

static void check_scan_cost(struct check *c, unsigned which, slice value)
{
    uint64_t candidates[WORDS_MAX] = { 0 };
    struct work work;
    work_open(&work, 0, NULL, NULL);
    double begun = now_us();
    ASSERT(prefilter_scan(c->prefilter, value, prefilter_classes(c->prefilter, value), candidates,
                          &work) == 0);
    double us = now_us() - begun, steps = (double)work_spent(&work) / VALUE_BYTES;
    c->worst_scan_us = us > c->worst_scan_us ? us : c->worst_scan_us;
    c->worst_scan_steps = steps > c->worst_scan_steps ? steps : c->worst_scan_steps;
    if (steps > SCAN_STEPS_A_BYTE_MAX)
        fail_pattern(c, which, "too many steps of the prefilter", slice_first(value, 100));
}

static void check_capture_cost(struct check *c, unsigned which, slice value)
{
    struct operator_match match;
    struct work work;
    work_open(&work, 0, NULL, NULL);
    double begun = now_us();
    int result = pattern_capture(c->patterns[which], value, &match, &work);
    double us = now_us() - begun;
    c->captures++;
    if (result != 1)
        fail_pattern(c, which, "no places for a match", slice_first(value, 100));
    c->without_groups += work_spent(&work) > pcre_capture.per_byte * VALUE_BYTES;
    c->worst_capture_us = us > c->worst_capture_us ? us : c->worst_capture_us;
}

/* Steps are what is judged; microseconds are for who reads. */
static void check_cost(struct check *c, unsigned which, const struct node *root, unsigned rounds)
{
    static struct sample sample;
    sample.random = 0x51ed2701 + which;
    for (unsigned round = 0; round < rounds; round++) {
        slice value = hostile_value(&sample, root);
        struct work work;
        work_open(&work, 0, NULL, NULL);
        double begun = now_us();
        int result = pattern_matches(c->patterns[which], value, &work);
        double us = now_us() - begun,
               steps = value.len ? (double)work_spent(&work) / (double)value.len : 0;
        ASSERT(result >= 0 || result == -EDQUOT);
        check_scan_cost(c, which, value);
        if (result == 1)
            check_capture_cost(c, which, value);
        if (us > c->worst_us)
            printf("  %8.0f us, %6.1f steps a byte: %.100s\n", us, steps,
                   pattern_text(c->patterns[which]).ptr);
        c->worst_us = us > c->worst_us ? us : c->worst_us;
        c->worst_steps = steps > c->worst_steps ? steps : c->worst_steps;
        if (steps > STEPS_A_BYTE_MAX)
            fail_pattern(c, which, "too many steps", slice_first(value, 100));
    }
}

static void check_all(struct check *c, unsigned rounds)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct arena arena;
        struct node *root;
        arena_open(&arena, NULL, 0, 1 << 16, 64 << 20);
        ASSERT(pattern_tree(c->patterns[i], &arena, &root) == 0);
        check_answers(c, i, root, rounds);
        check_cost(c, i, root, rounds / 4 + 1);
        arena_close(&arena);
    }
    printf("%u pairs of pattern and value, %u matches, %u of which PCRE2 did not decide\n",
           c->pairs, c->matches, c->unanswered);
    printf("worst value of 16 KiB: %.0f us, %.1f steps a byte; states of all automata: %.2f MiB\n",
           c->worst_us, c->worst_steps, (double)pattern_cache_bytes(c->cache) / 1048576);
    printf("worst capture: %.0f us; %u captures, %u whose budget was spent\n", c->worst_capture_us,
           c->captures, c->without_groups);
    printf("worst scan of 16 KiB by the prefilter: %.0f us, %.1f steps a byte\n", c->worst_scan_us,
           c->worst_scan_steps);
}

static void close_check(struct check *c)
{
    for (unsigned i = 0; i < c->count; i++)
        pattern_free(c->patterns[i]);
    for (unsigned i = 0; i < c->phrase_lists; i++)
        phrases_free(c->phrases[i]);
    prefilter_free(c->prefilter);
    pattern_cache_free(c->cache);
}

static void read_folders(struct check *c, const char *folders)
{
    char folder[4096];
    slice rest = slice_from(folders);
    while (rest.len) {
        slice one = slice_first(rest, slice_find_byte(rest, ':'));
        rest = slice_after(rest, one.len + 1);
        snprintf(folder, sizeof folder, "%.*s/rules", SLICE_ARGUMENTS(one));
        read_folder(c, folder);
    }
}

static bool is_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder)
        closedir(folder);
    return folder;
}

int main(int argc, char **argv)
{
    static struct check c;
    const char *installed = "/usr/share/modsecurity-crs";
    const char *environment = getenv("PORTCULLIS_CRS");
    unsigned rounds = 12;
    bool any = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    ASSERT(pattern_cache_open(PATTERN_CACHE_BYTES, &c.cache) == 0);
    double begun = now_us();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
            continue;
        }
        read_folder(&c, argv[i]);
        any = true;
    }
    if (!any && (!environment || !*environment) && is_folder(installed))
        environment = installed;
    if (!any && environment && *environment) {
        read_folders(&c, environment);
        any = true;
    }
    if (!any) {
        printf("skipped: no rules in %s; name a folder in PORTCULLIS_CRS\n", installed);
        pattern_cache_free(c.cache);
        return 77;
    }
    printf("%u patterns, %u decided by an automaton alone: read and compiled in %.1f ms\n", c.count,
           c.linear, (now_us() - begun) / 1e3);
    build_prefilter(&c);
    check_all(&c, rounds);
    close_check(&c);
    printf("%u failures\n", c.failures);
    return c.failures || c.count == 0 ? 1 : 0;
}
