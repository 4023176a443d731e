/* What `whatif` has found, for people and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/writer.h"
#include "control/output.h"
#include "control/whatif_report.h"

#define ROWS_SHOWN  10u
#define SHOWN_BYTES 160u

static const struct {
    const char *word, *title, *rules;
} classes[WHATIF_CLASSES] = {
    [WHATIF_REFUSED] = { "newly_refused", "newly refused", "by" },
    [WHATIF_LET_THROUGH] = { "newly_let_through", "newly let through", "refused until now by" },
    [WHATIF_OTHERWISE] = { "answered_otherwise", "answered otherwise", "by" },
    [WHATIF_SHADOW_MORE] = { "newly_in_shadow", "in shadow, newly refused", "by" },
    [WHATIF_SHADOW_FEWER] = { "no_longer_in_shadow", "in shadow, refused no longer",
                              "until now by" },
    [WHATIF_SAME] = { "same", "decided the same", "" },
    [WHATIF_UNJUDGED] = { "not_judged", "cannot be judged", "" },
};

static const struct {
    const char *word, *text;
} doubts[DOUBTS] = {
    [DOUBT_UNREADABLE] = { "unreadable", "the record cannot be read" },
    [DOUBT_HEAD_CUT] = { "head-cut", "the head was too long to be kept whole" },
    [DOUBT_LISTENER] = { "listener", "one of the two does not listen where it came in" },
    [DOUBT_BODY_MISSING] = { "body-missing", "rules look at the body, which was not kept" },
    [DOUBT_BODY_CUT] = { "body-cut", "rules look at the body, which was kept in part" },
    [DOUBT_MASKED] = { "masked", "values are masked, and without them what was decided does not "
                                 "come out again" },
    [DOUBT_MASKED_FINDING] = { "masked-finding", "a rule finds something in what stands for a "
                                                 "masked value" },
    [DOUBT_RESPONSE] = { "response", "rules found something in the response, and may find more in "
                                     "what of it is "
                                     "not kept" },
    [DOUBT_CERTIFICATE] = { "certificate", "a client certificate would newly be wanted" },
    [DOUBT_NOT_AGAIN] = { "not-again", "what was decided does not come out again: it depended on "
                                       "more than the request" },
    [DOUBT_MEMORY] = { "memory", "there was not enough memory" },
};

static int compare_rows(const void *a, const void *b)
{
    const struct whatif_row *x = *(const struct whatif_row *const *)a,
                            *y = *(const struct whatif_row *const *)b;
    return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

/* The most frequent first; NULL: no memory, or none. The caller frees it. */
static struct whatif_row **sorted(const struct whatif_tally *t)
{
    struct whatif_row **rows = calloc(t->rows + 1, sizeof(struct whatif_row *));
    uint32_t count = 0;
    for (struct whatif_row *r = t->first; rows && r; r = r->next)
        rows[count++] = r;
    if (rows)
        qsort(rows, count, sizeof *rows, compare_rows);
    return rows;
}

/* --- For people ------------------------------------------------------------------------------- */

static void print_shown(slice s)
{
    output_shown(STDOUT_FILENO, s, SHOWN_BYTES);
}

static void print_where(slice where)
{
    if (where.len == 0)
        return;
    output_write(STDOUT_FILENO, SLICE("  ("));
    print_shown(where);
    output_write(STDOUT_FILENO, SLICE(")"));
}

static void print_row(const struct whatif_row *r)
{
    output_format(STDOUT_FILENO, "%8llu  ", (unsigned long long)r->count);
    if (r->rule)
        output_format(STDOUT_FILENO, "rule %u  ", r->rule);
    else if (r->reason && r->reason[0])
        output_format(STDOUT_FILENO, "%s  ", r->reason);
    print_shown(r->text);
    print_where(r->where);
    output_write(STDOUT_FILENO, SLICE("\n"));
}

static void print_tally(const struct whatif_tally *t, const char *title)
{
    struct whatif_row **rows = sorted(t);
    uint64_t rest = t->others;
    output_format(STDOUT_FILENO, "  %s\n", title);
    for (uint32_t i = 0; rows && i < t->rows; i++)
        if (i < ROWS_SHOWN)
            print_row(rows[i]);
        else
            rest += rows[i]->count;
    if (rest)
        output_format(STDOUT_FILENO, "%8llu  others\n", (unsigned long long)rest);
    free(rows);
}

static void print_sample(const struct whatif_sample *s)
{
    output_write(STDOUT_FILENO, SLICE("    "));
    print_shown(s->id);
    output_write(STDOUT_FILENO, SLICE("  "));
    print_shown(s->line);
    output_write(STDOUT_FILENO, SLICE("\n        now  "));
    print_shown(s->before);
    output_write(STDOUT_FILENO, SLICE("\n        new  "));
    print_shown(s->after);
    output_write(STDOUT_FILENO,
                 slice_from(s->is_masked ? "\n        some values are masked\n" : "\n"));
}

