/* `log rules`: a line for each match of a rule, as ModSecurity writes them into the error log of
 * Apache, so that programs that look for such lines go on working. Only where it is written. Times
 * are UTC and say so: whoever reads them need not know where they were written. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "waf/engine/report.h"

/* Of one exchange; those that decided always. */
#define LINES_MAX      32u
#define URI_BYTES_MAX  512u
#define DATA_BYTES_MAX 1500u

static void put_plain(struct writer *w, slice s)
{
    writer_slice_add(w, s);
}

/* report_line escapes. */
static const struct log_escape plain = { .write = put_plain, .cut = SLICE("...") };

static slice mask(slice text, char *memory, size_t bytes_max)
{
    struct writer w = writer_over(memory, bytes_max);
    log_put_masked(&w, text, bytes_max, &plain);
    return writer_slice(&w);
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
    static char uri[URI_BYTES_MAX], data[DATA_BYTES_MAX];
    static const struct report_shown nothing = { .data = SLICE("***"), .hides_matches = true };
    struct writer w;
    if (!log_line_begin(LOG_RULES, &w))
        return;
    slice target = x->request.target;
    struct report_shown shown = { .uri = mask(slice_first(target, slice_find_byte(target, '?')),
                                              uri, sizeof uri),
                                  .data = mask(m->logdata, data, sizeof data) };
    if (waf_hides_values(m)) {
        shown.data = m->logdata.len ? nothing.data : m->logdata;
        shown.hides_matches = true;
    }
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
