#include "control/config_edit.h"

#include <errno.h>

#include "config/format.h"
#include "control/load_reader.h"

/* --- Where ------------------------------------------------------------------------------------ */

static const struct site_draft *find_draft(const struct loader *l, const struct site *site)
{
    for (uint32_t i = 0; i < l->c->site_count; i++)
        if (l->drafts[i].site == site)
            return &l->drafts[i];
    return NULL;
}

/* The route's statement among the children of a site or of what extends it. */
static const struct statement *find_route(struct loader *l, const struct statement *block,
                                          const struct route *route)
{
    for (const struct statement *s = block->first; s; s = s->next) {
        slice where;
        if (statement_is(s, "route") && load_where(l, s, &where) == 0 &&
            slice_equal(where, route->where))
            return s;
    }
    return NULL;
}

static const struct statement *route_statement(struct loader *l, const struct site_draft *draft,
                                               const struct route *route)
{
    const struct statement *found = find_route(l, draft->statement, route);
    for (const struct extension *e = draft->extensions; e && !found; e = e->next)
        found = find_route(l, e->statement, route);
    return found;
}

/* --- The text --------------------------------------------------------------------------------- */

/* What goes into the text at one place, instead of `cut` bytes of white space. */
struct insertion {
    struct writer text;
    uint32_t at, cut;
    slice line_end; /* as the file has them */
};

static slice line_end_of(const struct source *source)
{
    size_t end = slice_find_byte(source->text, '\n');
    bool has_cr = end < source->text.len && end > 0 && source->text.ptr[end - 1] == '\r';
    return has_cr ? SLICE("\r\n") : SLICE("\n");
}

static slice indentation_at(const struct source *source, uint32_t offset)
{
    uint32_t begin = offset, end;
    while (begin > 0 && source->text.ptr[begin - 1] != '\n')
        begin--;
    for (end = begin; end < source->text.len && strchr(" \t", source->text.ptr[end]);)
        end++;
    return slice_of(source->text.ptr + begin, end - begin);
}

/* Nothing but white space stands in front of it on its line. */
static bool begins_line(const struct source *source, uint32_t offset)
{
    slice indent = indentation_at(source, offset);
    return indent.ptr + indent.len == source->text.ptr + offset;
}

static bool is_one_line(const struct statement *block)
{
    return block->has_block && block->open.line == block->close.line;
}

static void write_indent(struct writer *w, slice indent, uint32_t deeper)
{
    writer_slice_add(w, indent);
    for (uint32_t i = 0; i < deeper * FORMAT_INDENT; i++)
        writer_byte(w, ' ');
}

static void write_lines(struct insertion *i, slice indent, const slice *statements, uint32_t count)
{
    for (uint32_t line = 0; line < count; line++) {
        write_indent(&i->text, indent, 1);
        writer_slice_add(&i->text, statements[line]);
        writer_slice_add(&i->text, i->line_end);
    }
}

static void write_row(struct writer *w, const slice *statements, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            writer_literal(w, "; ");
        writer_slice_add(w, statements[i]);
    }
}

/* As the last ones of a block: on lines of their own where '}' has one, else in its row. */
static void add_to_block(struct insertion *i, const struct statement *block,
                         const slice *statements, uint32_t count)
{
    const struct source *source = block->close.source;
    i->at = block->close.offset;
    if (begins_line(source, i->at)) {
        slice indent = indentation_at(source, i->at);
        i->at -= (uint32_t)indent.len;
        write_lines(i, indent, statements, count);
        return;
    }
    while (i->at > 0 && strchr(" \t", source->text.ptr[i->at - 1])) {
        i->at--;
        i->cut++;
    }
    writer_text(&i->text, block->first ? "; " : " ");
    write_row(&i->text, statements, count);
    writer_byte(&i->text, ' ');
}

/* Is only a comment behind it on its line? */
static bool ends_line(const struct source *source, uint32_t offset)
{
    while (offset < source->text.len && strchr(" \t\r", source->text.ptr[offset]))
        offset++;
    return offset == source->text.len || strchr("\n#", source->text.ptr[offset]) != NULL;
}

