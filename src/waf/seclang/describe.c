#include "waf/seclang/describe.h"

enum { LEVELS = 4 };

static const char *const phase_names[WAF_PHASES + 1] = {
    "", "request fields", "request body", "response fields", "response body", "logging"
};

/* 1 … 4; 0 when no tag says it. */
static unsigned level_of(const struct rule *rule)
{
    for (unsigned i = 0; i < rule->tag_count; i++) {
        slice tag = rule->tags[i].source;
        if (!slice_starts_with(tag, SLICE("paranoia-level/")))
            continue;
        slice level = slice_after(tag, strlen("paranoia-level/"));
        if (level.len == 1 && level.ptr[0] > '0' && level.ptr[0] <= '0' + LEVELS)
            return (unsigned)(level.ptr[0] - '0');
    }
    return 0;
}

static const char *plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

static void describe_phases(const struct ruleset *rules, struct writer *w)
{
    for (unsigned p = 1; p <= WAF_PHASES; p++)
        if (rules->phases[p].count)
            writer_format(w, "phase %u (%s): %u rule%s\n", p, phase_names[p],
                          rules->phases[p].count, plural(rules->phases[p].count));
}

static void describe_levels(const struct ruleset *rules, struct writer *w)
{
    unsigned count[LEVELS + 1] = { 0 };
    for (unsigned i = 0; i < rules->rule_count; i++)
        count[level_of(&rules->rules[i])]++;
    for (unsigned i = 1; i <= LEVELS; i++)
        if (count[i])
            writer_format(w, "paranoia level %u: %u rule%s\n", i, count[i], plural(count[i]));
    if (count[0] < rules->rule_count)
        writer_format(w, "of no level: %u rule%s\n", count[0], plural(count[0]));
}

static void describe_file(const struct ruleset *rules, slice file, struct writer *w)
{
    unsigned count = 0;
    uint32_t first = WAF_NONE, last = 0;
    for (unsigned i = 0; i < rules->rule_count; i++) {
        const struct rule *rule = &rules->rules[i];
        if (!slice_equal(rule->file, file))
            continue;
        count++;
        first = rule->id < first ? rule->id : first;
        last = rule->id > last ? rule->id : last;
    }
    if (!count)
        return;
    writer_format(w, "%.*s: %u rule%s, ", SLICE_ARGUMENTS(file), count, plural(count));
    if (first == last)
        writer_format(w, "%u\n", first);
    else
        writer_format(w, "%u to %u\n", first, last);
}

void ruleset_describe(const struct ruleset *rules, struct writer *w)
{
    unsigned links = 0;
    for (unsigned i = 0; i < rules->rule_count; i++)
        links += rules->rules[i].link_count;
    slice name = rules->directives.component_signature;
    if (name.len)
        writer_format(w, "%.*s: ", SLICE_ARGUMENTS(name));
    writer_format(w, "%u rule%s, %u with those chained to them\n", rules->rule_count,
                  plural(rules->rule_count), links);
    describe_phases(rules, w);
    describe_levels(rules, w);
    for (unsigned i = 0; i < rules->file_count; i++) {
        bool is_known = false; /* included twice */
        for (unsigned k = 0; k < i && !is_known; k++)
            is_known = slice_equal(rules->files[k], rules->files[i]);
        if (!is_known)
            describe_file(rules, rules->files[i], w);
    }
}
