/* Statements added to the `waf` of a place in a configuration: in the text of its file, in the
 * smallest way, so that comments and layout stay as they are. Nothing is written to disk.
 *
 * The place is the nearest one: the `waf` that stands in the route, else the one in the site, else
 * a new one in the site. What comes from a policy or from `defaults` is not touched, because others
 * share it. */
#pragma once

#include "control/loader.h"

struct config_edit {
    slice path;          /* of the file, as the configuration names it */
    slice before, after; /* its text */
    slice where;         /* "portcullis.conf:12:3": the statement that is changed */
};

/* route: of l->c. statements: without line ends. after is in the loader's scratch memory.
 * 0 · -ENOENT the route is of no site that is written · -ENOMEM */
MUST_CHECK int config_edit_waf(struct loader *l, const struct route *route, const slice *statements,
                               uint32_t count, struct config_edit *ret);

/* Runs the loader on the configuration as it would be with the edit. As loader_run(). */
MUST_CHECK int config_edit_check(const struct config_edit *edit, const char *config,
                                 struct loader *l, struct diagnostics *d);
