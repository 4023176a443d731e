/* The folder of the client's records: JSON files, each replaced whole (written beside, synced,
 * renamed, the folder synced). After a crash at any point a record is the old one or the new one;
 * what was written beside is removed by the next start. */
#pragma once

#include <jansson.h>

#include "base/slice.h"

struct store {
    int folder; /* descriptor; -1: not open */
};

/* Makes the folder (0700) when it is not there. 0 · -errno */
MUST_CHECK int store_open(struct store *s, const char *folder);
void store_close(struct store *s);

/* `kind`: "account", "certificate". `name`: any; what is no letter, digit, '.' or '-' is escaped.
 * 0 · -ENOENT · -EPROTO what stands there is no JSON object · -errno */
MUST_CHECK int store_read(const struct store *s, const char *kind, slice name, json_t **ret);
/* 0 it is on the disk · -errno it is as it was */
MUST_CHECK int store_write(const struct store *s, const char *kind, slice name,
                           const json_t *record);
/* 0, also when there was none · -errno */
int store_remove(const struct store *s, const char *kind, slice name);
