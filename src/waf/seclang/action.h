/* Actions: what a rule is called, when it runs, and what happens when it matches. One table names
 * them all. They are read into typed values where they stand, and applied when the rule is built:
 * first those of SecDefaultAction, then the rule's own, then those of SecRuleUpdateActionById. */
#pragma once

#include "waf/seclang/loader.h"

struct rule_build;

/* What an action is about; decides where it may stand. */
enum action_kind {
    ACTION_METADATA, /* describes the rule: heads of chains only */
    ACTION_PHASE,
    ACTION_DISRUPTIVE,
    ACTION_FLOW,  /* skip, skipAfter */
    ACTION_CHAIN, /* the next rule is a link */
    ACTION_LOG,
    ACTION_LINK,    /* each link of a chain has its own */
    ACTION_NOTHING, /* accepted without effect */
    ACTION_REFUSED,
};

enum action_value { VALUE_NONE, VALUE_OPTIONAL, VALUE_NEEDED };

enum action_place {
    PLACE_RULE, /* or the head of a chain */
    PLACE_LINK, /* behind the head */
    PLACE_DEFAULT,
    PLACE_UPDATE,
};

struct action_row {
    const char *name;
    enum action_kind kind;
    enum action_value value;
    /* Types the value; at: for errors. 0 · -EINVAL noted · -ENOMEM. NULL: it is only a word. */
    int (*read)(struct seclang *l, struct action *action);
    /* Puts it into the rule. NULL: the loader has asked for it before (id, phase, chain). */
    int (*apply)(struct rule_build *b, const struct action *action);
    const char *meaning; /* ACTION_NOTHING, ACTION_REFUSED: why */
};

extern const struct action_row waf_actions[];
extern const unsigned waf_action_count;

/* NULL when there is none. */
const struct action_row *action_find(slice name);

/* Reads a list of actions parted by commas and adds them. Goes on after a wrong one.
 * 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int actions_parse(struct seclang *l, slice text, enum action_place place,
                             struct actions *actions);

/* The last of that name; NULL. */
const struct action *actions_last(const struct actions *actions, const char *name);

/* setting.c: setvar, expirevar, deprecatevar, setenv, initcol and their kin */
MUST_CHECK int action_read_setvar(struct seclang *l, struct action *action);
MUST_CHECK int action_read_expirevar(struct seclang *l, struct action *action);
MUST_CHECK int action_read_deprecatevar(struct seclang *l, struct action *action);
MUST_CHECK int action_read_setenv(struct seclang *l, struct action *action);
MUST_CHECK int action_read_initcol(struct seclang *l, struct action *action);
MUST_CHECK int action_read_session(struct seclang *l, struct action *action);

/* ctl.c */
struct ctl_word {
    const char *name, *form, *meaning;
    bool is_refused, is_without_effect;
};

/* The options in the order of their names. False: there are no more. */
bool ctl_word_at(unsigned index, struct ctl_word *ret);

MUST_CHECK int action_read_ctl(struct seclang *l, struct action *action);

/* The next of several ids and ranges in one word, parted by commas or white space; false at the
 * end. */
bool id_list_next(slice *rest, slice *ret);

/* "5" or "5-9". 0 · -EINVAL noted */
MUST_CHECK int id_range_parse(struct seclang *l, slice text, struct id_range *ret_range);
