/* The manual pages, in roff. */
#include "control/command.h"
#include "control/reference.h"
#include "control/vocabulary.h"

/* A text between requests: backslashes, and dots or quotes at the begin of a line, are not roff. */
static void write_text(struct writer *w, const char *text)
{
    bool at_start = true;
    for (const char *c = text; *c; c++) {
        if (at_start && (*c == '.' || *c == '\''))
            writer_literal(w, "\\&");
        if (*c == '\\')
            writer_literal(w, "\\e");
        else if (*c == '-')
            writer_literal(w, "\\-");
        else
            writer_byte(w, *c);
        at_start = *c == '\n';
    }
}

static void write_example(struct writer *w, const char *text)
{
    writer_literal(w, ".RS\n.nf\n");
    write_text(w, text);
    writer_literal(w, "\n.fi\n.RE\n");
}

static void write_title(struct writer *w, const char *name, const char *section, const char *what)
{
    writer_format(w, ".TH %s %s \"\" \"Portcullis %s\"\n.SH NAME\n", name, section,
                  PORTCULLIS_VERSION);
    write_text(w, what);
    writer_byte(w, '\n');
}

void manual_write_commands(struct writer *w)
{
    write_title(w, "PORTCULLIS", "1", "portcullis - the gate in front of web applications");
    writer_literal(w,
                   ".SH SYNOPSIS\n.B portcullis\n.I COMMAND\n[...]\n.br\n.B portcullis \\-\\-to\n"
                   ".IR ADDRESS [,...]\n[\\-\\-listen ADDRESS] [\\-\\-host NAME] "
                   "[\\-\\-print\\-config]\n.SH COMMANDS\n");
    for (size_t i = 0; i < command_count; i++) {
        writer_format(w, ".TP\n.B %s ", commands[i].name);
        write_text(w, commands[i].synopsis);
        writer_byte(w, '\n');
        write_text(w, commands[i].meaning);
        writer_literal(w, ".\n");
        write_text(w, commands[i].details);
        writer_byte(w, '\n');
    }
    writer_literal(w,
                   ".SH ALIASES\n"
                   "\\-t check, \\-T check and print all files, \\-s reload|quit|stop, \\-v "
                   "version, \\-h help, \\-c FILE run with this file.\n"
                   ".SH SIGNALS\n"
                   "HUP reload, TERM drain and end, INT end at once, USR1 reopen log files, USR2 "
                   "upgrade.\n"
                   ".SH EXIT STATUS\n"
                   "0 in order, 1 a problem was found, 2 the command line was not understood, 3 "
                   "nothing is running.\n"
                   ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nWhen set, no colours on the terminal.\n"
                   ".SH FILES\n.TP\n.I ");
    write_text(w, CONFIG_PATH_DEFAULT);
    writer_literal(w, "\nThe configuration.\n.SH SEE ALSO\n.BR portcullis.conf (5)\n");
}

static void write_row(struct writer *w, const struct directive *row)
{
    char syntax[512];
    struct writer s = writer_over(syntax, sizeof syntax - 1);
    directive_write_syntax(&s, row);
    syntax[s.len] = '\0';
    writer_literal(w, ".TP\n.B ");
    write_text(w, syntax);
    writer_byte(w, '\n');
    write_text(w, row->meaning);
    writer_literal(w, ".\n");
    if (row->details) {
        write_text(w, row->details);
        writer_byte(w, '\n');
    }
    if (row->preset) {
        writer_literal(w, "Default: ");
        write_text(w, row->preset);
        writer_literal(w, ".\n");
    }
    write_example(w, row->example);
}

void manual_write_language(struct writer *w)
{
    write_title(w, "PORTCULLIS.CONF", "5", "portcullis.conf - configuration of portcullis(1)");
    writer_literal(w, ".SH DESCRIPTION\n");
    write_text(w, "A statement is a directive's name, its arguments, and a block in braces or the "
                  "end of the line; ';' ends it too. '#' begins a comment. Text order decides "
                  "nothing. Settings are inherited from defaults over policy and site to route; "
                  "the nearer one wins, headers and access rules add up. Durations are written "
                  "500ms 10s 5m 1h30m 2d, sizes 512B 64K 10M 1G. ${env:NAME}, ${env:NAME:-value}, "
                  "${file:/path} and ${cred:name} are replaced while loading; {client.ip}, "
                  "{host}, {uri} and their like for each request.\n");
    for (size_t i = 0; vocabulary_tables[i]; i++) {
        writer_format(w, ".SH %s\n", vocabulary_tables[i]->feature);
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            write_row(w, &vocabulary_tables[i]->rows[j]);
    }
    writer_literal(w, ".SH SEE ALSO\n.BR portcullis (1)\n");
}
