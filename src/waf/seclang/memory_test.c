/* When memory ends while rules are loaded: each request fails once, the load says so or does
 * without, and nothing is left. The linker puts the functions below in front of those of the C
 * library. */
#include <stdlib.h>

#include "base/test.h"

#include "waf/seclang/memory_world.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *memory, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *memory, size_t bytes);
void __wrap_free(void *memory);

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

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}

static const struct memory_file files[] = {
    { "words", "evil\nbad words\n" },
    { "map", "20127 (US-ASCII)\nff1c:3c\n" },
    { NULL, NULL },
};

static const char text[] =
    "SecDefaultAction \"phase:2,log,deny,t:lowercase\"\nSecUnicodeMapFile map 20127\n"
    "SecRule ARGS|!ARGS:/^_/ \"@rx (?i)evil[^a-z]+x|y{2,5}\" "
    "\"id:1,chain,capture,t:urlDecodeUni\"\n"
    "SecRule TX:Foo \"@pmFromFile words\" \"setvar:tx.score=+%{tx.one},ctl:ruleRemoveById=5\"\n"
    "SecMarker END\nSecAction \"id:2,tag:x,skipAfter:NOWHERE,initcol:ip=%{remote_addr}\"\n"
    "SecRule XML:/* \"@within a b %{tx.c}\" \"id:3,msg:'a\\'b',multiMatch,t:cssDecode\"\n"
    "SecRuleUpdateTargetById 3 !REQUEST_COOKIES:/^_ga/\nSecRuleRemoveByTag y\n"
    "SecComponentSignature a\nSecComponentSignature b\nSecRule WRONG a id:4\n";

/* true: it had all the memory it wanted */
static bool load_all(bool is_wrong)
{
    struct seclang_world world = memory_world(files);
    struct seclang *l = NULL;
    struct ruleset *rules = NULL;
    int result = seclang_open(&world, &l);
    if (result) {
        assert_int_equal(result, -ENOMEM);
        return false;
    }
    slice all = slice_from(text);
    if (!is_wrong)
        all.len -= strlen("SecRule WRONG a id:4\n");
    result = seclang_text(l, SLICE("t"), all);
    assert_true(result == 0 || result == -ENOMEM || (is_wrong && result == -EINVAL));
    bool had_all = result == (is_wrong ? -EINVAL : 0);
    if (result == 0) {
        result = seclang_finish(l, &rules);
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
        cmocka_unit_test(a_load_survives_each_request_that_fails),
        cmocka_unit_test(so_does_one_with_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
