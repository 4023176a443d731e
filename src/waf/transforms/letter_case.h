/* What lowercase and uppercase share. */
#pragma once

#include "waf/transforms/run.h"

/* A step: the bytes from `first` to `last`, letters of one case of ASCII, get the other one. */
void letter_case_change(struct transform_run *run, size_t bytes_max, unsigned first, unsigned last);
