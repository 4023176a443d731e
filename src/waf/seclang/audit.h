/* What the directives and the ctl options of the audit log say. */
#pragma once

#include "waf/seclang/loader.h"

struct audit_part_row {
    const char *letter;
    bool is_nothing;     /* it is read, and adds nothing to a record */
    const char *meaning; /* what it adds, or why nothing */
};

extern const struct audit_part_row waf_audit_parts_table[];
extern const unsigned waf_audit_part_count;

/* Letters of ModSecurity, as bits of AUDIT_PART. `what` for the error. 0 · -EINVAL noted */
MUST_CHECK int audit_parts_parse(struct seclang *l, slice letters, const char *what,
                                 uint32_t *ret_parts);

/* Which statuses the regular expression means: a bit for each below AUDIT_STATUSES.
 * 0 · -EINVAL noted · -ENOMEM */
MUST_CHECK int audit_statuses_parse(struct seclang *l, slice regex, uint64_t *to);
