/* The order of all filters. Order is security: text order in the configuration never changes it. */
#include "proxy/filter.h"

#include "filters/filters.h"

const struct filter *const filters_in_order[] = {
    &https_filter,        /* before anything is told in plain text */
    &access_filter,       /* who may not come in learns nothing of what is behind */
    &early_data_filter,   /* what may have been sent again changes nothing */
    &mtls_filter,         /* who it is, behind whether it may ask at all */
    &waf_filter,          /* what it asks, once it may ask at all */
    &answer_filter,       /* redirect and respond, before an origin is asked */
    &headers_filter,      /* edits: of what is really sent, so behind every decision */
    &recent_filter,       /* the whole story of the last ones: there before any log names one */
    &metrics_filter,      /* counts what happened, whoever decided it */
    &access_log_filter,   /* one line per exchange, always */
    &security_log_filter, /* one line per refusal */
    &rules_log_filter,    /* and one for each rule, where it is asked for */
    &audit_log_filter,    /* and whole records */
    NULL,
};
