/* The Core Rule Set as it is installed: every line of it is understood.
 *
 * Looked for in the folders of PORTCULLIS_CRS (with : between), each with crs-setup.conf.example
 * and rules/, and where Debian's package modsecurity-crs puts it; skipped where there is none. */
#include "base/test.h"

#include <glob.h>
#include <stdlib.h>

#include "waf/operators/operator.h"
#include "waf/patterns/prefilter.h"
#include "waf/seclang/memory_world.h"

enum { PATH_BYTES = 4096 };

static void join(char *into, slice path, slice beside)
{
    size_t folder = path.len && path.ptr[0] == '/' ? 0 : beside.len;
    while (folder > 0 && beside.ptr[folder - 1] != '/')
        folder--;
    int length =
        snprintf(into, PATH_BYTES, "%.*s%.*s", (int)folder, beside.ptr, SLICE_ARGUMENTS(path));
    assert_in_range(length, 1, PATH_BYTES - 1);
}

static int list_files(void *context, slice pattern, slice beside, struct arena *arena,
                      slice **ret_paths, unsigned *ret_count)
{
    char path[PATH_BYTES];
    glob_t found = { 0 };
    (void)context;
    join(path, pattern, beside);
    *ret_count = 0;
    if (glob(path, 0, NULL, &found))
        return 0;
    *ret_paths = arena_take_array(arena, found.gl_pathc, sizeof(slice));
    assert_non_null(*ret_paths);
    for (size_t i = 0; i < found.gl_pathc; i++)
        (*ret_paths)[(*ret_count)++] = arena_copy(arena, slice_from(found.gl_pathv[i]));
    globfree(&found);
    return 0;
}

static int read_file(void *context, slice path, slice beside, struct arena *arena, slice *ret_bytes)
{
    char name[PATH_BYTES];
    (void)context;
    join(name, path, beside);
    FILE *f = fopen(name, "re");
    if (!f)
        return -errno;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long length = ftell(f);
    assert_true(length >= 0);
    rewind(f);
    char *bytes = arena_take(arena, (size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, f), length);
    fclose(f);
    *ret_bytes = slice_of(bytes, (size_t)length);
    return 0;
}

/* Loads the files; everything in them must be understood. */
static struct ruleset *load(const char *const *paths)
{
    struct seclang_world world = { .list = list_files, .read = read_file };
    struct seclang *l;
    assert_int_equal(seclang_open(&world, &l), 0);
    int result = 0;
    for (; *paths && result == 0; paths++)
        result = seclang_file(l, slice_from(*paths));
    unsigned kept, total;
    const struct waf_problem *p = seclang_errors(l, &kept, &total);
    for (unsigned i = 0; i < kept; i++)
        print_error("%.*s:%u:%u: %s\n", SLICE_ARGUMENTS(p[i].file), p[i].line, p[i].column,
                    p[i].text);
    assert_int_equal(total, 0);
    p = seclang_warnings(l, &kept, &total);
    for (unsigned i = 0; i < kept; i++)
        print_error("warning: %.*s:%u:%u: %s\n", SLICE_ARGUMENTS(p[i].file), p[i].line, p[i].column,
                    p[i].text);
    assert_int_equal(total, 0);
    struct ruleset *rules = NULL;
    assert_int_equal(seclang_finish(l, &rules), 0);
    seclang_close(l);
    return rules;
}

/* Lines that begin with one of the words, whatever else is on them. */
static unsigned count_lines(const struct ruleset *rules, slice word)
{
    unsigned count = 0;
    for (unsigned i = 0; i < rules->file_count; i++) {
        struct arena arena;
        slice text, empty = SLICE("");
        arena_open(&arena, NULL, 0, 1 << 20, 1 << 26);
        assert_int_equal(read_file(NULL, rules->files[i], empty, &arena, &text), 0);
        for (size_t at = 0; at < text.len; at += slice_find_byte(slice_after(text, at), '\n') + 1)
            count += slice_starts_with(slice_trim(slice_first(slice_after(text, at), 80)), word);
        arena_close(&arena);
    }
    return count;
}

struct counts {
    unsigned links, rules, chained, patterns, distinct, prefiltered, longest;
};

static struct counts count_rules(const struct ruleset *rules)
{
    static const void *seen[4096];
    struct counts c = { .rules = rules->rule_count };
    for (unsigned i = 0; i < rules->rule_count; i++) {
        const struct rule *rule = &rules->rules[i];
        c.links += rule->link_count;
        c.longest = rule->link_count > c.longest ? rule->link_count : c.longest;
        for (unsigned k = 0; k < rule->link_count; k++) {
            const struct link *link = &rule->links[k];
            c.prefiltered += link->need != WAF_NONE;
            if (!link->operator|| strcmp(link->operator->name, "rx") != 0)
                continue;
            unsigned known = 0;
            while (known < c.distinct && seen[known] != link->prepared)
                known++;
            assert_true(known < ARRAY_LENGTH(seen));
            seen[known] = link->prepared;
            c.distinct += known == c.distinct;
            c.patterns++;
        }
    }
    c.chained = c.links - c.rules;
    return c;
}

