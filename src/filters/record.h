/* An exchange as one JSON object, which begins with the id: what `recent` keeps in memory and `log
 * audit` writes. Secrets are masked while it is written. Every text has a bound, and so has the
 * whole, whatever a client sends. */
#pragma once

#include "filters/waf.h"

enum record_part {
    RECORD_REQUEST = 1, /* its line and fields */
    RECORD_BODY = 2,    /* as far as the WAF has held it */
    RECORD_FILES = 4,   /* with the contents of uploaded files */
    RECORD_RESPONSE = 8,
    RECORD_RULES = 16,
    RECORD_PRODUCER = 32,     /* and the address the client came to */
    RECORD_ORIGIN_HEAD = 64,  /* of the response, as rules have seen it */
    RECORD_ORIGIN_BODY = 128, /* as far as they have */
};

struct record_wish {
    unsigned parts;
    size_t bytes_max, body_bytes_max;
    bool (*is_told)(const struct waf_match *m); /* of RECORD_RULES */
    unsigned rules_max;
};

/* The least that bytes_max can be: then only a configuration with names of kilobytes makes a record
 * too long (w->overflowed). */
#define RECORD_BYTES_MIN (16u << 10)

void exchange_record_write(struct writer *w, const struct exchange *x,
                           const struct record_wish *wish);
