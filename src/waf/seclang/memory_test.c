/* When memory ends while rules are loaded: each request fails once, the load says so or does
 * without, and nothing is left. The linker puts the functions below in front of those of the arena
 * and of the C library. */
#include <stdlib.h>

#include "base/test.h"

#include "waf/seclang/complete_rules.h"
#include "waf/waf.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *memory, size_t bytes);
void *__real_reallocarray(void *memory, size_t count, size_t each);
void __real_free(void *memory);
void *__real_arena_take(struct arena *a, size_t bytes);
void *__real_arena_take_bytes(struct arena *a, size_t bytes);
void *__real_arena_take_array(struct arena *a, size_t count, size_t each);
slice __real_arena_copy(struct arena *a, slice s);
char *__real_arena_text(struct arena *a, slice s);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_reallocarray(void *memory, size_t count, size_t each);
void __wrap_free(void *memory);
void *__wrap_arena_take(struct arena *a, size_t bytes);
void *__wrap_arena_take_bytes(struct arena *a, size_t bytes);
void *__wrap_arena_take_array(struct arena *a, size_t count, size_t each);
slice __wrap_arena_copy(struct arena *a, slice s);
char *__wrap_arena_text(struct arena *a, slice s);

static uint32_t requests, failing = UINT32_MAX; /* the number of the one that fails */
static int64_t held;

static bool fails(void)
{
    return requests++ == failing;
}

void *__wrap_malloc(size_t bytes)
{
    void *memory = fails() ? NULL : __real_malloc(bytes);
    held += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t count, size_t each)
{
    void *memory = fails() ? NULL : __real_calloc(count, each);
    held += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (fails())
        return NULL;
    void *grown = __real_realloc(memory, bytes);
    held += memory == NULL && grown != NULL;
    return grown;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t each)
{
    if (fails())
        return NULL;
    void *grown = __real_reallocarray(memory, count, each);
    held += memory == NULL && grown != NULL;
    return grown;
}

void *__wrap_arena_take(struct arena *a, size_t bytes)
{
    return fails() ? NULL : __real_arena_take(a, bytes);
}

void *__wrap_arena_take_bytes(struct arena *a, size_t bytes)
{
    return fails() ? NULL : __real_arena_take_bytes(a, bytes);
}

void *__wrap_arena_take_array(struct arena *a, size_t count, size_t each)
{
    return fails() ? NULL : __real_arena_take_array(a, count, each);
}

slice __wrap_arena_copy(struct arena *a, slice s)
{
    return fails() ? slice_of(NULL, 0) : __real_arena_copy(a, s);
}

char *__wrap_arena_text(struct arena *a, slice s)
{
    return fails() ? NULL : __real_arena_text(a, s);
}

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}

/* Behind complete_rules: what is found out when all has been read. */
static const char tail[] =
    "SecAction \"id:101,tag:x,skipAfter:NOWHERE,initcol:ip=%{remote_addr}\"\n"
    "SecRule XML:/* \"@within a b %{tx.c}\" \"id:102,msg:'a\\'b',multiMatch,t:cssDecode\"\n"
    "SecRuleUpdateTargetById 102 !REQUEST_COOKIES:/^_ga/\nSecRuleRemoveByTag y\n";
static const char wrong[] = "SecRule WRONG a id:4\nSecFrobnicate 1\nSecRule ARGS \"@rx (\" id:5\n";

/* true: it had all the memory it wanted */
static bool load_all(bool is_wrong)
{
    struct seclang_world world = memory_world(complete_files);
    struct seclang *l = NULL;
    struct ruleset *rules = NULL;
    int result = seclang_open(&world, &l);
    if (result) {
        assert_int_equal(result, -ENOMEM);
        return false;
    }
    slice texts[] = { slice_from(complete_rules), slice_from(tail), slice_from(wrong) };
    bool had_all = true;
    for (size_t i = 0; i < ARRAY_LENGTH(texts) - !is_wrong && had_all; i++) {
        result = seclang_text(l, SLICE("t"), texts[i]);
        assert_true(result == 0 || result == -ENOMEM || (i == 2 && result == -EINVAL));
        had_all &= result == (i == 2 ? -EINVAL : 0);
    }
    if (had_all && !is_wrong) {
        result = seclang_finish(l, &rules);
        if (result == 0)
            result = waf_prepare(rules);
        assert_true(result == 0 || result == -ENOMEM);
        had_all = result == 0;
    }
    seclang_close(l);
    ruleset_free(rules);
    return had_all;
}

static void fail_each(bool is_wrong)
{
    uint32_t failed = 0;
    for (uint32_t count = 0;; count++) {
        int64_t before = held;
        requests = 0;
        failing = count;
        bool had_all = load_all(is_wrong);
        failing = UINT32_MAX;
        assert_int_equal(held, before);
        failed += !had_all;
        if (requests <= count) {
            assert_true(had_all);
            break;
        }
    }
    assert_true(failed > 10);
}

TEST(the_rules_have_every_word_that_works)
{
    for (unsigned i = 0; i < waf_directive_row_count; i++)
        if (waf_directive_rows[i].effect == DIRECTIVE_WORKS)
            assert_true(complete_has("", waf_directive_rows[i].name));
    for (unsigned i = 0; i < waf_action_count; i++)
        if (waf_actions[i].kind != ACTION_REFUSED)
            assert_true(complete_has("", waf_actions[i].name));
    for (size_t i = 0; i < waf_transform_count; i++)
        assert_true(complete_has("t:", waf_transforms[i]->name));
    for (size_t i = 0; i < waf_operator_count; i++)
        if (strcmp(waf_operators[i]->name, "rbl") && strcmp(waf_operators[i]->name, "geoLookup"))
            assert_true(complete_has("@", waf_operators[i]->name));
}

TEST(a_load_survives_each_request_that_fails)
{
    fail_each(false);
}

TEST(so_does_one_with_errors)
{
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_have_every_word_that_works),
        cmocka_unit_test(a_load_survives_each_request_that_fails),
        cmocka_unit_test(so_does_one_with_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
