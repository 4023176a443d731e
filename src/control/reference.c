#include "control/reference.h"

#include "control/command.h"
#include "control/vocabulary.h"

static void write_scopes(struct writer *w, uint32_t scopes)
{
    const char *separator = "";
    for (uint32_t bit = 0; bit < SCOPE_COUNT; bit++)
        if (scopes & (1u << bit)) {
            writer_format(w, "%s%s", separator, scope_names[bit]);
            separator = ", ";
        }
}

/* "N: 1 to 1000; weight: 1 to 1000" */
static void write_ranges(struct writer *w, const struct directive *row)
{
    const char *separator = "";
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].kind != ARGUMENT_NONE; i++) {
        char text[96];
        struct writer range = writer_over(text, sizeof text);
        argument_write_range(&range, &row->arguments[i]);
        if (range.len == 0)
            continue;
        writer_format(w, "%s%s %.*s", separator, row->arguments[i].name,
                      SLICE_ARGUMENTS(writer_slice(&range)));
        separator = "; ";
    }
}

/* The names of what may stand in the block. */
static void write_inside(struct writer *w, uint32_t scope, const char *before, const char *after)
{
    const char *separator = "";
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++) {
            const struct directive *row = &vocabulary_tables[i]->rows[j];
            if (!(row->scopes & scope))
                continue;
            writer_format(w, "%s%s%s%s", separator, before, row->name, after);
            separator = ", ";
        }
}

static bool has_range(const struct directive *row)
{
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    write_ranges(&w, row);
    return w.len > 0;
}

/* A paragraph on lines of at most 78 columns, indented by two. */
static void write_wrapped(struct writer *w, const char *text)
{
    slice rest = slice_from(text);
    size_t column = 0;
    while (rest.len) {
        slice word = slice_first(rest, slice_find_byte(rest, ' '));
        bool breaks = column && column + 1 + word.len > 78;
        writer_text(w, breaks ? "\n  " : column ? " " : "  ");
        column = (breaks || !column ? 2 : column + 1) + word.len;
        writer_slice_add(w, word);
        rest = slice_after(rest, word.len + 1);
    }
    writer_byte(w, '\n');
}

void reference_write_directive(struct writer *w, const struct directive *row)
{
    directive_write_syntax(w, row);
    writer_format(w, "\n  %s.\n", row->meaning);
    if (row->details)
        write_wrapped(w, row->details);
    writer_literal(w, "  where:    ");
    write_scopes(w, row->scopes);
    writer_byte(w, '\n');
    if (row->block_scope) {
        writer_literal(w, "  inside:   ");
        write_inside(w, row->block_scope, "", "");
        writer_byte(w, '\n');
    }
    if (row->preset)
        writer_format(w, "  default:  %s\n", row->preset);
    if (has_range(row)) {
        writer_literal(w, "  range:    ");
        write_ranges(w, row);
        writer_byte(w, '\n');
    }
    if (row->is_repeatable)
        writer_literal(w, "  repeated: may be written several times\n");
    writer_format(w, "  since:    %s\n  example:  %s\n", row->since, row->example);
}

static void write_indented(struct writer *w, const char *text, const char *indent)
{
    slice rest = slice_from(text);
    while (rest.len) {
        size_t end = slice_find_byte(rest, '\n');
        writer_text(w, indent);
        for (size_t i = 0; i < end; i++) /* an example may show a control character */
            if ((unsigned char)rest.ptr[i] < 0x20)
                writer_format(w, "\\x%02x", (unsigned)rest.ptr[i]);
            else
                writer_byte(w, rest.ptr[i]);
        writer_byte(w, '\n');
        rest = slice_after(rest, end + 1);
    }
}

void reference_write_code(struct writer *w, const struct code_description *code)
{
    writer_format(w, "%s: %s\n", code->name, code->title);
    write_wrapped(w, code->explanation);
    writer_literal(w, "  for example:\n");
    write_indented(w, code->example, "    ");
    writer_literal(w, "  mended:\n");
    write_indented(w, code->mended, "    ");
}

void reference_write_reason(struct writer *w, const struct reason_description *reason)
{
    writer_format(w, "%s\n", reason->name);
    write_wrapped(w, reason->meaning);
    write_wrapped(w, reason->advice);
    writer_format(w, "  status:   %s\n", reason->status);
}

