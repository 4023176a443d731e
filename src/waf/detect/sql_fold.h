/* The fingerprint of a value: the letters of its first tokens, folded so that what means the same
 * to the grammar looks the same. For people and for logs; nothing is decided by it. */
#pragma once

#include "waf/detect/sql_token.h"
#include "waf/detect/sqli.h"

/* 0 · -errno of the work. */
MUST_CHECK int sql_fold(slice value, enum sql_place place, bool is_mysql, struct work *work,
                        char ret_fingerprint[SQLI_FINGERPRINT_MAX + 1]);
