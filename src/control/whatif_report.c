#include "control/whatif_report.h"

#include <errno.h>

#include "base/writer.h"
#include "control/reason.h"

#define OWN_BYTES_MAX (256u << 20)
#define RUN_BYTES_MAX ((size_t)1 << 30) /* of both runs of one exchange */
#define TEXT_BYTES    1024u
#define SHOWN_BYTES   400u

static void tally_open(struct whatif_tally *t, struct arena *a)
{
    name_map_open(&t->names, a);
    t->last = &t->first;
}

void whatif_report_open(struct whatif_report *w)
{
    arena_open(&w->arena, NULL, 0, 256u << 10, OWN_BYTES_MAX);
    for (unsigned i = 0; i < WHATIF_CLASSES; i++) {
        tally_open(&w->groups[i].rules, &w->arena);
        tally_open(&w->groups[i].paths, &w->arena);
        w->groups[i].last = &w->groups[i].first;
    }
    for (unsigned i = 0; i < DOUBTS; i++)
        w->doubts[i].last = &w->doubts[i].first;
}

void whatif_report_close(struct whatif_report *w)
{
    arena_close(&w->arena);
}

/* What is kept of a text beyond the exchange. */
static slice keep(struct whatif_report *w, slice text)
{
    slice copy = arena_copy(&w->arena, slice_first(text, SHOWN_BYTES));
    if (text.len && !copy.ptr)
        w->is_short = true;
    return copy.ptr ? copy : slice_of("", 0);
}

/* --- Rows ------------------------------------------------------------------------------------- */

static int add_row(struct whatif_report *w, struct whatif_tally *t, slice key,
                   const struct whatif_row *like)
{
    struct whatif_row *row = arena_take(&w->arena, sizeof *row);
    slice name = arena_copy(&w->arena, key);
    if (!row || !name.ptr)
        return -ENOMEM;
    *row = (struct whatif_row){ .count = 1, .rule = like->rule, .reason = like->reason };
    row->text = keep(w, like->text);
    row->where = keep(w, like->where);
    TRY(name_map_add(&t->names, name, row));
    *t->last = row;
    t->last = &row->next;
    t->rows++;
    return 0;
}

static void count_row(struct whatif_report *w, struct whatif_tally *t, slice key,
                      const struct whatif_row *like)
{
    struct whatif_row *known = name_map_find(&t->names, key);
    if (known)
        known->count++;
    else if (t->rows == WHATIF_ROWS_MAX)
        t->others++;
    else if (add_row(w, t, key, like) != 0)
        w->is_short = true;
}

struct counting {
    struct whatif_report *w;
    struct whatif_tally *tally;
};

static void count_rule(void *context, const struct waf_match *m)
{
    struct counting *c = context;
    char key[32], where[512];
    struct writer k = writer_over(key, sizeof key), w = writer_over(where, sizeof where);
    writer_format(&k, "%u", m->rule->id);
    writer_format(&w, "%.*s:%u", SLICE_ARGUMENTS(slice_first(m->rule->file, 480)), m->rule->line);
    count_row(c->w, c->tally, writer_slice(&k),
              &(struct whatif_row){
                  .rule = m->rule->id, .text = m->rule->msg.source, .where = writer_slice(&w) });
}

static void count_reason(struct whatif_report *w, struct whatif_group *g, const char *reason,
                         slice text, slice where)
{
    char key[TEXT_BYTES];
    struct writer k = writer_over(key, sizeof key);
    writer_format(&k, "%s\n%.*s", reason, SLICE_ARGUMENTS(slice_first(where, 480)));
    count_row(w, &g->rules, writer_slice(&k),
              &(struct whatif_row){ .reason = reason, .text = text, .where = where });
}

/* By rule, or by what else has refused it. */
static void count_rules(struct whatif_report *w, struct whatif_group *g,
                        const struct dry_result *run)
{
    struct counting c = { w, &g->rules };
    bool by_waf = run->would_refuse || strncmp(run->reason, "waf.", 4) == 0;
    if (!by_waf || !whatif_rules(run, count_rule, &c))
        count_reason(w, g, run->reason, run->text, run->where);
}

/* What refused it until now; of what the record alone tells, the word. */
static void count_before(struct whatif_report *w, struct whatif_group *g,
                         const struct whatif_verdict *v, const struct recorded *r)
{
    const struct reason_description *reason = reason_find(r->reason);
    if (v->by_record && reason)
        count_reason(w, g, reason->name, SLICE(""), SLICE(""));
    else
        count_rules(w, g, &v->before);
}

