/* Time outside the loop. Inside a worker use loop_now_ms(), which is read once per turn. */
#pragma once

#include <stdint.h>

int64_t clock_monotonic_ns(void);
int64_t clock_monotonic_ms(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
