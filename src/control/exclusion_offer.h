/* From what the rules found in an exchange to what would undo it: for each rule that contributed,
 * and each value that it found something in, exclusions as statements of the configuration
 * language, from narrow to broad.
 *
 *     exclude rule 942100 arg body on /blog/save
 *     exclude rule 942100 on /blog/save
 *     exclude rule 942100
 *
 * The exchange is a JSON object as the observer tells it (GET /exchanges/ID). Pure. */
#pragma once

#include <jansson.h>

#include "base/arena.h"

#define EXCLUSION_OFFERS_MAX 32u

enum exclusion_breadth {
    EXCLUSION_NARROW, /* this value, on this path; without a place of its own: the rule on this path
                       */
    EXCLUSION_PATH,   /* the rule on this path; without a place: on all paths of the folder */
    EXCLUSION_RULE,   /* the rule everywhere */
    EXCLUSION_BREADTHS
};

struct exclusion_offer {
    uint32_t rule;
    slice msg, target;               /* of the rule; "ARGS:body" */
    slice words[EXCLUSION_BREADTHS]; /* "exclude rule …", without `because` and `until` */
};

/* What a rule of the Core Rule Set enforces that its crs-setup.conf sets: "rule 900220, which types
 * of bodies may come". NULL: nothing of that kind. */
const char *exclusion_setting(uint32_t rule);

struct exclusion_offers {
    struct exclusion_offer items[EXCLUSION_OFFERS_MAX];
    uint32_t count;
    slice host, path; /* what the exchange asked for */
};

/* Texts are in the arena, or in the JSON value as long as that lives. Rules that only add up what
 * others have found are left out where others have, and all but the one that has refused by itself
 * where one has. 0, also when there is nothing to offer ·
 * -EINVAL it is no such object · -ENOMEM */
MUST_CHECK int exclusion_offers(const json_t *exchange, struct arena *a,
                                struct exclusion_offers *ret);