static void print_group(const struct whatif_report *w, enum whatif_class class)
{
    const struct whatif_group *g = &w->groups[class];
    if (g->count == 0)
        return;
    output_format(STDOUT_FILENO, "\n%s: %llu\n", classes[class].title,
                  (unsigned long long)g->count);
    print_tally(&g->rules, classes[class].rules);
    print_tally(&g->paths, "paths");
    output_write(STDOUT_FILENO, SLICE("  for example\n"));
    for (const struct whatif_sample *s = g->first; s; s = s->next)
        print_sample(s);
}

static void print_doubts(const struct whatif_report *w)
{
    if (w->groups[WHATIF_UNJUDGED].count == 0)
        return;
    output_format(STDOUT_FILENO, "\n%s: %llu\n", classes[WHATIF_UNJUDGED].title,
                  (unsigned long long)w->groups[WHATIF_UNJUDGED].count);
    for (unsigned i = 0; i < DOUBTS; i++) {
        if (w->doubts[i].count == 0)
            continue;
        output_format(STDOUT_FILENO, "%8llu  %s", (unsigned long long)w->doubts[i].count,
                      doubts[i].text);
        for (const struct whatif_sample *s = w->doubts[i].first; s && s->id.len; s = s->next) {
            output_write(STDOUT_FILENO, slice_from(s == w->doubts[i].first ? ": " : ", "));
            print_shown(s->id);
        }
        output_write(STDOUT_FILENO, SLICE("\n"));
    }
}

static uint64_t masked_of(const struct whatif_report *w)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WHATIF_UNJUDGED; i++)
        sum += w->groups[i].masked;
    return sum;
}

static void print_limits(const struct whatif_report *w)
{
    if (masked_of(w))
        output_format(STDOUT_FILENO,
                      "\n%llu of those judged have masked values: what the change would find in "
                      "these is not known.\n",
                      (unsigned long long)masked_of(w));
    if (w->others)
        output_format(
            STDOUT_FILENO,
            "\n%llu were decided by another configuration than %s is now: they are judged "
            "by both, and not compared with what was decided.\n",
            (unsigned long long)w->others, w->before_path);
    if (w->not_again)
        output_format(STDOUT_FILENO,
                      "\n%llu were decided by %s, and it does not say it again: left out.\n",
                      (unsigned long long)w->not_again, w->before_path);
    if (w->counts_matter)
        output_write(STDOUT_FILENO, SLICE("\nRules that count from one request to the next have "
                                          "nothing counted here.\n"));
    if (w->lists_matter)
        output_write(STDOUT_FILENO, SLICE("\nLists in the DNS are not asked here: for rules that "
                                          "ask them nothing is on them.\n"));
    if (w->responses_matter)
        output_write(
            STDOUT_FILENO,
            SLICE("\nWhat rules would say of some responses is not known: their bodies, or "
                  "all of them, are not kept.\n"));
    if (w->is_short)
        output_write(STDOUT_FILENO,
                     SLICE("\nThere was not enough memory for all rules, paths and samples.\n"));
}

static bool has_differences(const struct whatif_report *w)
{
    for (unsigned i = 0; i < WHATIF_SAME; i++)
        if (w->groups[i].count)
            return true;
    return false;
}

