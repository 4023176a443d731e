#include "config/arguments.h"

#include <errno.h>

#include "base/number.h"
#include "config/expand.h"
#include "config/suggest.h"

/* Reading one statement. */
struct reading {
    const struct arguments_context *c;
    const struct statement *statement;
    const struct directive *row;
    struct directive_values *values;
    size_t next;      /* positional argument that takes the next word */
    bool has_started; /* a positional argument was set */
};

static size_t argument_count(const struct directive *row)
{
    size_t count = 0;
    while (count < ARGUMENTS_MAX && row->arguments[count].kind != ARGUMENT_NONE)
        count++;
    return count;
}

static bool is_positional(const struct argument *a)
{
    return a->form != FORM_KEYWORD && a->form != FORM_FLAG;
}

/* What messages call the argument: 'server ... weight', or the directive itself. */
static void write_subject(struct writer *w, const struct reading *r, const struct argument *a)
{
    writer_format(w, a->form == FORM_KEYWORD ? "'%s ... %s'" : "'%s'", r->row->name, a->name);
}

/* --- kinds --- */

static const char *expectation(enum argument_kind kind)
{
    switch (kind) {
    case ARGUMENT_NAME:
        return "a name of letters, digits, '-' and '_'";
    case ARGUMENT_NUMBER:
        return "a number";
    case ARGUMENT_COUNT:
        return "a number or auto";
    case ARGUMENT_DURATION:
        return "a duration such as 500ms, 10s, 5m, 1h30m";
    case ARGUMENT_SIZE:
        return "a size such as 512B, 64K, 10M, 1G";
    case ARGUMENT_SIZE_RATE:
        return "bytes in a second such as 1K/s, or off";
    case ARGUMENT_RATE:
        return "a rate such as 10/s or 5/min";
    case ARGUMENT_PERCENT:
        return "a percentage such as 20%";
    case ARGUMENT_NONE:
    case ARGUMENT_TEXT:
    case ARGUMENT_CHOICE:
    case ARGUMENT_SECRET:
        break;
    }
    return "another value";
}

static bool suggest_word(const char *word, slice text, struct writer *w)
{
    struct suggestion near = suggestion_for(text);
    suggestion_offer(&near, slice_from(word));
    writer_slice_add(w, near.best);
    return near.best.len > 0;
}

static bool suggest(enum argument_kind kind, slice text, struct writer *w)
{
    switch (kind) {
    case ARGUMENT_DURATION:
        return value_suggest_duration(text, w);
    case ARGUMENT_SIZE:
        return value_suggest_size(text, w);
    case ARGUMENT_SIZE_RATE:
        return suggest_word("off", text, w) || value_suggest_size_rate(text, w);
    case ARGUMENT_RATE:
        return value_suggest_rate(text, w);
    case ARGUMENT_COUNT:
        return suggest_word("auto", text, w);
    case ARGUMENT_NONE:
    case ARGUMENT_NAME:
    case ARGUMENT_TEXT:
    case ARGUMENT_NUMBER:
    case ARGUMENT_PERCENT:
    case ARGUMENT_CHOICE:
    case ARGUMENT_SECRET:
        break;
    }
    return false;
}

/* Behind the caret: what was written. What a reference gave is not shown. */
static void label_got(const struct reading *r, struct diagnostic *item, const struct word *word)
{
    diagnostic_label(r->c->diagnostics, item, "got %s%.*s",
                     word->has_reference ? "the value of " : "",
                     SLICE_ARGUMENTS(span_text(&word->span)));
}

/* Whether the word means something to those who come from elsewhere: they are told. */
static bool help_habit(const struct reading *r, struct diagnostic *item, const struct word *word)
{
    const char *hint = habit_find(r->c->habits, r->row->name, word->text);
    if (!hint || word->has_reference)
        return false;
    diagnostic_help(r->c->diagnostics, item, "%s", hint);
    return true;
}

static int report_kind(const struct reading *r, const struct argument *a, const struct word *word,
                       slice text)
{
    struct diagnostics *d = r->c->diagnostics;
    char subject[128], better[64];
    struct writer w = writer_over(subject, sizeof subject);
    write_subject(&w, r, a);
    struct diagnostic *item =
        diagnostics_add(d, E0304, &word->span, "%.*s expects %s", SLICE_ARGUMENTS(writer_slice(&w)),
                        expectation(a->kind));
    label_got(r, item, word);
    w = writer_over(better, sizeof better);
    if (!help_habit(r, item, word) && !word->has_reference && suggest(a->kind, text, &w) &&
        !w.overflowed)
        diagnostic_help(d, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(writer_slice(&w)));
    return -EINVAL;
}

