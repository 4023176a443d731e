/* Every statement meets its row: is the directive known, is it in its place, has it a block, is it
 * written once. Its arguments are read in arguments.c. */
#include <errno.h>

#include "config/arguments.h"
#include "config/schema.h"
#include "config/suggest.h"

struct checker {
    const struct schema *schema;
    struct files *files;
    struct arena *arena;
    struct diagnostics *diagnostics;
    /* for each row: in which block it was seen last, and where */
    uint32_t *seen_block;
    const struct statement **seen_first;
    uint32_t block;
};

static uint32_t scope_inside(const struct statement *block)
{
    return block->parent ? block->directive->block_scope : SCOPE_TOP;
}

static const char *scope_name(uint32_t scope)
{
    for (uint32_t bit = 0; bit < SCOPE_COUNT; bit++)
        if (scope == 1u << bit)
            return scope_names[bit];
    return "this block";
}

static bool is_later(const struct schema *schema, slice name)
{
    for (size_t i = 0; schema->later[i]; i++)
        if (slice_equal(slice_from(schema->later[i]), name))
            return true;
    return false;
}

static void report_wrong_place(struct checker *c, const struct statement *s, uint32_t scope,
                               const struct directive *const *rows, size_t count)
{
    slice name = s->name.text;
    struct diagnostic *item =
        scope == SCOPE_TOP
            ? diagnostics_add(c->diagnostics, E0202, &s->name.span,
                              "'%.*s' is not allowed at the top level", SLICE_ARGUMENTS(name))
            : diagnostics_add(c->diagnostics, E0202, &s->name.span,
                              "'%.*s' is not allowed inside %s", SLICE_ARGUMENTS(name),
                              scope_name(scope));
    diagnostic_label(c->diagnostics, item, "wrong place");
    char places[512];
    struct writer w = writer_over(places, sizeof places);
    schema_write_places(&w, rows, count);
    diagnostic_help(c->diagnostics, item, "it belongs in: %.*s", SLICE_ARGUMENTS(writer_slice(&w)));
    const char *habit = habit_find(c->schema->habits, NULL, name);
    if (habit)
        diagnostic_note(c->diagnostics, item, "%s", habit);
}

/* The nearest names: among those allowed here, among all others, among those of later versions. */
struct nearest {
    struct suggestion here, elsewhere, later;
};

static struct nearest find_nearest(const struct schema *schema, slice name, uint32_t scope)
{
    struct nearest n = { suggestion_for(name), suggestion_for(name), suggestion_for(name) };
    for (size_t i = 0; i < schema->count; i++) {
        const struct directive *row = schema->by_name[i];
        suggestion_offer(row->scopes & scope ? &n.here : &n.elsewhere, slice_from(row->name));
    }
    for (size_t i = 0; schema->later[i]; i++)
        suggestion_offer(&n.later, slice_from(schema->later[i]));
    return n;
}

/* "connect, head, idle": what may stand in a block of settings. */
static void write_names(struct writer *w, const struct schema *schema, uint32_t scope)
{
    const char *separator = "";
    for (size_t i = 0; i < schema->count; i++) {
        if (!(schema->by_name[i]->scopes & scope))
            continue;
        writer_text(w, separator);
        writer_text(w, schema->by_name[i]->name);
        separator = ", ";
    }
}

static void help_unknown(struct checker *c, struct diagnostic *item, const struct statement *s,
                         uint32_t scope)
{
    struct diagnostics *d = c->diagnostics;
    struct nearest n = find_nearest(c->schema, s->name.text, scope);
    char text[512];
    struct writer w = writer_over(text, sizeof text);
    bool is_settings = s->parent->directive && s->parent->directive->merges;
    if (n.here.best.len && n.here.distance <= n.later.distance &&
        n.here.distance <= n.elsewhere.distance) {
        diagnostic_help(d, item, "did you mean '%.*s'?", SLICE_ARGUMENTS(n.here.best));
    } else if (is_settings) {
        write_names(&w, c->schema, scope);
        diagnostic_help(d, item, "'%s' knows: %.*s", s->parent->directive->name,
                        SLICE_ARGUMENTS(writer_slice(&w)));
    } else if (n.later.best.len && n.later.distance <= n.elsewhere.distance) {
        diagnostic_help(d, item, "did you mean '%.*s'? It is not built yet in this version",
                        SLICE_ARGUMENTS(n.later.best));
    } else if (n.elsewhere.best.len) {
        size_t count;
        const struct directive *const *rows = schema_find_all(c->schema, n.elsewhere.best, &count);
        schema_write_places(&w, rows, count);
        diagnostic_help(d, item, "did you mean '%.*s'? It belongs in: %.*s",
                        SLICE_ARGUMENTS(n.elsewhere.best), SLICE_ARGUMENTS(writer_slice(&w)));
    }
}

