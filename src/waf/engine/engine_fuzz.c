/* The whole engine: any bytes as a request, against a small set of rules that uses every kind of
 * target and action. What must hold: no crash, one result however often it is run, and work that is
 * bounded by the length. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/fuzz.h"
#include "waf/engine/replay.h"
#include "waf/engine/report.h"
#include "waf/lists.h"
#include "waf/operators/rbl.h"
#include "waf/seclang/seclang.h"

static const char rules_text[] =
    "SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n"
    "SecResponseBodyMimeType text/plain\nSecRequestBodyJsonDepthLimit 64\nSecArgumentsLimit 200\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@rx json\" "
    "\"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@rx xml\" "
    "\"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
    "SecRule REQUEST_HEADERS:Content-Type \"@rx plain\" "
    "\"id:3,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On\"\n"
    "SecRule REQUEST_HEADERS|REQUEST_COOKIES|!REQUEST_HEADERS:/^x-/ \"@rx (\\w+)=(\\w*)\" "
    "\"id:4,phase:1,deny,log,capture,setvar:'tx.n_%{tx.1}=%{tx.2}',logdata:'%{MATCHED_VAR}'\"\n"
    "SecRule TX:/^n_/ \"@rx x\" \"id:5,phase:1,pass,log\"\n"
    "SecRule ARGS|ARGS_NAMES|XML:/*|XML://@*|REQUEST_BODY|FILES|MULTIPART_PART_HEADERS \"@rx "
    "[a-c]+\" "
    "\"id:6,phase:2,block,log,t:urlDecodeUni,t:htmlEntityDecode,t:jsDecode,t:lowercase,chain,"
    "setvar:tx.anomaly_score=+5\"\n"
    "SecRule MATCHED_VARS \"@pm abc b\" \"t:removeWhitespace,capture,setvar:tx.anomaly_score=+1\"\n"
    "SecRule ARGS \"@detectSQLi\" \"id:7,phase:2,pass,log,multiMatch,t:base64Decode,t:urlDecode\"\n"
    "SecRule ARGS|REQUEST_FILENAME \"@detectXSS\" \"id:8,phase:2,pass,log,t:utf8toUnicode,"
    "t:urlDecodeUni\"\n"
    "SecRule &ARGS \"@gt 3\" \"id:9,phase:2,pass,nolog,ctl:ruleRemoveTargetById=6-8;ARGS:/^a/\"\n"
    "SecRule REQBODY_ERROR|MULTIPART_STRICT_ERROR|URLENCODED_ERROR \"!@eq 0\" "
    "\"id:10,phase:2,deny,status:400,log,logdata:'%{REQBODY_ERROR_MSG}'\"\n"
    "SecRule TX:anomaly_score \"@ge 5\" \"id:11,phase:2,deny,log\"\n"
    "SecRule ARGS|REQUEST_HEADERS \"@rbl list.example\" "
    "\"id:13,phase:2,pass,log,capture,logdata:'%{tx.0}'\"\n"
    "SecRule RESPONSE_BODY \"@contains x\" \"id:12,phase:4,deny,log\"\n";

static struct ruleset *load(void)
{
    static const struct seclang_world nothing = { 0 };
    struct seclang *load = NULL;
    struct ruleset *rules = NULL;
    ASSERT(seclang_open(&nothing, &load) == 0);
    ASSERT(seclang_text(load, SLICE("fuzz.conf"), slice_from(rules_text)) == 0);
    ASSERT(seclang_finish(load, &rules) == 0);
    seclang_close(load);
    ASSERT(waf_prepare(rules) == 0);
    return rules;
}

enum { ARENA_MAX = 256 << 20, REPORT_MAX = 4 << 20, STEPS_FIXED = 2000000, STEPS_EACH = 4000 };

/* Half of all names is listed; what is asked for must be a name of the DNS. */
static int find(struct waf_lists *lists, const struct list_question *q, uint8_t ret_address[4])
{
    (void)lists;
    ASSERT(q->name.len > q->list_bytes && q->name.len <= RBL_NAME_MAX);
    for (size_t i = 0; i < q->name.len; i++)
        ASSERT(isalnum((unsigned char)q->name.ptr[i]) || strchr("-_.", q->name.ptr[i]));
    memcpy(ret_address, (uint8_t[]){ 127, 0, 0, 2 }, 4);
    return q->name.ptr[0] & 1;
}

static size_t judge(const struct ruleset *rules, bool remembers, slice input, char *report)
{
    struct arena arena = { 0 };
    struct work work;
    struct waf_transaction *t = NULL;
    struct waf_lists lists = { find };
    const struct waf_world world = { .remembers = remembers,
                                     .lists = &lists,
                                     .now_ms = 1700000000000,
                                     .unique_id = SLICE("id"),
                                     .client = { SLICE("192.0.2.1"), 1 },
                                     .server = { SLICE("192.0.2.2"), 2 } };
    arena_open(&arena, NULL, 0, 65536, ARENA_MAX);
    work_open(&work, 0, NULL, NULL);
    ASSERT(waf_open(rules, &world, &arena, &work, &t) == 0);
    int result = replay_run(t, &arena, &work, input,
                            SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nx"));
    ASSERT(result == 0 || result == -EINVAL || result == -E2BIG || result == -ENOMEM ||
           result == -EDQUOT);
    ASSERT(waf_counts(t).steps <= STEPS_FIXED + (uint64_t)input.len * STEPS_EACH);
    struct writer w = writer_over(report, REPORT_MAX);
    report_json(t, &w);
    for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
        char line[REPORT_LINE_MAX];
        struct writer l = writer_over(line, sizeof(line));
        report_line(t, m, NULL, &l);
        ASSERT(!l.overflowed && !memchr(line, '\n', l.len));
    }
    arena_close(&arena);
    return w.len;
}

/* Without the counts: automata, and what is known of values, spare work the next time. */
static slice but_counts(char *report, size_t len)
{
    slice all = slice_of(report, len);
    size_t from = slice_find(all, SLICE("\"counts\":")),
           to = slice_find(all, SLICE("},\"matches\""));
    size_t kept = 0;
    for (size_t i = 0; i < len; i++)
        if (i <= from || i >= to)
            report[kept++] = report[i];
    return slice_of(report, kept);
}

/* Each time it is judged the same: new, and the more is known of its values and of others. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    enum { TIMES_KNOWN = 4 };
    static struct ruleset *rules;
    static char *reports[2];
    if (!rules) {
        rules = load();
        reports[0] = malloc(REPORT_MAX);
        reports[1] = malloc(REPORT_MAX);
        ASSERT(reports[0] && reports[1]);
    }
    size_t len = judge(rules, false, fuzz_input(bytes, count), reports[0]);
    slice first = but_counts(reports[0], len);
    for (unsigned i = 0; i < TIMES_KNOWN; i++) {
        len = judge(rules, true, fuzz_input(bytes, count), reports[1]);
        ASSERT(slice_equal(first, but_counts(reports[1], len)));
    }
    return 0;
}
