/* All filters there are. Each is described at the top of its own file; their order stands in
 * filters.c. */
#pragma once

#include "proxy/filter.h"

extern const struct filter https_filter;        /* https.c: the way to HTTPS, HSTS */
extern const struct filter access_filter;       /* access.c: allow and deny */
extern const struct filter mtls_filter;         /* mtls.c: clients' certificates */
extern const struct filter early_data_filter;   /* early_data.c: before the handshake is complete */
extern const struct filter waf_filter;          /* waf.c: SecLang rules */
extern const struct filter answer_filter;       /* answer.c: redirect and respond */
extern const struct filter headers_filter;      /* headers.c: set, add, remove */
extern const struct filter metrics_filter;      /* metrics.c: counters */
extern const struct filter access_log_filter;   /* access_log.c: the request log */
extern const struct filter security_log_filter; /* security_log.c: refusals */
extern const struct filter recent_filter;       /* recent.c: kept for `explain` */
extern const struct filter rules_log_filter;    /* rules_log.c: what rules found, as lines */
extern const struct filter audit_log_filter;    /* audit_log.c: what the WAF saw and said */

/* Counts by reason what was refused, or else went wrong; also for connections that never had an
 * exchange. */
void metrics_count_reason(const char *reason, bool is_refusal);
