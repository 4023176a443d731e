#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fiber_internal.h"

#define NAMES_MAX 16u

static struct census {
    const char *name;
    size_t high_water;
} census[NAMES_MAX];
static bool is_on;

void fiber_census_open(void)
{
    is_on = getenv("PORTCULLIS_STACK_CENSUS") != NULL;
}

void fiber_census_begin(const struct fiber *f)
{
    if (is_on)
        stack_paint(&f->stack);
}

void fiber_census_end(const struct fiber *f)
{
    if (!is_on)
        return;
    size_t depth = stack_depth(&f->stack);
    for (uint32_t i = 0; i < NAMES_MAX; i++) {
        if (census[i].name && strcmp(census[i].name, f->name) != 0)
            continue;
        census[i].name = f->name;
        if (depth > census[i].high_water)
            census[i].high_water = depth;
        return;
    }
}

size_t fiber_stack_high_water(const char *name)
{
    for (uint32_t i = 0; i < NAMES_MAX; i++)
        if (census[i].name && strcmp(census[i].name, name) == 0)
            return census[i].high_water;
    return 0;
}

void fiber_census_report(int fd)
{
    for (uint32_t i = 0; i < NAMES_MAX && census[i].name; i++)
        dprintf(fd, "%s %zu\n", census[i].name, census[i].high_water);
}
