/* Where in the world addresses are: what @geoLookup asks and GEO tells. The database is the
 * caller's, for the engine opens no files; it belongs to the rules that name it (SecGeoLookupDb).
 */
#pragma once

#include "base/arena.h"

/* The members of GEO, as ModSecurity 2 has them. */
enum geo_member {
    GEO_COUNTRY_CODE,      /* ISO 3166-1: DE */
    GEO_COUNTRY_NAME,      /* in English */
    GEO_COUNTRY_CONTINENT, /* two letters: EU */
    GEO_REGION,            /* ISO 3166-2, without the country: BY */
    GEO_CITY,              /* in English */
    GEO_POSTAL_CODE,
    GEO_LATITUDE, /* degrees, with a point */
    GEO_LONGITUDE,
    GEO_DMA_CODE, /* of the United States */
    GEO_MEMBER_COUNT
};

/* ptr NULL: not known. */
struct geo_place {
    slice members[GEO_MEMBER_COUNT];
};

struct geo_database {
    /* ret NULL: only whether the address is known. Texts lie in the database or in the arena.
     * 1 · 0 not known, or no address · -ENOMEM */
    int (*find)(struct geo_database *database, slice address, struct arena *arena,
                struct geo_place *ret);
    void (*close)(struct geo_database *database);
};

/* COUNTRY_CODE … */
extern const char *const geo_member_names[GEO_MEMBER_COUNT];