void reference_write_command(struct writer *w, const struct command *command)
{
    writer_format(w, "portcullis %s %s\n  %s.\n", command->name, command->synopsis,
                  command->meaning);
    write_wrapped(w, command->details);
    if (command->options[0])
        writer_format(w, "  options:  %s\n", command->options);
}

/* --- Markdown --- */

static void write_row_markdown(struct writer *w, const struct directive *row)
{
    writer_format(w, "### %s\n\n```\n", row->name);
    directive_write_syntax(w, row);
    writer_format(w, "\n```\n\n%s.", row->meaning);
    if (row->details)
        writer_format(w, " %s", row->details);
    writer_literal(w, "\n\n- where: ");
    write_scopes(w, row->scopes);
    if (row->block_scope) {
        writer_literal(w, "\n- inside: ");
        write_inside(w, row->block_scope, "`", "`");
    }
    if (row->preset)
        writer_format(w, "\n- default: `%s`", row->preset);
    if (has_range(row)) {
        writer_literal(w, "\n- range: ");
        write_ranges(w, row);
    }
    if (row->is_repeatable)
        writer_literal(w, "\n- may be written several times");
    writer_format(w, "\n- since %s\n\n```nginx\n%s\n```\n\n", row->since, row->example);
}

void reference_write_directives_markdown(struct writer *w)
{
    writer_literal(w, "# Directives\n\n"
                      "Generated from the tables in the source by `portcullis help --reference "
                      "directives`; do not edit. Every change takes effect with a reload, without "
                      "loss.\n\n");
    for (size_t i = 0; vocabulary_tables[i]; i++) {
        writer_format(w, "## %s\n\n", vocabulary_tables[i]->feature);
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            write_row_markdown(w, &vocabulary_tables[i]->rows[j]);
    }
}

void reference_write_codes_markdown(struct writer *w)
{
    writer_literal(w,
                   "# Errors and warnings\n\n"
                   "Generated by `portcullis help --reference codes`; do not edit. The codes are "
                   "stable.\n\n");
    for (size_t i = 0; i < code_description_count; i++) {
        const struct code_description *code = &code_descriptions[i];
        writer_format(w, "## %s: %s\n\n%s\n\n```nginx\n", code->name, code->title,
                      code->explanation);
        write_indented(w, code->example, "");
        writer_literal(w, "```\n\nMended:\n\n```nginx\n");
        write_indented(w, code->mended, "");
        writer_literal(w, "```\n\n");
    }
}

void reference_write_reasons_markdown(struct writer *w)
{
    writer_literal(w,
                   "# Reasons\n\n"
                   "Generated by `portcullis help --reference reasons`; do not edit. The words are "
                   "stable. They stand in the field `reason` of both logs, in the metrics and in "
                   "`explain`; `portcullis help REASON` explains one.\n\n"
                   "The same words are used for both sides. When the field `fault` says "
                   "`upstream`, the origin's answer was wrong, and the client got 502.\n\n"
                   "| reason | status | meaning | what to do |\n|---|---|---|---|\n");
    for (size_t i = 0; i < reason_description_count; i++) {
        const struct reason_description *reason = &reason_descriptions[i];
        writer_format(w, "| `%s` | %s | %s | %s |\n", reason->name, reason->status, reason->meaning,
                      reason->advice);
    }
}

void reference_write_commands_markdown(struct writer *w)
{
    writer_literal(w, "# Commands\n\n"
                      "Generated by `portcullis help --reference commands`; do not edit.\n\n"
                      "Exit codes: 0 in order, 1 a problem was found, 2 the command line was not "
                      "understood, 3 nothing is running. `portcullis COMMAND --help` is "
                      "`portcullis help COMMAND`.\n\n"
                      "For those who come from nginx: `-t` is `check`, `-T` is `check --dump`; `-s "
                      "reload`, `-s quit` and `-s stop` are `reload`, `stop` and `stop --now`; `-c "
                      "FILE` alone is `run -c FILE`, `-v` is `version`.\n\n");
    for (size_t i = 0; i < command_count; i++)
        writer_format(w, "## %s\n\n```\nportcullis %s %s\n```\n\n%s. %s\n\n", commands[i].name,
                      commands[i].name, commands[i].synopsis, commands[i].meaning,
                      commands[i].details);
}
