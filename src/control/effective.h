/* Every setting that is in force for one path of one site, and where each comes from: the built-in
 * default, or the line of defaults, policy, site or route. Works on a loader that has run: on the
 * statements themselves, so that what is shown is what was written. */
#pragma once

#include "control/loader.h"

#define EFFECTIVE_SETTINGS_MAX 1024u

struct effective_setting {
    const char *name; /* "timeout idle" */
    slice value;      /* as written */
    slice where;      /* "portcullis.conf:12:3", or "built in" */
    const struct directive *row;
    slice
        parts[2]; /* "strict" and "mode shadow", where a row's arguments are inherited one by one */
};

struct effective {
    const struct site *site;
    const struct route *route;
    struct effective_setting *settings; /* in the loader's scratch memory */
    uint32_t count;
};

/* host and path as a request would have them. NULL, or what is wrong. */
const char *effective_find(struct loader *l, slice host, slice path, struct effective *ret);
