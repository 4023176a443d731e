/* From drafts to the ruleset: what every rule says, with the defaults and updates in force for it.
 */
#pragma once

#include "waf/seclang/loader.h"

/* A rule while it is put together. */
struct rule_build {
    struct seclang *l;
    struct draft_rule *draft;
    struct rule *rule;
    struct link *link; /* the one in work */
    const struct transform *chain[WAF_TRANSFORMS_MAX];
    unsigned chain_count;
    struct {
        struct macro *items;
        unsigned count, capacity;
    } tags;
    struct {
        struct set_action *items;
        unsigned count, capacity;
    } sets;
    struct {
        struct ctl_action *items;
        unsigned count, capacity;
    } ctls;
    struct {
        struct initcol_action *items;
        unsigned count, capacity;
    } initcols;
};

/* Fills l->rules from the drafts that are not removed. 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int build_ruleset(struct seclang *l);