static int report_range(const struct reading *r, const struct argument *a, const struct word *word)
{
    struct diagnostics *d = r->c->diagnostics;
    char subject[128], range[96];
    struct writer w = writer_over(subject, sizeof subject);
    struct writer bounds = writer_over(range, sizeof range);
    write_subject(&w, r, a);
    argument_write_range(&bounds, a);
    struct diagnostic *item = diagnostics_add(d, E0305, &word->span, "%.*s is out of range",
                                              SLICE_ARGUMENTS(writer_slice(&w)));
    label_got(r, item, word);
    diagnostic_help(d, item, "allowed: %.*s", SLICE_ARGUMENTS(writer_slice(&bounds)));
    return -EINVAL;
}

static bool is_name(slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_fine)
            return false;
    }
    return text.len > 0 && text.len <= 128;
}

static bool is_one_of(const char *choices, slice text, uint64_t *ret_index)
{
    slice rest = slice_from(choices), choice;
    for (uint64_t i = 0; choices && choice_next(&rest, &choice); i++)
        if (slice_equal(choice, text)) {
            *ret_index = i;
            return true;
        }
    return false;
}

static int report_later(const struct reading *r, const struct word *word)
{
    struct diagnostic *item =
        diagnostics_add(r->c->diagnostics, E0204, &word->span,
                        "'%s %.*s' is not built yet in this "
                        "version",
                        r->row->name, SLICE_ARGUMENTS(span_text(&word->span)));
    diagnostic_label(r->c->diagnostics, item, "not built yet");
    return -EINVAL;
}

static int report_choice(const struct reading *r, const struct argument *a, const struct word *word)
{
    struct diagnostics *d = r->c->diagnostics;
    uint64_t unused;
    if (is_one_of(a->later, word->text, &unused))
        return report_later(r, word);
    char subject[128], list[256];
    struct writer w = writer_over(subject, sizeof subject), words = writer_over(list, sizeof list);
    write_subject(&w, r, a);
    struct suggestion near = suggestion_for(word->has_reference ? SLICE("") : word->text);
    slice rest = slice_from(a->choices), choice;
    while (choice_next(&rest, &choice)) {
        suggestion_offer(&near, choice);
        writer_slice_add(&words, choice);
        if (rest.len)
            writer_text(&words, slice_find_byte(rest, '|') < rest.len ? ", " : " or ");
    }
    struct diagnostic *item =
        diagnostics_add(d, E0306, &word->span, "%.*s expects %.*s",
                        SLICE_ARGUMENTS(writer_slice(&w)), SLICE_ARGUMENTS(writer_slice(&words)));
    label_got(r, item, word);
    if (!help_habit(r, item, word) && near.best.len)
        diagnostic_help(d, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(near.best));
    return -EINVAL;
}

static int parse_number(const struct argument *a, slice text, struct argument_value *v)
{
    switch (a->kind) {
    case ARGUMENT_NUMBER:
        return number_parse(text, UINT64_MAX, &v->number);
    case ARGUMENT_COUNT:
        if (!slice_equal(text, SLICE("auto")))
            return number_parse(text, UINT64_MAX, &v->number);
        v->number = 0;
        return 1;
    case ARGUMENT_DURATION:
        return value_duration(text, &v->number);
    case ARGUMENT_SIZE:
        return value_size(text, &v->number);
    case ARGUMENT_SIZE_RATE:
        if (!slice_equal(text, SLICE("off")))
            return value_size_rate(text, &v->number);
        v->number = 0;
        return 1;
    case ARGUMENT_PERCENT:
        return value_percent(text, &v->number);
    case ARGUMENT_RATE:
        TRY(value_rate(text, &v->rate));
        v->number = v->rate.count;
        return 0;
    case ARGUMENT_NONE:
    case ARGUMENT_NAME:
    case ARGUMENT_TEXT:
    case ARGUMENT_CHOICE:
    case ARGUMENT_SECRET:
        break;
    }
    return -EINVAL;
}

static void warn_secret(const struct reading *r, const struct word *word)
{
    const struct statement *st = r->statement;
    struct span where = span_join(&word->span, &st->arguments[st->argument_count - 1].span);
    struct diagnostic *item = diagnostics_add(
        r->c->diagnostics, W0701, &where, "the secret of '%s' stands in the text", r->row->name);
    diagnostic_hide(item);
    diagnostic_label(r->c->diagnostics, item, "readable for everyone who reads this file");
    diagnostic_help(r->c->diagnostics, item,
                    "write ${cred:NAME}, ${file:/path} or ${env:NAME} instead");
}