static void report_unknown(struct checker *c, const struct statement *s, uint32_t scope)
{
    struct diagnostics *d = c->diagnostics;
    slice name = s->name.text;
    if (is_later(c->schema, name)) {
        struct diagnostic *item = diagnostics_add(d, E0204, &s->name.span,
                                                  "unknown directive '%.*s': not built yet in "
                                                  "this version",
                                                  SLICE_ARGUMENTS(name));
        diagnostic_label(d, item, "not built yet");
        return;
    }
    struct diagnostic *item =
        diagnostics_add(d, E0201, &s->name.span, "unknown directive '%.*s'", SLICE_ARGUMENTS(name));
    diagnostic_label(d, item, "not a directive");
    const char *habit = habit_find(c->schema->habits, NULL, name);
    if (item == &d->lost) /* nobody will read it */
        return;
    if (habit)
        diagnostic_help(d, item, "%s", habit);
    else
        help_unknown(c, item, s, scope);
}

/* Sets s->directive, or reports why there is none. */
static bool resolve(struct checker *c, struct statement *s)
{
    uint32_t scope = scope_inside(s->parent);
    s->directive = schema_find(c->schema, s->name.text, scope);
    if (s->directive)
        return true;
    if (s->is_broken)
        return false;
    size_t count;
    const struct directive *const *rows = schema_find_all(c->schema, s->name.text, &count);
    if (count)
        report_wrong_place(c, s, scope, rows, count);
    else
        report_unknown(c, s, scope);
    statement_mark_broken(s);
    return false;
}

/* "timeout idle 1h" becomes "timeout { idle 1h }". */
static int make_inline_child(struct checker *c, struct statement *s)
{
    struct statement *child = arena_take(c->arena, sizeof *child);
    if (!child)
        return -ENOMEM;
    *child = (struct statement){ .parent = s,
                                 .name = s->arguments[0],
                                 .arguments = s->arguments + 1,
                                 .argument_count = s->argument_count - 1,
                                 .depth = s->depth + 1,
                                 .is_inline = true };
    s->first = s->last = child;
    return 0;
}

static void report_missing_block(struct checker *c, const struct statement *s)
{
    struct diagnostic *item = diagnostics_add(c->diagnostics, E0205, &s->name.span,
                                              "'%s' needs a block", s->directive->name);
    diagnostic_label(c->diagnostics, item, "no '{' behind it");
    diagnostic_help(c->diagnostics, item, "for example:  %s", s->directive->example);
}

/* Does the statement have the block that its row wants? False: broken. */
static bool check_block(struct checker *c, struct statement *s)
{
    const struct directive *row = s->directive;
    if (s->has_block && !row->block_scope) {
        struct diagnostic *item =
            diagnostics_add(c->diagnostics, E0206, &s->open, "'%s' takes no block", row->name);
        diagnostic_label(c->diagnostics, item, "not expected");
        return false;
    }
    if (s->has_block && row->takes_inline && s->argument_count) {
        struct diagnostic *item =
            diagnostics_add(c->diagnostics, E0303, &s->arguments[0].span,
                            "'%s' takes either a block or one setting", row->name);
        diagnostic_label(c->diagnostics, item, "not expected before a block");
        return false;
    }
    bool is_missing = row->takes_inline ? s->argument_count == 0 : !row->block_is_optional;
    if (!s->has_block && row->block_scope && is_missing) {
        report_missing_block(c, s);
        return false;
    }
    return true;
}