static void count_path(struct whatif_report *w, struct whatif_group *g,
                       const struct whatif_verdict *v, const struct recorded *r)
{
    const struct dry_result *run = v->after.path.len ? &v->after : &v->before;
    char key[TEXT_BYTES];
    struct writer k = writer_over(key, sizeof key);
    slice path = slice_first(run->path.len ? run->path : r->line, SHOWN_BYTES);
    slice site = run->site ? slice_first(run->site->name, 255) : slice_of("", 0);
    writer_slice_add(&k, site);
    writer_byte(&k, '\n');
    writer_slice_add(&k, path);
    count_row(w, &g->paths, writer_slice(&k), &(struct whatif_row){ .text = path, .where = site });
}

/* --- Samples ---------------------------------------------------------------------------------- */

static slice describe(struct whatif_report *w, const struct dry_result *run)
{
    char text[TEXT_BYTES];
    struct writer t = writer_over(text, sizeof text);
    slice where_to = slice_first(whatif_stage(run, "answer"), SHOWN_BYTES);
    if (run->outcome == DRY_REFUSED)
        writer_format(&t, "%u %s: %.*s", run->status, run->reason,
                      SLICE_ARGUMENTS(slice_first(run->text, SHOWN_BYTES)));
    else if (where_to.len && !whatif_redirects(run))
        writer_slice_add(&t, where_to);
    else
        writer_format(&t, "%u %s", run->status, run->reason);
    if (run->would_refuse)
        writer_format(&t, ", in shadow would refuse: %.*s",
                      SLICE_ARGUMENTS(slice_first(run->text, SHOWN_BYTES)));
    return keep(w, writer_slice(&t));
}

static slice describe_then(struct whatif_report *w, const struct recorded *r)
{
    char text[64];
    struct writer t = writer_over(text, sizeof text);
    writer_format(&t, "%u %.*s", r->status, SLICE_ARGUMENTS(slice_first(r->reason, 40)));
    return keep(w, slice_trim(writer_slice(&t)));
}

static void add_sample(struct whatif_report *w, const struct whatif_verdict *v,
                       const struct recorded *r)
{
    bool is_doubt = v->class == WHATIF_UNJUDGED;
    struct whatif_group *g = &w->groups[v->class];
    uint32_t *count = is_doubt ? &w->doubts[v->doubt].samples : &g->samples;
    struct whatif_sample ***last = is_doubt ? &w->doubts[v->doubt].last : &g->last;
    if (v->class == WHATIF_SAME || *count == w->samples_max)
        return;
    struct whatif_sample *s = arena_take(&w->arena, sizeof *s);
    if (!s) {
        w->is_short = true;
        return;
    }
    *s = (struct whatif_sample){ .id = keep(w, r->id),
                                 .time = keep(w, r->time),
                                 .line = keep(w, r->line),
                                 .is_masked = v->masks_matter };
    if (v->has_runs) {
        s->before = v->by_record ? describe_then(w, r) : describe(w, &v->before);
        s->after = describe(w, &v->after);
    }
    **last = s;
    *last = &s->next;
    ++*count;
}

/* --- One exchange ----------------------------------------------------------------------------- */

static void note_time(struct whatif_report *w, slice time)
{
    if (time.len == 0)
        return;
    if (w->oldest.len == 0 || slice_compare(time, w->oldest) < 0)
        w->oldest = keep(w, time);
    if (w->newest.len == 0 || slice_compare(time, w->newest) > 0)
        w->newest = keep(w, time);
}

static void count(struct whatif_report *w, const struct whatif_verdict *v, const struct recorded *r)
{
    struct whatif_group *g = &w->groups[v->class];
    g->count++;
    g->masked += v->masks_matter;
    w->others += v->was_other;
    w->not_again += v->is_not_again;
    w->counts_matter |= v->counts_matter;
    w->lists_matter |= v->lists_matter;
    w->responses_matter |= v->responses_matter;
    add_sample(w, v, r);
    switch (v->class) {
    case WHATIF_REFUSED:
    case WHATIF_SHADOW_MORE:
    case WHATIF_OTHERWISE:
        count_rules(w, g, &v->after);
        count_path(w, g, v, r);
        break;
    case WHATIF_LET_THROUGH:
    case WHATIF_SHADOW_FEWER:
        count_before(w, g, v, r);
        count_path(w, g, v, r);
        break;
    case WHATIF_SAME:
    case WHATIF_CLASSES:
        break;
    case WHATIF_UNJUDGED:
        w->doubts[v->doubt].count++;
        break;
    }
}

void whatif_report_add(struct whatif_report *w, const struct recorded *r)
{
    struct arena a __attribute__((cleanup(arena_close))) = { 0 };
    struct whatif_verdict v __attribute__((cleanup(whatif_release)));
    static const struct recorded unread = { 0 };
    arena_open(&a, NULL, 0, 256u << 10, RUN_BYTES_MAX);
    v = (struct whatif_verdict){ .class = WHATIF_UNJUDGED, .doubt = DOUBT_UNREADABLE };
    w->exchanges++;
    if (r) {
        whatif_judge(w->before, w->after, r, &a, &v);
        note_time(w, r->time);
    }
    count(w, &v, r ? r : &unread);
}