/* A block for a statement that has none. */
static void add_block(struct insertion *i, const struct statement *s, const slice *statements,
                      uint32_t count)
{
    struct span span = statement_span(s);
    const struct source *source = span.source;
    i->at = span.offset + span.length;
    if (is_one_line(s->parent) || !ends_line(source, i->at)) {
        writer_literal(&i->text, " { ");
        write_row(&i->text, statements, count);
        writer_literal(&i->text, " }");
        return;
    }
    slice indent = indentation_at(source, span.offset);
    writer_literal(&i->text, " {");
    writer_slice_add(&i->text, i->line_end);
    write_lines(i, indent, statements, count);
    write_indent(&i->text, indent, 0);
    writer_byte(&i->text, '}');
}

/* A `waf` of its own, which inherits the level. */
static void add_waf(struct insertion *i, const struct statement *site, const slice *statements,
                    uint32_t count)
{
    char row[4096];
    struct writer w = writer_over(row, sizeof row);
    if (!begins_line(site->close.source, site->close.offset)) {
        writer_literal(&w, "waf { ");
        write_row(&w, statements, count);
        writer_literal(&w, " }");
        slice one = writer_slice(&w);
        add_to_block(i, site, &one, 1);
        return;
    }
    slice indent = indentation_at(site->close.source, site->close.offset);
    write_indent(&w, indent, 1);
    slice deeper = writer_slice(&w);
    i->at = site->close.offset - (uint32_t)indent.len;
    writer_slice_add(&i->text, deeper);
    writer_literal(&i->text, "waf {");
    writer_slice_add(&i->text, i->line_end);
    write_lines(i, deeper, statements, count);
    writer_slice_add(&i->text, deeper);
    writer_byte(&i->text, '}');
    writer_slice_add(&i->text, i->line_end);
}

static int apply(struct loader *l, const struct source *source, const struct insertion *i,
                 struct config_edit *ret)
{
    size_t room = source->text.len + i->text.len;
    char *memory = arena_take(&l->scratch, room);
    struct writer w = writer_over(memory, memory ? room : 0);
    if (!memory || i->text.overflowed)
        return -ENOMEM;
    writer_slice_add(&w, slice_first(source->text, i->at));
    writer_slice_add(&w, writer_slice(&i->text));
    writer_slice_add(&w, slice_after(source->text, i->at + i->cut));
    ret->path = source->name;
    ret->before = source->text;
    ret->after = writer_slice(&w);
    return 0;
}

int config_edit_waf(struct loader *l, const struct route *route, const slice *statements,
                    uint32_t count, struct config_edit *ret)
{
    const struct site_draft *draft = find_draft(l, route->site);
    if (!draft)
        return -ENOENT;
    const struct statement *inner = route_statement(l, draft, route);
    const struct statement *waf = inner ? statement_find(inner, "waf") : NULL;
    waf = waf ? waf : statement_find(draft->statement, "waf");
    for (const struct extension *e = draft->extensions; e && !waf; e = e->next)
        waf = statement_find(e->statement, "waf");
    const struct statement *changed = waf ? waf : draft->statement;
    size_t room = 4096;
    for (uint32_t i = 0; i < count; i++)
        room += statements[i].len + 256;
    char *memory = arena_take(&l->scratch, room);
    struct insertion i = { .text = writer_over(memory, memory ? room : 0),
                           .line_end = line_end_of(changed->name.span.source) };
    if (!memory || load_where(l, changed, &ret->where) != 0)
        return -ENOMEM;
    if (waf && waf->has_block)
        add_to_block(&i, waf, statements, count);
    else if (waf)
        add_block(&i, waf, statements, count);
    else
        add_waf(&i, draft->statement, statements, count);
    return apply(l, changed->name.span.source, &i, ret);
}

/* --- The check -------------------------------------------------------------------------------- */

static int read_file(void *context, struct arena *a, slice path, size_t bytes_max, slice *ret)
{
    const struct config_edit *edit = context;
    if (!slice_equal(path, edit->path))
        return load_reader.read_file(load_reader.context, a, path, bytes_max, ret);
    *ret = edit->after;
    return edit->after.len > bytes_max ? -EFBIG : 0;
}

int config_edit_check(const struct config_edit *edit, const char *config, struct loader *l,
                      struct diagnostics *d)
{
    struct reader reader = load_reader;
    reader.context = (void *)(uintptr_t)edit;
    reader.read_file = reader.read_input = read_file;
    struct load_options options = { .path = config, .reader = &reader };
    return loader_run(l, &options, d);
}
