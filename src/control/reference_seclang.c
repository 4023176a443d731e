/* The words of SecLang, as text for `help` and as a page of the reference. */
#include "control/reference.h"

static const char *const effects[] = { [WORD_WORKS] = "",
                                       [WORD_WITHOUT_EFFECT] = "read, without effect: ",
                                       [WORD_REFUSED] = "**refused**: " };

/* A cell of a table: outside of `code` * and < are Markdown's, and | anywhere. */
static void write_cell(struct writer *w, const char *text)
{
    bool is_code = false;
    for (; *text; text++) {
        is_code ^= *text == '`';
        if (*text == '|' || (*text == '*' && !is_code))
            writer_byte(w, '\\');
        if (*text == '<' && !is_code)
            writer_literal(w, "&lt;");
        else
            writer_byte(w, *text);
    }
}

/* In code only | has to be escaped. */
static void write_code(struct writer *w, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            writer_byte(w, '\\');
        writer_byte(w, *text);
    }
}

static void write_row(struct writer *w, const struct waf_word *word)
{
    writer_literal(w, "| `");
    writer_text(w, word->before);
    write_code(w, word->name);
    writer_byte(w, '`');
    if (word->alias)
        writer_format(w, ", `%s%s`", word->before, word->alias);
    writer_literal(w, " | ");
    if (word->form[0]) {
        writer_byte(w, '`');
        write_code(w, word->form);
        writer_byte(w, '`');
    }
    writer_format(w, " | %s", effects[word->effect]);
    write_cell(w, word->meaning);
    if (word->example && word->kind == WORD_TRANSFORM) {
        writer_byte(w, ' ');
        write_code(w, word->example);
        writer_byte(w, '.');
    }
    writer_literal(w, " | ");
    if (word->difference)
        write_cell(w, word->difference);
    writer_literal(w, " |\n");
}

static void write_kind(struct writer *w, enum waf_word_kind kind)
{
    struct waf_word word;
    const char *name = waf_word_kind_name(kind);
    writer_format(w, "## %c%s\n\n", name[0] - 'a' + 'A', name + 1);
    writer_literal(
        w, "| word | behind it | meaning | here, unlike ModSecurity |\n|---|---|---|---|\n");
    for (unsigned i = 0; waf_word_at(kind, i, &word); i++)
        write_row(w, &word);
    writer_byte(w, '\n');
}

void reference_write_seclang_markdown(struct writer *w)
{
    writer_literal(w, "# SecLang\n\n"
                      "Generated from the tables of the program by `portcullis help --reference "
                      "seclang`; do not edit. "
                      "`portcullis help WORD` explains one: `help SecRule`, `help @rx`, `help "
                      "t:urlDecodeUni`, `help "
                      "ctl:ruleEngine`. What is refused is an error with its place when rules are "
                      "read; nothing is passed "
                      "over. How rules are used says the [guide](../guide/waf.md); ModSecurity 2 "
                      "is the measure.\n\n");
    for (unsigned kind = 0; kind < WORD_KINDS; kind++)
        write_kind(w, (enum waf_word_kind)kind);
}

void reference_write_word(struct writer *w, const struct waf_word *word)
{
    static const char *const plain[] = { [WORD_WORKS] = "",
                                         [WORD_WITHOUT_EFFECT] = "Read, without effect: ",
                                         [WORD_REFUSED] = "Refused: " };
    bool is_apart =
        word->form[0] && word->form[0] != ':' && word->form[0] != '[' && word->form[0] != '=';
    writer_format(w, "%s%s%s%s\n  %s%s\n", word->before, word->name, is_apart ? " " : "",
                  word->form, plain[word->effect], word->meaning);
    writer_format(w, "  of the rules' language: %s\n", waf_word_kind_name(word->kind));
    if (word->alias)
        writer_format(w, "  also:     %s%s\n", word->before, word->alias);
    if (word->difference)
        writer_format(w, "  here:     %s\n", word->difference);
    if (word->example)
        writer_format(w, "  example:  %s\n", word->example);
}
