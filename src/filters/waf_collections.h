/* Where this worker's rules keep what outlives a request: the table in shared memory, with all
 * other workers. */
#pragma once

struct waf_store;

/* NULL: nothing is kept. */
struct waf_store *waf_collections(void);
