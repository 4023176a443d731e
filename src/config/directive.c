#include "config/directive.h"

#include "base/panic.h"

const char *const scope_names[SCOPE_COUNT] = {
    "the top level",
    "'defaults'",
    "a 'policy'",
    "a 'site'",
    "a 'route'",
    "'extend site'",
    "an 'origin'",
    "'timeout' of a policy, site or route",
    "'timeout' at the top level or in 'defaults'",
    "'timeout' of an origin",
    "'limits' of defaults, a policy, site or route",
    "'limits' at the top level",
    "'headers'",
    "'request' of 'headers'",
    "'tls' of an origin",
    "'tls'",
    "'auth'",
    "'acme'",
    "'waf'",
};

bool choice_next(slice *rest, slice *ret)
{
    if (rest->len == 0)
        return false;
    size_t bar = slice_find_byte(*rest, '|');
    *ret = slice_first(*rest, bar);
    *rest = slice_after(*rest, bar + 1);
    return true;
}

static void write_placeholder(struct writer *w, const struct argument *a)
{
    if (a->kind == ARGUMENT_CHOICE)
        writer_text(w, a->choices);
    else if (a->form == FORM_KEYWORD)
        writer_text(w, a->kind == ARGUMENT_DURATION ? "DURATION"
                       : a->kind == ARGUMENT_TEXT   ? "TEXT"
                                                    : "N");
    else
        writer_text(w, a->name);
}

static void write_argument(struct writer *w, const struct argument *a)
{
    bool is_choice = a->kind == ARGUMENT_CHOICE && strchr(a->choices, '|');
    switch (a->form) {
    case FORM_ONE:
        if (is_choice)
            writer_byte(w, '(');
        write_placeholder(w, a);
        if (is_choice)
            writer_byte(w, ')');
        return;
    case FORM_MANY:
        write_placeholder(w, a);
        writer_literal(w, "...");
        return;
    case FORM_SOME:
        writer_byte(w, '[');
        write_placeholder(w, a);
        writer_literal(w, "...]");
        return;
    case FORM_OPTIONAL:
        writer_byte(w, '[');
        write_placeholder(w, a);
        writer_byte(w, ']');
        return;
    case FORM_FLAG:
        writer_format(w, "[%s]", a->name);
        return;
    case FORM_KEYWORD:
        writer_format(w, "[%s ", a->name);
        write_placeholder(w, a);
        writer_byte(w, ']');
        return;
    }
}

void directive_write_syntax(struct writer *w, const struct directive *row)
{
    writer_text(w, row->name);
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i].kind != ARGUMENT_NONE; i++) {
        writer_byte(w, ' ');
        write_argument(w, &row->arguments[i]);
    }
    if (row->block_scope)
        writer_text(w, row->block_is_optional ? " [{ ... }]" : " { ... }");
}

void argument_write_range(struct writer *w, const struct argument *a)
{
    switch (a->kind) {
    case ARGUMENT_NUMBER:
    case ARGUMENT_RATE:
        writer_format(w, "%llu to %llu", (unsigned long long)a->min, (unsigned long long)a->max);
        return;
    case ARGUMENT_COUNT:
        writer_format(w, "auto, or %llu to %llu", (unsigned long long)a->min,
                      (unsigned long long)a->max);
        return;
    case ARGUMENT_DURATION:
        value_write_duration(w, a->min);
        writer_literal(w, " to ");
        value_write_duration(w, a->max);
        return;
    case ARGUMENT_SIZE:
        value_write_size(w, a->min);
        writer_literal(w, " to ");
        value_write_size(w, a->max);
        return;
    case ARGUMENT_SIZE_RATE:
        writer_literal(w, "off, or ");
        value_write_size(w, a->min);
        writer_literal(w, "/s to ");
        value_write_size(w, a->max);
        writer_literal(w, "/s");
        return;
    case ARGUMENT_PERCENT:
        writer_format(w, "%llu%% to %llu%%", (unsigned long long)a->min,
                      (unsigned long long)a->max);
        return;
    case ARGUMENT_NONE:
    case ARGUMENT_NAME:
    case ARGUMENT_TEXT:
    case ARGUMENT_CHOICE:
    case ARGUMENT_SECRET:
        return;
    }
}

static void store_number(char *to, uint8_t bytes, uint64_t number)
{
    uint8_t one = (uint8_t)number;
    uint16_t two = (uint16_t)number;
    uint32_t four = (uint32_t)number;
    switch (bytes) {
    case 1:
        memcpy(to, &one, 1);
        return;
    case 2:
        memcpy(to, &two, 2);
        return;
    case 4:
        memcpy(to, &four, 4);
        return;
    case 8:
        memcpy(to, &number, 8);
        return;
    default:
        UNREACHABLE();
    }
}

void directive_store(const struct directive *row, const struct directive_values *values,
                     void *object)
{
    for (size_t i = 0; i < ARGUMENTS_MAX; i++)
        if (row->arguments[i].is_stored && values->arguments[i].is_set)
            store_number((char *)object + row->arguments[i].offset, row->arguments[i].bytes,
                         values->arguments[i].number);
}