/* One word as the value of one argument. */
static int read_value(const struct reading *r, const struct argument *a, const struct word *word,
                      struct argument_value *v)
{
    slice text;
    TRY(word_expand(word, r->c->reader, r->c->arena, r->c->diagnostics, &text));
    v->is_set = true;
    v->word = word;
    v->text = text;
    uint64_t unused;
    if (a->kind == ARGUMENT_TEXT)
        return is_one_of(a->later, text, &unused) ? report_later(r, word) : 0;
    if (a->kind == ARGUMENT_SECRET) {
        if (!word->has_reference)
            warn_secret(r, word);
        return 0;
    }
    if (a->kind == ARGUMENT_NAME)
        return is_name(text) ? 0 : report_kind(r, a, word, text);
    if (a->kind == ARGUMENT_CHOICE)
        return is_one_of(a->choices, text, &v->number) ? 0 : report_choice(r, a, word);
    int error = parse_number(a, text, v);
    if (error == -EINVAL)
        return report_kind(r, a, word, text);
    if (error == -ERANGE || (error == 0 && (v->number < a->min || v->number > a->max)))
        return report_range(r, a, word);
    return 0;
}

/* --- which word is which argument --- */

/* May a keyword or flag stand here? Behind everything that has to be there before it; a flag in
 * front of the others only before they begin. */
static bool is_in_place(const struct reading *r, size_t index)
{
    size_t count = argument_count(r->row);
    for (size_t i = 0; i < index; i++) {
        enum argument_form form = r->row->arguments[i].form;
        if ((form == FORM_ONE || form == FORM_MANY) && !r->values->arguments[i].is_set)
            return false;
    }
    for (size_t i = index + 1; i < count; i++)
        if (is_positional(&r->row->arguments[i]) && r->has_started)
            return false;
    return true;
}

/* The keyword or flag that the word is; -1: none. */
static int find_keyword(const struct reading *r, const struct word *word)
{
    if (word->kind != TOKEN_WORD || word->has_reference)
        return -1;
    for (size_t i = 0; i < argument_count(r->row); i++) {
        const struct argument *a = &r->row->arguments[i];
        if (!is_positional(a) && slice_equal(slice_from(a->name), word->text) && is_in_place(r, i))
            return (int)i;
    }
    return -1;
}

/* A word that is probably a misspelt keyword or choice. */
static slice near_keyword(const struct reading *r, const struct word *word)
{
    struct suggestion near = suggestion_for(word->text);
    for (size_t i = 0; i < argument_count(r->row); i++) {
        const struct argument *a = &r->row->arguments[i];
        slice rest = a->form == FORM_OPTIONAL ? slice_from(a->choices) : SLICE(""), choice;
        if (!is_positional(a) && is_in_place(r, i))
            suggestion_offer(&near, slice_from(a->name));
        while (!r->values->arguments[i].is_set && choice_next(&rest, &choice))
            suggestion_offer(&near, choice);
    }
    return word->kind == TOKEN_WORD ? near.best : SLICE("");
}

/* With a word too many, any of them may be the secret: "eab kid-1 hmac SECRET". */
static bool takes_secret(const struct directive *row)
{
    for (size_t i = 0; i < argument_count(row); i++)
        if (row->arguments[i].kind == ARGUMENT_SECRET)
            return true;
    return false;
}

static int report_unexpected(const struct reading *r, const struct word *word)
{
    struct diagnostics *d = r->c->diagnostics;
    uint64_t unused;
    for (size_t i = 0; i < argument_count(r->row); i++)
        if (is_one_of(r->row->arguments[i].later, word->text, &unused))
            return report_later(r, word);
    bool is_hidden = takes_secret(r->row);
    const struct word *all = r->statement->arguments;
    struct span where = is_hidden
                            ? span_join(&all[0].span, &all[r->statement->argument_count - 1].span)
                            : word->span;
    struct diagnostic *item = diagnostics_add(
        d, E0303, &where, "unexpected argument %.*s to '%s'",
        SLICE_ARGUMENTS(is_hidden ? SLICE("***") : span_text(&word->span)), r->row->name);
    if (is_hidden)
        diagnostic_hide(item);
    diagnostic_label(d, item, "not expected");
    slice near = near_keyword(r, word);
    char syntax[256];
    struct writer w = writer_over(syntax, sizeof syntax);
    directive_write_syntax(&w, r->row);
    bool is_helped = help_habit(r, item, word);
    if (!is_helped && near.len)
        diagnostic_help(d, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(near));
    else if (!is_helped)
        diagnostic_help(d, item, "it is written:  %.*s", SLICE_ARGUMENTS(writer_slice(&w)));
    return -EINVAL;
}