void whatif_print(const struct whatif_report *w)
{
    output_format(STDOUT_FILENO, "%s instead of %s: %llu exchange%s", w->after_path, w->before_path,
                  (unsigned long long)w->exchanges, w->exchanges == 1 ? "" : "s");
    if (w->oldest.len) {
        output_write(STDOUT_FILENO, SLICE(", from "));
        print_shown(w->oldest);
        output_write(STDOUT_FILENO, SLICE(" to "));
        print_shown(w->newest);
    }
    output_write(STDOUT_FILENO, SLICE("\n\n"));
    if (w->exchanges == 0) {
        output_write(STDOUT_FILENO, SLICE("Nothing is kept, so nothing can be said.\n"));
        return;
    }
    for (unsigned i = 0; i < WHATIF_CLASSES; i++) {
        bool is_rare = i == WHATIF_SHADOW_MORE || i == WHATIF_SHADOW_FEWER;
        if (!is_rare || w->groups[i].count)
            output_format(STDOUT_FILENO, "%8llu  %s\n", (unsigned long long)w->groups[i].count,
                          classes[i].title);
    }
    for (unsigned i = 0; i < WHATIF_SAME; i++)
        print_group(w, (enum whatif_class)i);
    print_doubts(w);
    print_limits(w);
    if (!has_differences(w))
        output_write(STDOUT_FILENO, SLICE("\nNo difference in what could be judged.\n"));
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Bytes that are no UTF-8 become question marks. */
static json_t *json_of(slice text)
{
    json_t *value = json_stringn(text.ptr ? text.ptr : "", text.len);
    if (value)
        return value;
    char *copy = malloc(text.len + 1);
    for (size_t i = 0; copy && i < text.len; i++)
        copy[i] = (unsigned char)text.ptr[i] < 0x80 ? text.ptr[i] : '?';
    value = copy ? json_stringn(copy, text.len) : NULL;
    free(copy);
    return value;
}

static json_t *json_of_rows(const struct whatif_tally *t, bool are_paths)
{
    struct whatif_row **rows = sorted(t);
    json_t *list = json_array();
    for (uint32_t i = 0; rows && i < t->rows; i++) {
        const struct whatif_row *r = rows[i];
        json_t *row = json_object();
        if (are_paths) {
            json_object_set_new(row, "site", json_of(r->where));
            json_object_set_new(row, "path", json_of(r->text));
        } else {
            if (r->rule)
                json_object_set_new(row, "rule", json_integer(r->rule));
            else
                json_object_set_new(row, "reason", json_string(r->reason));
            json_object_set_new(row, "text", json_of(r->text));
            json_object_set_new(row, "where", json_of(r->where));
        }
        json_object_set_new(row, "count", json_integer((json_int_t)r->count));
        json_array_append_new(list, row);
    }
    free(rows);
    return list;
}

static json_t *json_of_samples(const struct whatif_sample *first)
{
    json_t *list = json_array();
    for (const struct whatif_sample *s = first; s; s = s->next) {
        json_t *sample = json_object();
        json_object_set_new(sample, "id", json_of(s->id));
        json_object_set_new(sample, "time", json_of(s->time));
        json_object_set_new(sample, "line", json_of(s->line));
        json_object_set_new(sample, "before", json_of(s->before));
        json_object_set_new(sample, "after", json_of(s->after));
        json_object_set_new(sample, "has_masked_values", json_boolean(s->is_masked));
        json_array_append_new(list, sample);
    }
    return list;
}

static json_t *json_of_group(const struct whatif_group *g)
{
    json_t *group = json_object();
    json_object_set_new(group, "count", json_integer((json_int_t)g->count));
    json_object_set_new(group, "rules", json_of_rows(&g->rules, false));
    json_object_set_new(group, "other_rules", json_integer((json_int_t)g->rules.others));
    json_object_set_new(group, "paths", json_of_rows(&g->paths, true));
    json_object_set_new(group, "other_paths", json_integer((json_int_t)g->paths.others));
    json_object_set_new(group, "samples", json_of_samples(g->first));
    return group;
}

static json_t *json_of_doubts(const struct whatif_report *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < DOUBTS; i++) {
        if (w->doubts[i].count == 0)
            continue;
        json_t *doubt = json_object();
        json_object_set_new(doubt, "why", json_string(doubts[i].word));
        json_object_set_new(doubt, "text", json_string(doubts[i].text));
        json_object_set_new(doubt, "count", json_integer((json_int_t)w->doubts[i].count));
        json_object_set_new(doubt, "samples", json_of_samples(w->doubts[i].first));
        json_array_append_new(list, doubt);
    }
    return list;
}

static json_t *json_of_report(const struct whatif_report *w)
{
    json_t *all = json_object();
    json_object_set_new(all, "before", json_string(w->before_path));
    json_object_set_new(all, "after", json_string(w->after_path));
    json_object_set_new(all, "exchanges", json_integer((json_int_t)w->exchanges));
    json_object_set_new(all, "oldest", json_of(w->oldest));
    json_object_set_new(all, "newest", json_of(w->newest));
    for (unsigned i = 0; i < WHATIF_SAME; i++)
        json_object_set_new(all, classes[i].word, json_of_group(&w->groups[i]));
    json_object_set_new(all, "same", json_integer((json_int_t)w->groups[WHATIF_SAME].count));
    json_object_set_new(all, "not_judged",
                        json_integer((json_int_t)w->groups[WHATIF_UNJUDGED].count));
    json_object_set_new(all, "doubts", json_of_doubts(w));
    json_object_set_new(all, "with_masked_values", json_integer((json_int_t)masked_of(w)));
    json_object_set_new(all, "of_another_configuration", json_integer((json_int_t)w->others));
    json_object_set_new(all, "not_reproduced", json_integer((json_int_t)w->not_again));
    json_object_set_new(all, "rules_count_over_requests", json_boolean(w->counts_matter));
    json_object_set_new(all, "rules_ask_lists", json_boolean(w->lists_matter));
    json_object_set_new(all, "responses_not_judged", json_boolean(w->responses_matter));
    json_object_set_new(all, "is_complete", json_boolean(!w->is_short));
    return all;
}

int whatif_print_json(const struct whatif_report *w)
{
    json_t *all = json_of_report(w);
    char *text = all ? json_dumps(all, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(all);
    if (!text)
        return -ENOMEM;
    output_write(STDOUT_FILENO, slice_from(text));
    output_write(STDOUT_FILENO, SLICE("\n"));
    free(text);
    return 0;
}
