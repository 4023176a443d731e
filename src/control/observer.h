/* The observer: what need not be near the requests. It resolves names, asks lists in the DNS, and
 * answers the admin socket and the addresses of `metrics` and `admin`: status, metrics, liveness,
 * and the commands that it hands on to the supervisor. On TCP it only tells, it never commands. */
#pragma once

#include "control/boot.h"

/* Exit code. */
int observer_main(struct boot_record *boot);
