/* Runs simulated worlds.
 *
 *   simulation [--seed N] [--runs N] [--loud]   N worlds from seed N on, of every kind
 *   simulation --torture [--seed N] [--runs N] [--call N]
 *                                               one world again and again, each time with another
 *                                               call failing that may fail; or with that one
 *   simulation --census [--seed N] [--runs N]   how deep fibers use their stacks
 *
 * With --judged the rules that are built in judge every request, in shadow: what they hold, and
 * when they give way, is part of the world then. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "runtime/fiber.h"
#include "runtime/stack.h"
#include "world.h"

#define TORTURE_CALLS_MAX 20000u

static struct {
    uint64_t seed, runs, call;
    bool tortures, counts, is_judged, is_loud;
} asked = { .seed = 1, .runs = 1 };

/* The kinds of worlds take turns with the seed. */
static struct world_options options_of(uint64_t seed)
{
    struct world_options o = {
        .seed = seed, .clients_max = 24, .is_judged = asked.is_judged, .is_loud = asked.is_loud
    };
    switch (seed % 8) {
    case 0:
    case 1:
    case 2:
        o.good_weather = o.ends_itself = true;
        break;
    case 3:
        o.fibers_max = 2 + (uint32_t)(seed / 8 % 6);
        break;
    case 4:
        o.buffered_bytes = (1 + seed / 8 % 8) * 16384;
        break;
    case 5:
        o.descriptors = 6 + (uint32_t)(seed / 8 % 20);
        break;
    default:
        break;
    }
    return o;
}

static void run_worlds(void)
{
    struct world_result result, again;
    uint64_t exchanges = 0, complete = 0, simulated_s = 0;
    for (uint64_t i = 0; i < asked.runs; i++) {
        struct world_options o = options_of(asked.seed + i);
        world_run(&o, &result);
        if (i % 8 == 0) { /* the same seed is the same run */
            world_run(&o, &again);
            if (again.hash != result.hash)
                world_fail("two runs with this seed differ");
        }
        exchanges += result.exchanges;
        complete += result.complete;
        simulated_s += (uint64_t)result.simulated_us / 1000000;
    }
    printf("%llu worlds from seed %llu: %llu exchanges, %llu complete, in %llu simulated seconds\n",
           (unsigned long long)asked.runs, (unsigned long long)asked.seed,
           (unsigned long long)exchanges, (unsigned long long)complete,
           (unsigned long long)simulated_s);
}

/* A world with few clients, and one call after the other fails. One failure harms one
 * client, and those who wait to be accepted. */
static void torture(void)
{
    struct world_options o = {
        .seed = asked.seed, .clients_max = 8, .good_weather = true, .ends_itself = true
    };
    o.is_judged = asked.is_judged;
    o.is_loud = asked.is_loud;
    struct world_result result;
    world_run(&o, &result);
    uint64_t calls = result.fallible_calls, harmed = 0;
    if (calls == 0 || calls > TORTURE_CALLS_MAX)
        world_fail("%llu calls may fail", (unsigned long long)calls);
    uint64_t last = asked.call ? asked.call : calls;
    for (o.fail_first = asked.call ? asked.call : 1; o.fail_first <= last; o.fail_first++) {
        o.fail_count = 1;
        world_run(&o, &result);
        if (result.clients_harmed > 1 + result.refused)
            world_fail("one failing call harmed %u clients", result.clients_harmed);
        harmed += result.clients_harmed;
        o.fail_count = 5;
        world_run(&o, &result);
    }
    printf("seed %llu: each of %llu fallible calls has failed, %llu of them harmed a client\n",
           (unsigned long long)asked.seed, (unsigned long long)calls, (unsigned long long)harmed);
}

static int census(void)
{
    static const char *const names[] = { "exchange", "upload", "tunnel" };
    int result = 0;
    run_worlds();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        size_t depth = fiber_stack_high_water(names[i]);
        printf("%-10s %zu of %u bytes\n", names[i], depth, STACK_BYTES_DEFAULT);
        if (depth == 0 || depth > STACK_BYTES_DEFAULT / 2) {
            fprintf(stderr, "simulation: the kind \"%s\" %s\n", names[i],
                    depth ? "uses more than half of its stack" : "did not run");
            result = 1;
        }
    }
    return result;
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (end == text || *end) {
        fprintf(stderr, "simulation: \"%s\" is no number\n", text);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        slice word = slice_from(argv[i]);
        if (slice_equal(word, SLICE("--seed")) && i + 1 < argc)
            asked.seed = number_of(argv[++i]);
        else if (slice_equal(word, SLICE("--runs")) && i + 1 < argc)
            asked.runs = number_of(argv[++i]);
        else if (slice_equal(word, SLICE("--call")) && i + 1 < argc)
            asked.call = number_of(argv[++i]);
        else if (slice_equal(word, SLICE("--torture")))
            asked.tortures = true;
        else if (slice_equal(word, SLICE("--census")))
            asked.counts = true;
        else if (slice_equal(word, SLICE("--judged")))
            asked.is_judged = true;
        else if (slice_equal(word, SLICE("--loud")))
            asked.is_loud = true;
        else {
            fprintf(stderr, "simulation: what is \"%s\"?\n", argv[i]);
            return 2;
        }
    }
    panic_on_report(world_name_seed);
    if (asked.counts) {
        (void)setenv("PORTCULLIS_STACK_CENSUS", "1", 1);
        return census();
    }
    if (asked.tortures)
        for (uint64_t last = asked.seed + asked.runs; asked.seed < last; asked.seed++)
            torture();
    else
        run_worlds();
    return 0;
}