static int report_missing(const struct reading *r, const char *what)
{
    struct diagnostics *d = r->c->diagnostics;
    struct span where = statement_span(r->statement);
    struct diagnostic *item =
        diagnostics_add(d, E0301, &where, "'%s' needs %s", r->row->name, what);
    diagnostic_label(d, item, "argument is missing");
    char syntax[256];
    struct writer w = writer_over(syntax, sizeof syntax);
    directive_write_syntax(&w, r->row);
    diagnostic_help(d, item, "it is written:  %.*s   for example:  %s",
                    SLICE_ARGUMENTS(writer_slice(&w)), r->row->example);
    return -EINVAL;
}

static int take_keyword(struct reading *r, size_t index, uint32_t *at)
{
    const struct argument *a = &r->row->arguments[index];
    struct argument_value *v = &r->values->arguments[index];
    const struct word *word = &r->statement->arguments[*at];
    if (v->is_set)
        return report_unexpected(r, word);
    *at += 1;
    if (a->form == FORM_FLAG) {
        *v = (struct argument_value){ .is_set = true, .word = word, .number = 1 };
        return 0;
    }
    if (*at == r->statement->argument_count) {
        char what[96];
        struct writer w = writer_over(what, sizeof what - 1);
        writer_format(&w, "a value behind '%s'", a->name);
        what[w.len] = '\0';
        return report_missing(r, what);
    }
    return read_value(r, a, &r->statement->arguments[(*at)++], v);
}

/* Does the positional argument `index` take this word? */
static bool takes(const struct argument *a, const struct word *word)
{
    uint64_t unused;
    if (!is_positional(a))
        return false;
    if (a->form == FORM_OPTIONAL && a->kind == ARGUMENT_CHOICE)
        return is_one_of(a->choices, word->text, &unused) ||
               is_one_of(a->later, word->text, &unused);
    return true;
}

/* Words for an argument that takes several: up to the next keyword. */
static int take_list(struct reading *r, size_t index, uint32_t *at)
{
    const struct argument *a = &r->row->arguments[index];
    struct argument_value *v = &r->values->arguments[index];
    const struct statement *s = r->statement;
    slice *texts = arena_take_array(r->c->arena, s->argument_count - *at, sizeof *texts);
    if (!texts)
        return -ENOMEM;
    const struct word *words = &s->arguments[*at];
    uint32_t count = 0;
    for (; *at < s->argument_count; *at += 1) {
        const struct word *word = &s->arguments[*at];
        if (find_keyword(r, word) >= 0)
            break;
        uint64_t unused;
        if (count > 0 && (near_keyword(r, word).len || is_one_of(a->later, word->text, &unused) ||
                          habit_find(r->c->habits, r->row->name, word->text)))
            return report_unexpected(r, word);
        TRY(read_value(r, a, word, v));
        texts[count++] = v->text;
    }
    v->word = words;
    v->words = words;
    v->texts = texts;
    v->text = texts[0];
    v->count = count;
    return 0;
}

static int take_positional(struct reading *r, uint32_t *at)
{
    const struct word *word = &r->statement->arguments[*at];
    size_t count = argument_count(r->row);
    while (r->next < count && !takes(&r->row->arguments[r->next], word))
        r->next++;
    if (r->next == count)
        return report_unexpected(r, word);
    size_t index = r->next++;
    const struct argument *a = &r->row->arguments[index];
    r->has_started = true;
    if (a->form == FORM_MANY || a->form == FORM_SOME)
        return take_list(r, index, at);
    *at += 1;
    return read_value(r, a, word, &r->values->arguments[index]);
}

static int check_complete(const struct reading *r)
{
    for (size_t i = 0; i < argument_count(r->row); i++) {
        const struct argument *a = &r->row->arguments[i];
        bool is_needed = a->form == FORM_ONE || a->form == FORM_MANY;
        if (!is_needed || r->values->arguments[i].is_set)
            continue;
        char what[160];
        struct writer w = writer_over(what, sizeof what - 1);
        if (a->kind == ARGUMENT_CHOICE)
            writer_format(&w, "%s%s", strchr(a->choices, '|') ? "one of " : "", a->choices);
        else
            writer_text(&w, a->kind == ARGUMENT_TEXT ? a->name : expectation(a->kind));
        what[w.len] = '\0';
        return report_missing(r, what);
    }
    return 0;
}

int arguments_read(const struct arguments_context *c, struct statement *s)
{
    s->values = arena_take(c->arena, sizeof *s->values);
    if (!s->values)
        return -ENOMEM;
    struct reading r = { .c = c, .statement = s, .row = s->directive, .values = s->values };
    for (uint32_t at = 0; at < s->argument_count;) {
        int keyword = find_keyword(&r, &s->arguments[at]);
        TRY(keyword >= 0 ? take_keyword(&r, (size_t)keyword, &at) : take_positional(&r, &at));
    }
    return check_complete(&r);
}
