/* A simulated world for one process: a clock that jumps to the next thing that happens, an agenda
 * of what will, random numbers from a seed, and faults. Together with descriptor.h it is the twin
 * of poller_epoll.c behind runtime/poller.h; the simulated network (net/sim) is built on it. Only
 * tests link it.
 *
 * Everything that happens follows from the seed. What the program does is mixed into a hash: two
 * runs with one seed that differ in it were not the same run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

void simulation_open(uint64_t seed);
void simulation_close(void);

/* --- Chance ----------------------------------------------------------------------------------- */

uint64_t simulation_below(uint64_t bound); /* 0 .. bound - 1; 0 for 0 */
bool simulation_chance(uint32_t percent);
/* Small numbers often, large ones sometimes: 0 .. bound, evenly over the number of its bits. */
uint64_t simulation_skewed(uint64_t bound);

/* --- Time ------------------------------------------------------------------------------------- */

int64_t simulation_now_us(void);

/* Something that will happen. Its owner keeps the memory until it has, or is cleared. */
struct happening {
    int64_t at_us;
    uint64_t number;                    /* of two at one moment the one planned first */
    void (*happen)(struct happening *); /* on the loop's stack; may plan and clear */
    size_t place;                       /* private: in the agenda, plus one; 0 not planned */
    bool is_small; /* may happen in the middle of a turn, between two system calls */
};

void happening_plan(struct happening *h, int64_t in_us); /* moves it when it was planned */
void happening_clear(struct happening *h);

/* A system call takes time, and the world goes on meanwhile. */
void simulation_call(void);

/* --- Memory ----------------------------------------------------------------------------------- */

/* Zeroed; lives until simulation_close. The simulation never takes from malloc, whose calls belong
 * to the program that is tested: they are counted, and made to fail. */
void *simulation_take(size_t bytes);

/* --- What is told from runs ------------------------------------------------------------------- */

void simulation_note(uint64_t word);
uint64_t simulation_hash(void);

/* --- Faults ----------------------------------------------------------------------------------- */

/* Every call that may be refused for lack of something (memory, a descriptor) asks this. True for
 * the calls number `first` .. `first + count - 1` since simulation_fail; 0: none. */
bool simulation_fails(void);
void simulation_fail(uint64_t first, uint64_t count);
uint64_t simulation_fallible_calls(void); /* since simulation_fail */