/* What has to hold of any rule set that is loaded. */
static void check_whole(const struct ruleset *rules, struct counts c)
{
    unsigned in_phases = 0;
    assert_int_equal(c.links, count_lines(rules, SLICE("SecRule ")) +
                                  count_lines(rules, SLICE("SecAction")));
    for (unsigned p = 1; p <= WAF_PHASES; p++) {
        in_phases += rules->phases[p].count;
        for (unsigned i = 0; i < rules->phases[p].count; i++) {
            const struct rule *rule = rules->phases[p].rules[i];
            assert_int_equal(rule->phase, p);
            assert_true(rule->skip_to == WAF_NONE ||
                        (rule->skip_to > i && rule->skip_to <= rules->phases[p].count));
        }
    }
    assert_int_equal(in_phases, c.rules);
    assert_true(c.prefiltered > 200 && rules->need_count > 200);
    assert_true(rules->arena.total <= (4 << 20));
}

static void check_folder(const char *folder)
{
    char setup[PATH_BYTES + 32], all[PATH_BYTES + 32];
    snprintf(setup, sizeof(setup), "%s/crs-setup.conf.example", folder);
    snprintf(all, sizeof(all), "%s/rules/*.conf", folder);
    const char *paths[] = { setup, all, NULL };
    struct ruleset *rules = load(paths);
    struct counts c = count_rules(rules);
    check_whole(rules, c);
    print_message("%s: %.*s, %u rules, %u lines, %u of %u patterns distinct, %zu bytes + %zu\n",
                  folder, SLICE_ARGUMENTS(rules->directives.component_signature), c.rules, c.links,
                  c.distinct, c.patterns, rules->arena.total, prefilter_bytes(rules->prefilter));
    if (slice_equal(rules->directives.component_signature, SLICE("OWASP_CRS/4.28.0"))) {
        assert_int_equal(c.rules, 622 + 8); /* SecRule and SecAction */
        assert_int_equal(c.links, 695 + 8);
        assert_int_equal(c.chained, 73);
        assert_int_equal(c.longest, 5);
        assert_int_equal(c.patterns, 318);
        assert_int_equal(c.distinct, 294);
        assert_int_equal(rules->phases[1].count, 174 - 1);
    }
    ruleset_free(rules);
}

TEST(the_core_rule_sets_of_the_environment_are_understood)
{
    const char *folders = getenv("PORTCULLIS_CRS");
    if (!folders) {
        print_message("skipped: PORTCULLIS_CRS names no folders\n");
        skip();
    }
    for (slice rest = slice_from(folders); rest.len;) {
        size_t length = slice_find_byte(rest, ':');
        char folder[PATH_BYTES];
        snprintf(folder, sizeof(folder), "%.*s", (int)length, rest.ptr);
        check_folder(folder);
        rest = slice_after(rest, length + 1);
    }
}

TEST(the_core_rule_set_of_debian_is_understood)
{
    static const char *const paths[] = { "/usr/share/modsecurity-crs/owasp-crs.load", NULL };
    FILE *f = fopen(paths[0], "re");
    if (!f) {
        print_message("skipped: no %s\n", paths[0]);
        skip();
    }
    fclose(f);
    struct ruleset *rules = load(paths);
    struct counts c = count_rules(rules);
    check_whole(rules, c);
    assert_true(c.rules >= 600 && c.chained >= 160 && c.longest == 5);
    ruleset_free(rules);
}

/* The recommended configuration of ModSecurity, its rules in their own form of quoting. */
static const char recommended[] =
    "SecRule REQUEST_HEADERS:Content-Type \"^(?:application(?:/soap\\+|/)|text/)xml\" \\\n"
    "     \"id:'200000',phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \\\n"
    "\"id:'200003',phase:2,t:none,log,deny,status:400, \\\n"
    "msg:'Multipart request body failed strict validation: \\\n"
    "PE %{REQBODY_PROCESSOR_ERROR}, \\\nFL %{MULTIPART_FILE_LIMIT_EXCEEDED}'\"\n"
    "SecRule TX:/^MSC_/ \"!@streq 0\" \\\n"
    "        \"id:'200005',phase:2,t:none,deny,msg:'Flagged: %{MATCHED_VAR_NAME}'\"\n";

TEST(the_recommended_configuration_is_understood)
{
    struct seclang_world world = memory_world(NULL);
    struct seclang *l;
    struct ruleset *rules = NULL;
    assert_int_equal(seclang_open(&world, &l), 0);
    assert_int_equal(seclang_text(l, SLICE("modsecurity.conf"), slice_from(recommended)), 0);
    assert_int_equal(seclang_finish(l, &rules), 0);
    seclang_close(l);
    assert_int_equal(rules->rule_count, 3);
    assert_int_equal(rules->rules[1].msg.count, 4);
    assert_int_equal(rules->rules[2].links[0].targets[0].selector, SELECT_PATTERN);
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_rule_sets_of_the_environment_are_understood),
        cmocka_unit_test(the_core_rule_set_of_debian_is_understood),
        cmocka_unit_test(the_recommended_configuration_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
