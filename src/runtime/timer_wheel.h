/* The wheel behind timer.h: four levels of 256 slots over 1 ms, 256 ms, 65 s and 4.6 h. Only the
 * loop includes this. */
#pragma once

#include <stdint.h>

void timer_wheel_open(int64_t now_ms);
/* Fires what is due at or before now_ms. */
void timer_wheel_advance(int64_t now_ms);
/* A moment at or before the next timer's; NEVER when none is set. */
int64_t timer_wheel_next(void);
