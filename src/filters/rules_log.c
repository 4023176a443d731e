/* `log rules`: a line for each match of a rule, as ModSecurity writes them into the error log of
 * Apache, so that programs that look for such lines go on working. Only where it is written. Times
 * are UTC and say so: whoever reads them need not know where they were written. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "filters/waf_shown.h"
#include "waf/engine/report.h"

/* Of one exchange; those that decided always. */
#define LINES_MAX      32u
#define URI_BYTES_MAX  512u
#define DATA_BYTES_MAX 1500u
#define TAG_BYTES_MAX  128u

static void put_plain(struct writer *w, slice s)
{
    writer_slice_add(w, s);
}

/* report_line escapes. */
static const struct log_escape plain = { .write = put_plain, .cut = SLICE("...") };

/* Texts of one line, and their memory. */
struct texts {
    char uri[URI_BYTES_MAX], msg[DATA_BYTES_MAX], data[DATA_BYTES_MAX], location[URI_BYTES_MAX];
    char tag_texts[REPORT_TAGS_MAX][TAG_BYTES_MAX];
    slice tags[REPORT_TAGS_MAX];
};

static slice mask_target(slice target, char *memory, size_t bytes_max)
{
    struct writer w = writer_over(memory, bytes_max);
    log_put_masked(&w, target, bytes_max, &plain);
    return writer_slice(&w);
}

static slice mask_text(slice text, char *memory, size_t bytes_max)
{
    struct writer w = writer_over(memory, bytes_max);
    log_put_value(&w, text, bytes_max, &plain);
    return writer_slice(&w);
}

static const slice *mask_tags(const struct waf_transaction *t, const struct waf_match *m,
                              struct texts *texts)
{
    for (unsigned i = 0; i < m->rule->tag_count && i < REPORT_TAGS_MAX; i++)
        texts->tags[i] = mask_text(waf_shown_tag(t, m, i), texts->tag_texts[i], TAG_BYTES_MAX);
    return texts->tags;
}

static void write_line(struct writer *w, const struct exchange *x, const struct waf_match *m,
                       const struct report_shown *shown)
{
    writer_byte(w, '[');
    log_write_time(w, x->times.wall_ms);
    writer_literal(w, "] [security2:error] [pid ");
    writer_decimal(w, log_worker_pid());
    writer_literal(w, "] ");
    report_line(x->waf->transaction, m, shown, w);
}

static void tell(const struct exchange *x, const struct waf_match *m)
{
    static struct texts texts;
    static const struct report_shown nothing = { .data = SLICE("***"), .hides_matches = true };
    const struct waf_transaction *t = x->waf->transaction;
    struct writer w;
    if (!log_line_begin(LOG_RULES, &w))
        return;
    slice path = slice_first(x->request.target, slice_find_byte(x->request.target, '?'));
    struct report_shown shown = {
        .uri = mask_target(path, texts.uri, sizeof texts.uri),
        .msg = mask_text(waf_shown_msg(t, m), texts.msg, sizeof texts.msg),
        .data = mask_text(waf_shown_data(t, m), texts.data, sizeof texts.data),
        .location = mask_target(waf_shown_location(t), texts.location, sizeof texts.location),
        .tags = m->tags ? mask_tags(t, m, &texts) : NULL,
        .hides_matches = waf_hides_values(m),
    };
    for (unsigned i = 0; i < m->findings; i++)
        shown.hides_matches |= waf_finding_is_unclear(m, i);
    write_line(&w, x, m, &shown);
    if (w.overflowed || w.len >= LOG_LINE_BYTES_MAX) { /* no client keeps its line out */
        w = writer_over(w.ptr, LOG_LINE_BYTES_MAX);
        write_line(&w, x, m, &nothing);
    }
    log_line_end(LOG_RULES, &w);
}

static void on_finish(struct exchange *x)
{
    unsigned lines = 0;
    if (!x->configuration->logs[LOG_RULES].is_on || !x->waf || !x->waf->transaction)
        return;
    for (const struct waf_match *m = waf_matches(x->waf->transaction); m; m = m->next)
        if (m->is_logged && (m->enacted > WAF_ALLOW || lines++ < LINES_MAX))
            tell(x, m);
}

const struct filter rules_log_filter = {
    .on_finish = on_finish,
};
