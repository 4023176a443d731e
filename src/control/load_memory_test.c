/* Loading when memory ends: each request for memory fails once. The linker puts the functions below
 * in front of those of the arena. */
#include <errno.h>

#include "base/test.h"
#include "control/load.h"
#include "control/load_rules_test.h"

void *__real_arena_take(struct arena *a, size_t bytes);
void *__real_arena_take_array(struct arena *a, size_t count, size_t each);
slice __real_arena_copy(struct arena *a, slice s);
char *__real_arena_text(struct arena *a, slice s);
void *__wrap_arena_take(struct arena *a, size_t bytes);
void *__wrap_arena_take_array(struct arena *a, size_t count, size_t each);
slice __wrap_arena_copy(struct arena *a, slice s);
char *__wrap_arena_text(struct arena *a, slice s);

static uint32_t left; /* requests that still succeed */
static bool has_failed;

static bool fails(void)
{
    if (left > 0) {
        left--;
        return false;
    }
    if (has_failed)
        return false;
    has_failed = true;
    return true;
}

void *__wrap_arena_take(struct arena *a, size_t bytes)
{
    return fails() ? NULL : __real_arena_take(a, bytes);
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

static const char text[] =
    "listen 127.0.0.1:80 unix:/run/x\nworkers 2\nuser ${env:LOAD_MEMORY_TEST:-nobody}\n"
    "log requests json to /var/log/x\ntrust proxies 10.0.0.0/8\nlimits { head 32K; body 1M }\n"
    "defaults { headers hardened; timeout idle 5s }\nlist bad ip 192.0.2.0/24\n"
    "policy p { deny list bad; limits { body-rate 2K/s } }\npolicy q { headers { via on } }\n"
    "origin o { server 10.0.0.1:1 name.test:2 weight 2; timeout head 1m; queue 3 for 1s }\n"
    "origin spare { server 10.0.0.1:1 }\n"
    "site a.test *.a.test { use p q; on 127.0.0.1:80; to o path \"/x\\u{41}\"; slashes keep\n"
    "  route = /a { redirect https://{host}{uri}; when method GET PURGE }\n"
    "  route ~ `^/r` { respond 404 \"no {path}\" }\n"
    "  route /b/* *.c { to 10.0.0.9:9; when ip 10.0.0.0/8; when header X-A b; allow method GET "
    "PURGE }\n"
    "  headers { set A {client.ip}; request { remove B } } }\n"
    "extend site a.test { route /e { to o } }\nsite :81 { respond 200 }\n";

TEST(each_request_for_memory_may_fail_once)
{
    uint32_t count = 0;
    left = UINT32_MAX;
    const struct ruleset *rules =
        test_rules(); /* what they ask for is tested where they are read */
    for (;; count++) {
        struct diagnostics d;
        struct configuration *c = NULL;
        left = UINT32_MAX;
        diagnostics_open(&d);
        has_failed = false;
        left = count;
        int result = configuration_load(
            &(struct load_options){ .text = slice_of(text, sizeof text - 1), .rules = rules }, &c,
            &d);
        left = UINT32_MAX;
        configuration_free(c);
        diagnostics_close(&d);
        if (!has_failed) {
            assert_int_equal(result, 0);
            break;
        }
        if (result != -ENOMEM)
            fail_msg("request %u failed and the result is %d", count, result);
    }
    assert_true(count > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_for_memory_may_fail_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
