/* The wheel against a list that is searched: every operation, at random, over spans from a
 * millisecond to years. */
#include "base/test.h"
#include "runtime/loop.h"
#include "runtime/timer.h"
#include "runtime/timer_wheel.h"

#define TIMERS     200
#define OPERATIONS 40000

struct one {
    struct timer timer;
    int64_t wanted; /* NEVER: not set */
};

static struct one all[TIMERS];
static int64_t now;
static uint64_t random_state;
static bool sets_again; /* what fires is set again from inside */
static int fired;

static uint64_t below(uint64_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % bound;
}

/* Evenly over the number of bits: from 1 ms to some 70 years. */
static int64_t some_span(void)
{
    return (int64_t)((below(1u << 31) << 10 | below(1024)) & ((1ull << below(42)) - 1));
}

static void on_fire(struct timer *t)
{
    struct one *o = CONTAINER_OF(t, struct one, timer);
    fired++;
    assert_true(o->wanted <= now); /* neither early nor twice, nor after it was cleared */
    assert_int_equal(t->when_ms, NEVER);
    o->wanted = NEVER;
    if (sets_again && below(2)) {
        o->wanted = now + some_span();
        timer_set(t, o->wanted);
    }
    if (below(4) == 0) { /* and another one is cleared while a slot is being emptied */
        struct one *other = &all[below(TIMERS)];
        timer_clear(&other->timer);
        other->wanted = NEVER;
    }
}

static int64_t earliest(void)
{
    int64_t first = NEVER;
    for (int i = 0; i < TIMERS; i++)
        first = all[i].wanted < first ? all[i].wanted : first;
    return first;
}

static void open_wheel(uint64_t seed, int64_t start)
{
    random_state = seed;
    now = start;
    fired = 0;
    timer_wheel_open(now);
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&all[i].timer, on_fire);
        all[i].wanted = NEVER;
    }
}

static void operate(void)
{
    struct one *o = &all[below(TIMERS)];
    switch (below(8)) {
    case 0:
        timer_clear(&o->timer);
        o->wanted = NEVER;
        break;
    case 1: /* a time that has passed fires with the next step */
        o->wanted = now - some_span();
        timer_set(&o->timer, o->wanted);
        break;
    case 2:
        timer_set(&o->timer, NEVER);
        o->wanted = NEVER;
        break;
    default:
        o->wanted = now + some_span();
        timer_set(&o->timer, o->wanted);
    }
}

/* To the next timer, to the moment the wheel names, or anywhere. */
static void step(void)
{
    int64_t next = timer_wheel_next(), first = earliest();
    assert_true(first == NEVER || next <= (first > now ? first : now + 1));
    int64_t to = now + some_span() / 64 + 1;
    if (next != NEVER && below(2))
        to = next;
    else if (first != NEVER && below(2))
        to = first > now ? first : now + 1;
    now = to > now ? to : now + 1;
    timer_wheel_advance(now);
    for (int i = 0; i < TIMERS; i++) /* what is due has fired; what is set from inside may be due */
        assert_true(all[i].wanted > now || sets_again);
}

static void compare(uint64_t seed, int64_t start)
{
    open_wheel(seed, start);
    for (int i = 0; i < OPERATIONS; i++) {
        operate();
        if (below(3) == 0)
            step();
    }
    sets_again = false;
    for (int64_t next; (next = timer_wheel_next()) != NEVER;) {
        now = next > now ? next : now + 1;
        timer_wheel_advance(now);
    }
    for (int i = 0; i < TIMERS; i++)
        assert_int_equal(all[i].wanted, NEVER);
    assert_true(fired > OPERATIONS / 20);
}

TEST(timers_fire_as_a_list_would_have_them)
{
    static const int64_t starts[] = {
        0, 1, 255, 256, 65535, (1ll << 32) - 1, 1ll << 40, 123456789
    };
    for (size_t i = 0; i < ARRAY_LENGTH(starts); i++) {
        sets_again = i % 2;
        compare(i + 1, starts[i]);
    }
}

/* The spans at which a timer changes its level or is out of the wheel's sight. */
TEST(timers_at_the_borders_of_the_levels)
{
    for (int bits = 0; bits <= 40; bits++)
        for (int64_t by = -1; by <= 1; by++) {
            open_wheel(1, 777);
            all[0].wanted = now + (1ll << bits) + by;
            timer_set(&all[0].timer, all[0].wanted);
            int64_t when = all[0].wanted > now ? all[0].wanted : now + 1;
            now = when - 1;
            timer_wheel_advance(now);
            assert_int_equal(fired, 0);
            now = when;
            timer_wheel_advance(now);
            assert_int_equal(fired, 1);
            assert_int_equal(timer_wheel_next(), NEVER);
        }
}

TEST(timers_that_are_never_do_not_wake)
{
    open_wheel(1, 1000);
    timer_set(&all[0].timer, NEVER);
    assert_int_equal(timer_wheel_next(), NEVER);
    timer_set(&all[0].timer, 2000);
    timer_set(&all[0].timer, NEVER);
    now = 3000;
    timer_wheel_advance(now);
    assert_int_equal(fired, 0);
    assert_int_equal(timer_wheel_next(), NEVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_as_a_list_would_have_them),
        cmocka_unit_test(timers_at_the_borders_of_the_levels),
        cmocka_unit_test(timers_that_are_never_do_not_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