/* One statement. *ret_enters: look at its children next. */
static int check_statement(struct checker *c, struct statement *s, bool *ret_enters)
{
    *ret_enters = false;
    if (!resolve(c, s))
        return 0;
    *ret_enters = s->directive->block_scope != 0 && !s->is_unsure;
    if (s->is_broken)
        return 0;
    if (!check_block(c, s)) {
        statement_mark_broken(s);
        *ret_enters = *ret_enters && !s->directive->takes_inline;
        return 0;
    }
    if (s->directive->takes_inline) {
        if (s->argument_count)
            TRY(make_inline_child(c, s));
        s->values = arena_take(c->arena, sizeof *s->values);
        return s->values ? 0 : -ENOMEM;
    }
    struct arguments_context context = { .habits = c->schema->habits,
                                         .reader = c->files->reader,
                                         .arena = c->arena,
                                         .diagnostics = c->diagnostics };
    int error = arguments_read(&context, s);
    if (error == -EINVAL)
        statement_mark_broken(s);
    return error == -EINVAL ? 0 : error;
}

static int check_tree(struct checker *c, struct tree *t)
{
    bool enters = true;
    struct statement *s = t->root.first;
    while (s) {
        TRY(check_statement(c, s, &enters));
        s = statement_following(s, !enters);
    }
    return 0;
}

/* --- written twice --- */

static size_t row_index(const struct schema *schema, const struct directive *row)
{
    size_t count;
    const struct directive *const *rows = schema_find_all(schema, slice_from(row->name), &count);
    while (*rows != row)
        rows++;
    return (size_t)(rows - (const struct directive *const *)schema->by_name);
}

static void report_twice(struct checker *c, struct statement *s, const struct statement *first)
{
    struct span where = statement_span(s);
    struct diagnostic *item =
        diagnostics_add(c->diagnostics, E0203, &where, "'%s' is written twice", s->directive->name);
    diagnostic_label(c->diagnostics, item, "second time");
    const struct span *at = &first->name.span;
    diagnostic_help(c->diagnostics, item, "first at %.*s:%u; keep one of them",
                    SLICE_ARGUMENTS(at->source->name), at->line);
}

static void see(struct checker *c, struct statement *s)
{
    if (!s->directive || s->directive->is_repeatable)
        return;
    size_t row = row_index(c->schema, s->directive);
    if (c->seen_block[row] == c->block) {
        if (!s->is_broken)
            report_twice(c, s, c->seen_first[row]);
        statement_mark_broken(s);
        return;
    }
    c->seen_block[row] = c->block;
    c->seen_first[row] = s;
}

static bool merges(const struct statement *s)
{
    return s->directive && s->directive->merges;
}

/* The settings of one block; blocks in it that merge belong to it. */
static void see_block(struct checker *c, struct statement *block)
{
    struct statement *end = statement_following(block, true);
    for (struct statement *s = block->first; s && s != end; s = statement_following(s, !merges(s)))
        see(c, s);
}

static void check_repetition(struct checker *c)
{
    c->block = 1; /* the top level, over all files */
    for (struct file *f = c->files->first; f; f = f->next)
        see_block(c, &f->tree.root);
    for (struct file *f = c->files->first; f; f = f->next) {
        struct statement *s = f->tree.root.first;
        for (; s; s = statement_following(s, !s->directive)) {
            if (!s->first || !s->directive || merges(s))
                continue;
            c->block++;
            see_block(c, s);
        }
    }
}

int schema_check(const struct schema *s, struct files *files, struct arena *a)
{
    struct checker c = {
        .schema = s, .files = files, .arena = a, .diagnostics = files->diagnostics
    };
    c.seen_block = arena_take_array(a, s->count, sizeof *c.seen_block);
    c.seen_first = arena_take_array(a, s->count, sizeof(void *));
    if (!c.seen_block || !c.seen_first)
        return -ENOMEM;
    for (struct file *f = files->first; f; f = f->next)
        TRY(check_tree(&c, &f->tree));
    check_repetition(&c);
    return 0;
}
