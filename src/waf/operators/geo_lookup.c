/* geoLookup: it is known where in the world the address is; a match fills GEO. Asks the database
 * that SecGeoLookupDb names; without one nothing matches. */
#include "waf/operators/table.h"

static int prepare(struct operator_setup *setup, UNUSED slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    return operator_take_world(setup, ret_prepared);
}

static int evaluate(const void *prepared, UNUSED slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    const struct operator_world *world = prepared;
    return world->geo_lookup ? world->geo_lookup(world->context, value) : 0;
}

const struct operator operator_geo_lookup = {
    .name = "geoLookup",
    .prepare = prepare,
    .evaluate = evaluate,
    .fills_geo = true,
    .meaning = "The value is an address whose place is known, which GEO then tells; without a "
               "database nothing matches.",
    .example = "SecRule REMOTE_ADDR \"@geoLookup\" \"id:1,phase:1,pass,nolog\"",
};
