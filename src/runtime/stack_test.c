#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "runtime/stack.h"

#define STACK_BYTES (64u << 10)
#define GIGABYTE    (1ull << 30)

TEST(stacks_are_as_many_as_the_limits_allow)
{
    static const struct {
        struct stack_limits limits;
        uint32_t expected;
    } cases[] = {
        { { 0 }, 1000000 },                                     /* nothing bounds them */
        { { .maps_max = 65530 }, 1000000 },                     /* guards cost no mapping */
        { { .guard_splits = true, .maps_max = 65530 }, 30717 }, /* two mappings each */
        { { .guard_splits = true, .maps_max = 8192 }, 2048 },
        { { .guard_splits = true, .maps_max = 1 }, 1 },
        { { .guard_splits = true }, 1000000 },     /* the sysctl cannot be read */
        { { .space_bytes_max = GIGABYTE }, 2048 }, /* half of it, 256 KiB each */
        { { .space_bytes_max = 1 }, 1 },
        { { .commit_bytes = 2 * GIGABYTE }, 4096 },
        { { .guard_splits = true, .maps_max = 65530, .commit_bytes = GIGABYTE }, 2048 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(stack_count_within(&cases[i].limits, STACK_BYTES_DEFAULT),
                         cases[i].expected);
}

TEST(stacks_of_this_process_are_bounded_by_its_limits)
{
    uint32_t bound = stack_count_bound(STACK_BYTES_DEFAULT);
    assert_true(bound >= 1 && bound <= 1000000);
    stack_guard_by_mprotect(true);
    assert_true(stack_count_bound(STACK_BYTES_DEFAULT) <= bound);
    assert_false(stack_guards_are_free());
    stack_guard_by_mprotect(false);
    assert_int_equal(stack_count_bound(STACK_BYTES_DEFAULT), bound);
}

TEST(stack_depth_is_what_was_written)
{
    struct stack s;
    assert_int_equal(stack_make(STACK_BYTES, &s), 0);
    stack_paint(&s);
    assert_int_equal(stack_depth(&s), 0);
    s.memory[s.bytes - 1] = 1;
    assert_int_equal(stack_depth(&s), 1);
    s.memory[s.bytes - 4096] = 1;
    assert_int_equal(stack_depth(&s), 4096);
    s.memory[0] = 1;
    assert_int_equal(stack_depth(&s), s.bytes);
    stack_free(&s);
}

/* What a child does; the signal it died of, or 0. */
static int signal_of(void (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGSEGV, SIG_DFL); /* without the sanitizer's report */
        (void)signal(SIGBUS, SIG_DFL);
        act();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_lowest(void)
{
    struct stack s;
    if (stack_make(STACK_BYTES, &s) != 0)
        _exit(1);
    *(volatile char *)s.memory = 1;
}

static void touch_below(void)
{
    struct stack s;
    if (stack_make(STACK_BYTES, &s) != 0)
        _exit(1);
    *(volatile char *)(s.memory - 1) = 1;
}

/* More frames than any stack has room for. */
static __attribute__((noinline)) int deeper(int frames)
{
    volatile char here[512];
    here[0] = (char)frames;
    return frames > 0 ? deeper(frames - 1) + here[0] : 0;
}

static void run_too_deep(UNUSED void *argument)
{
    _exit(deeper(1 << 20) == 1);
}

static void overflow_a_fiber(void)
{
    struct loop_options options = { 0 };
    if (loop_open(&options) != 0 || fiber_start("deep", run_too_deep, NULL, NULL) != 0)
        _exit(1);
    _exit(loop_run());
}

static void check_guards(void)
{
    assert_int_equal(signal_of(touch_lowest), 0);
    assert_int_equal(signal_of(touch_below), SIGSEGV);
    assert_int_equal(signal_of(overflow_a_fiber), SIGSEGV);
}

TEST(stack_overflow_dies_at_the_guard_of_madvise)
{
    if (!stack_guards_are_free())
        skip(); /* a kernel before 6.13 */
    check_guards();
}

TEST(stack_overflow_dies_at_the_guard_of_mprotect)
{
    stack_guard_by_mprotect(true);
    assert_false(stack_guards_are_free());
    check_guards();
    stack_guard_by_mprotect(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_are_as_many_as_the_limits_allow),
        cmocka_unit_test(stacks_of_this_process_are_bounded_by_its_limits),
        cmocka_unit_test(stack_depth_is_what_was_written),
        cmocka_unit_test(stack_overflow_dies_at_the_guard_of_madvise),
        cmocka_unit_test(stack_overflow_dies_at_the_guard_of_mprotect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
