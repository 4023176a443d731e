/* `help`, `version` and `completion`: what the program says about itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/schema.h"
#include "config/suggest.h"
#include "control/command.h"
#include "control/output.h"
#include "control/reference.h"
#include "control/vocabulary.h"

static void print_usage(int fd)
{
    output_format(fd,
                  "Portcullis %s, the gate in front of web applications\n\n"
                  "  portcullis --to localhost:3000         serves http://127.0.0.1:8080\n"
                  "  portcullis run -c portcullis.conf      serves what the file says\n\n",
                  PORTCULLIS_VERSION);
    for (size_t i = 0; i < command_count; i++)
        output_format(fd, "  %-11s %-34s %s\n", commands[i].name, commands[i].synopsis,
                      commands[i].meaning);
    output_format(
        fd,
        "\nhelp NAME explains a directive, an error code, a reason of the log, a command or a word "
        "of the WAF's rules:\n"
        "  portcullis help route   portcullis help E0407   portcullis help limits.body   "
        "portcullis help @rx\n");
}

/* Runs a writer of a whole document. */
static int print_document(void (*write)(struct writer *))
{
    char *memory = malloc(REFERENCE_BYTES_MAX);
    if (!memory)
        return EXIT_PROBLEM;
    struct writer w = writer_over(memory, REFERENCE_BYTES_MAX);
    write(&w);
    output_write(STDOUT_FILENO, writer_slice(&w));
    free(memory);
    return w.overflowed ? EXIT_PROBLEM : EXIT_OK;
}

static int print_named_document(const char *kind, const char *name)
{
    static const struct {
        const char *kind, *name;
        void (*write)(struct writer *);
    } documents[] = {
        { "reference", "directives", reference_write_directives_markdown },
        { "reference", "codes", reference_write_codes_markdown },
        { "reference", "reasons", reference_write_reasons_markdown },
        { "reference", "commands", reference_write_commands_markdown },
        { "reference", "seclang", reference_write_seclang_markdown },
        { "man", "1", manual_write_commands },
        { "man", "5", manual_write_language },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(documents); i++)
        if (strcmp(documents[i].kind, kind) == 0 && strcmp(documents[i].name, name) == 0)
            return print_document(documents[i].write);
    return command_refuse("--reference is directives, codes, reasons, commands or seclang; --man "
                          "is 1 or 5");
}

static bool print_rows(slice name)
{
    bool is_found = false;
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++) {
            const struct directive *row = &vocabulary_tables[i]->rows[j];
            if (!slice_equal(slice_from(row->name), name))
                continue;
            char text[8192];
            struct writer w = writer_over(text, sizeof text);
            if (is_found)
                writer_byte(&w, '\n');
            reference_write_directive(&w, row);
            output_write(STDOUT_FILENO, writer_slice(&w));
            is_found = true;
        }
    return is_found;
}

static bool print_command(slice name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (!slice_equal(slice_from(commands[i].name), name))
            continue;
        char text[2048];
        struct writer w = writer_over(text, sizeof text);
        reference_write_command(&w, &commands[i]);
        output_write(STDOUT_FILENO, writer_slice(&w));
        return true;
    }
    return false;
}

static bool has_row(slice name)
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            if (slice_equal(slice_from(vocabulary_tables[i]->rows[j].name), name))
                return true;
    return false;
}

/* It stands in what was printed of the command: `help waf test`. */
static bool is_told_with(slice command, slice word)
{
    slice rest = { 0 };
    for (size_t i = 0; i < command_count; i++)
        if (slice_equal(slice_from(commands[i].name), command))
            rest = slice_from(commands[i].synopsis);
    while (rest.len) {
        size_t length = slice_find_any(rest, "[]| ");
        if (slice_equal(slice_first(rest, length), word))
            return !has_row(word);
        rest = slice_after(rest, length + 1);
    }
    return false;
}

