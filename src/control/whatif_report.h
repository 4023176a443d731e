/* What `whatif` has found so far: counted by class, and within one by rule and by path, with the
 * first few exchanges of each. It grows with what differs and not with what is read: of rules,
 * paths and samples no more than a bound is told apart. */
#pragma once

#include "control/name_map.h"
#include "control/whatif.h"

#define WHATIF_ROWS_MAX    1000u
#define WHATIF_SAMPLES_MAX 10000u

struct whatif_row {
    struct whatif_row *next;
    uint64_t count;
    uint32_t rule;      /* 0: it was none */
    const char *reason; /* without a rule: "access.deny"; NULL for a path */
    slice text, where;  /* of a path: itself, and its site */
};

/* In the order in which they came up. */
struct whatif_tally {
    struct name_map names;
    struct whatif_row *first, **last;
    uint32_t rows;
    uint64_t others; /* beyond WHATIF_ROWS_MAX */
};

struct whatif_sample {
    struct whatif_sample *next;
    slice id, time, line;
    slice before, after; /* "to app"; "403 waf.sqli: …" */
    bool is_masked;
};

struct whatif_group {
    uint64_t count, masked; /* masked: what the change makes of some values is not known */
    struct whatif_tally rules, paths;
    struct whatif_sample *first, **last;
    uint32_t samples;
};

struct whatif_report {
    struct arena arena;
    uint32_t samples_max;
    const struct configuration *before, *after;
    const char *before_path, *after_path;
    struct whatif_group groups[WHATIF_CLASSES];
    struct {
        uint64_t count;
        struct whatif_sample *first, **last;
        uint32_t samples;
    } doubts[DOUBTS];
    uint64_t exchanges;
    uint64_t others;    /* decided by another configuration than the running one */
    uint64_t not_again; /* decided by the running one, which does not say it again */
    bool counts_matter, lists_matter, responses_matter;
    slice oldest, newest; /* times; empty: none */
    bool is_short;        /* memory was lacking: it is not complete */
};

void whatif_report_open(struct whatif_report *w);
void whatif_report_close(struct whatif_report *w);

/* Judges one and counts it. r NULL: it could not be read. */
void whatif_report_add(struct whatif_report *w, const struct recorded *r);

/* whatif_text.c */
void whatif_print(const struct whatif_report *w);
/* 0 · -ENOMEM */
MUST_CHECK int whatif_print_json(const struct whatif_report *w);
