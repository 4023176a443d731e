/* The watchdog, in processes of their own. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/test.h"
#include "runtime/watchdog.h"

/* Far longer than what a machine that is shared may account to a process at once. */
#define SPAN_MS 100

static int64_t cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Uses the processor for so many spans in turns of a tenth of one, or in a single turn. */
static void work(int spans, bool in_turns)
{
    int64_t begin = cpu_ms(), turn_ms = begin;
    while (cpu_ms() - begin < (int64_t)spans * SPAN_MS)
        if (in_turns && cpu_ms() - turn_ms >= SPAN_MS / 10) {
            watchdog_turn();
            turn_ms = cpu_ms();
        }
}

static int end_of_child(int spans, bool in_turns)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO); /* the report */
        if (watchdog_open(SPAN_MS) != 0)
            _exit(2);
        work(spans, in_turns);
        watchdog_close();
        work(3, false); /* nobody watches any more */
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

TEST(a_turn_that_does_not_end_is_ended)
{
    int status = end_of_child(1000, false);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

TEST(turns_that_end_are_left_alone)
{
    int status = end_of_child(6, true);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_that_does_not_end_is_ended),
        cmocka_unit_test(turns_that_end_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
