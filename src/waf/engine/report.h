/* What a transaction says of itself, as text. */
#pragma once

#include "base/writer.h"
#include "waf/waf.h"

/* A match as a line never takes more; of its tags that many are in it. */
enum { REPORT_LINE_MAX = 32768, REPORT_TAGS_MAX = 20 };

/* What a line tells of the client's values, where secrets are kept. */
struct report_shown {
    slice uri, msg, data; /* instead of the request's path, and of what the rule says */
    slice location;       /* and of where it redirects */
    const slice *tags;    /* the first REPORT_TAGS_MAX of the rule's; NULL: as they are written */
    bool hides_matches;   /* what matched becomes *** */
};

/* One match as ModSecurity 2 writes it into the error log of its server, without time and without
 * the end of the line, so that filters which look for such lines go on working:
 *
 *     [client 192.0.2.1] ModSecurity: Warning. Pattern match "…" at ARGS:q. [file "…"] [line "1"]
 *     [id "942100"] [msg "…"] [data "…"] [severity "CRITICAL"] [ver "…"] [tag "…"] [hostname "…"]
 *     [uri "/"] [unique_id "…"]
 *
 * Whatever the values hold, it is one line of printable ASCII. shown: NULL where everybody who
 * reads it may know the request. */
void report_line(const struct waf_transaction *t, const struct waf_match *m,
                 const struct report_shown *shown, struct writer *w);

/* Decision, scores, counts and all matches, as one JSON object without line ends. */
void report_json(const struct waf_transaction *t, struct writer *w);

/* pass, allow, deny, drop, redirect */
const char *report_disposition(enum waf_disposition d);
