/* Zero configuration: what `portcullis --to ADDRESS` means, written as the file it stands for. */
#pragma once

#include "base/writer.h"
#include "proxy/configuration.h"

#define QUICK_START_WORDS_MAX 64u
#define QUICK_START_BYTES_MAX 16384u

struct quick_start {
    const char **to; /* each may hold several, separated by commas */
    uint32_t to_count;
    const char **listens;
    uint32_t listen_count;
    const char **hosts;
    uint32_t host_count;
    bool is_shadow; /* --shadow: the WAF refuses nothing */
    bool prints;    /* --print-config */
    const char *state_folder;
};

void quick_start_write(struct writer *w, const struct quick_start *q);
/* What is served where, in a few lines for the one who started it. */
void quick_start_greet(const struct configuration *c, int fd);
