/* The variables of one transaction: TX, and by the same means ENV. Names that stand in the rules
 * have slots, made at load; names that are put together at run time lie in a small list. Numbers
 * are kept as numbers, because most rules count and compare. Names are lower case. */
#pragma once

#include "base/arena.h"
#include "waf/rule.h"

enum tx_kind { TX_ABSENT, TX_NUMBER, TX_TEXT };

struct tx_value {
    enum tx_kind kind;
    int64_t number;
    slice text; /* of TX_NUMBER too, once somebody asked; else ptr NULL */
};

enum { TX_NAMES_MAX = 2000 };

struct tx_name {
    slice name;
    uint32_t hash;
    struct tx_value value;
};

struct tx_names {
    struct tx_name *items;
    unsigned count, capacity;
};

struct tx_values {
    struct tx_value *slots; /* by slot */
    struct tx_names names;  /* without one */
};

/* The value of a name among those without a slot; NULL when there is none. */
struct tx_value *tx_name_find(struct tx_names *names, slice name);

/* The same, made when there is none; the name must live as long as the transaction. Valid until the
 * next one is made. 0 · -ENOMEM · -EDQUOT there are TX_NAMES_MAX */
MUST_CHECK int tx_name_make(struct tx_names *names, struct arena *arena, slice name,
                            struct tx_value **ret);

/* As tx_name_find, whatever the case of the name. */
struct tx_value *tx_name_find_fold(struct tx_names *names, slice name);

/* Sets a text; what is a number becomes one. The text must live as long as the transaction. */
void tx_set(struct tx_value *v, slice text);
void tx_set_number(struct tx_value *v, int64_t number);

/* 0 when absent or no number. */
int64_t tx_number(const struct tx_value *v);

/* Empty when absent. 0 · -ENOMEM */
MUST_CHECK int tx_text(struct tx_value *v, struct arena *arena, slice *ret_text);