static bool print_later(slice name)
{
    for (size_t i = 0; vocabulary_later[i]; i++)
        if (slice_equal(slice_from(vocabulary_later[i]), name)) {
            output_format(STDOUT_FILENO,
                          "%.*s is a word of the language whose feature is not built "
                          "yet in this version\n",
                          SLICE_ARGUMENTS(name));
            return true;
        }
    return false;
}

static bool print_reason(slice name)
{
    const struct reason_description *reason = reason_find(name);
    if (!reason)
        return false;
    char text[2048];
    struct writer w = writer_over(text, sizeof text);
    reference_write_reason(&w, reason);
    output_write(STDOUT_FILENO, writer_slice(&w));
    return true;
}

/* Of the language of rules, where no word of ours is called so. */
static bool print_word(slice name)
{
    struct waf_word word;
    char text[2048];
    struct writer w = writer_over(text, sizeof text);
    if (!waf_word_find(name, &word))
        return false;
    reference_write_word(&w, &word);
    output_write(STDOUT_FILENO, writer_slice(&w));
    return true;
}

static int refuse_topic(slice name)
{
    struct suggestion near = suggestion_for(name);
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            suggestion_offer(&near, slice_from(vocabulary_tables[i]->rows[j].name));
    for (size_t i = 0; i < command_count; i++)
        suggestion_offer(&near, slice_from(commands[i].name));
    for (size_t i = 0; i < reason_description_count; i++)
        suggestion_offer(&near, slice_from(reason_descriptions[i].name));
    for (size_t i = 0; i < code_description_count; i++)
        suggestion_offer(&near, slice_from(code_descriptions[i].name));
    struct waf_word word;
    for (unsigned i = 0; waf_word_at(WORD_DIRECTIVE, i, &word); i++)
        suggestion_offer(&near, slice_from(word.name));
    for (unsigned i = 0; waf_word_at(WORD_VARIABLE, i, &word); i++)
        suggestion_offer(&near, slice_from(word.name));
    output_format(STDERR_FILENO,
                  "portcullis: there is no directive, code, reason or command '%.*s'",
                  SLICE_ARGUMENTS(name));
    if (near.best.len)
        output_format(STDERR_FILENO, "; did you mean '%.*s'?", SLICE_ARGUMENTS(near.best));
    output_write(STDERR_FILENO, SLICE("\n"));
    return EXIT_USAGE;
}

static int print_topic(slice name)
{
    const struct code_description *code = code_find(name);
    if (code) {
        char text[4096];
        struct writer w = writer_over(text, sizeof text);
        reference_write_code(&w, code);
        output_write(STDOUT_FILENO, writer_slice(&w));
        return EXIT_OK;
    }
    if (print_reason(name))
        return EXIT_OK;
    bool is_command = print_command(name);
    bool is_found = print_rows(name) || is_command || print_later(name) || print_word(name);
    return is_found ? EXIT_OK : refuse_topic(name);
}

int command_help(int argc, char **argv)
{
    const char *reference = NULL, *manual = NULL;
    const struct command_option options[] = {
        { .name = "--reference", .value = &reference },
        { .name = "--man", .value = &manual },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (reference)
        return print_named_document("reference", reference);
    if (manual)
        return print_named_document("man", manual);
    if (count == 0)
        print_usage(STDOUT_FILENO);
    for (int i = 0; i < count; i++) {
        if (i > 0 && is_told_with(slice_from(argv[i - 1]), slice_from(argv[i])))
            continue;
        if (i > 0)
            output_write(STDOUT_FILENO, SLICE("\n"));
        if (print_topic(slice_from(argv[i])) != EXIT_OK)
            return EXIT_USAGE;
    }
    return EXIT_OK;
}

int command_version(int argc, char **argv)
{
    bool json = false;
    const struct command_option options[] = { { .name = "--json", .flag = &json } };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count > 0)
        return command_refuse("version takes no further words");
    output_format(STDOUT_FILENO, json ? "{\"version\":\"%s\"}\n" : "portcullis %s\n",
                  PORTCULLIS_VERSION);
    return EXIT_OK;
}
