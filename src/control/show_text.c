#include "control/show_text.h"

void show_write_template(struct writer *w, const struct template *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const struct template_part *part = &t->parts[i];
        if (part->variable == TEMPLATE_LITERAL) {
            writer_slice_add(w, part->text);
            continue;
        }
        /* the names stand in the order of the variables, behind the literal */
        const char *name = template_variable_names[part->variable - 1];
        slice stem = slice_from(name);
        if (part->text.len)
            stem = slice_first(stem, slice_find_byte(stem, '.') + 1);
        writer_byte(w, '{');
        writer_slice_add(w, stem);
        writer_slice_add(w, part->text);
        writer_byte(w, '}');
    }
}

void show_write_answer(struct writer *w, const struct route *route)
{
    const struct answer_settings *answer = route->blocks[FEATURE_ANSWER];
    const struct target_settings *target = route->blocks[FEATURE_TARGET];
    switch (answer->kind) {
    case ANSWER_REDIRECT:
        writer_format(w, "redirect %u ", answer->status);
        show_write_template(w, &answer->text);
        return;
    case ANSWER_RESPOND:
        writer_format(w, "respond %u", answer->status);
        return;
    case ANSWER_NONE:
        break;
    }
    if (!target->origin) {
        writer_literal(w, "nothing: 404");
        return;
    }
    writer_format(w, "to %.*s", SLICE_ARGUMENTS(target->origin->name));
    if (target->prefix.len)
        writer_format(w, " path %.*s", SLICE_ARGUMENTS(target->prefix));
}

void show_write_conditions(struct writer *w, const struct route *route)
{
    static const char *const words[] = { "method", "header", "query", "cookie", "ip", "ja4", "h2" };
    for (uint32_t i = 0; i < route->condition_count; i++) {
        const struct condition *c = &route->conditions[i];
        writer_format(w, "  when %s%s", c->negated ? "not " : "", words[c->kind]);
        if (c->name.len)
            writer_format(w, " %.*s", SLICE_ARGUMENTS(c->name));
        for (uint32_t j = 0; j < c->value_count; j++)
            writer_format(w, " %.*s", SLICE_ARGUMENTS(c->values[j]));
        for (uint32_t j = 0; c->kind == CONDITION_IP && j < c->networks.count; j++) {
            writer_byte(w, ' ');
            ip_network_write(w, &c->networks.entries[j].network);
        }
    }
}
