/* What the tables say, as text for `help`, as Markdown for docs/reference, as manual pages. */
#pragma once

#include "base/writer.h"
#include "config/code.h"
#include "config/directive.h"
#include "control/reason.h"
#include "waf/seclang/words.h"

/* Bytes that any of these writes at most. */
#define REFERENCE_BYTES_MAX (512u << 10)

/* One row for the terminal. */
void reference_write_directive(struct writer *w, const struct directive *row);
void reference_write_code(struct writer *w, const struct code_description *code);
void reference_write_reason(struct writer *w, const struct reason_description *reason);
struct command;
void reference_write_command(struct writer *w, const struct command *command);
void reference_write_word(struct writer *w, const struct waf_word *word);

/* Whole documents. */
void reference_write_directives_markdown(struct writer *w);
void reference_write_codes_markdown(struct writer *w);
void reference_write_reasons_markdown(struct writer *w);
void reference_write_commands_markdown(struct writer *w);
void reference_write_seclang_markdown(struct writer *w);
void manual_write_commands(struct writer *w); /* portcullis(1) */
void manual_write_language(struct writer *w); /* portcullis.conf(5) */
