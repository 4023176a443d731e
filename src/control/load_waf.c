/* The rules of `waf`: read once for all places that name the same ones, and what a place's own
 * words mean to them. */
#include <errno.h>

#include "base/panic.h"
#include "control/loader.h"
#include "control/waf_files.h"
#include "proxy/waf_settings.h"
#include "waf/rules/builtin.h"
#include "waf/waf.h"

#define PATH_BYTES 4096u

/* --- Files in their order --------------------------------------------------------------------- */

/* All that a name or pattern in a folder means. 0 · -EINVAL noted by the reader · -ENOMEM;
 * *ret_found: how many */
static int read_pattern(struct loader *l, struct seclang *load, slice folder, const char *name,
                        uint32_t *ret_found)
{
    char memory[PATH_BYTES];
    struct writer w = writer_over(memory, sizeof memory);
    slice *paths;
    uint32_t count;
    writer_slice_add(&w, folder);
    if (folder.len && folder.ptr[folder.len - 1] != '/')
        writer_byte(&w, '/');
    writer_text(&w, name);
    int error = l->files.reader->list_files(l->files.reader->context, &l->scratch, writer_slice(&w),
                                            &paths, &count);
    if (error == -ENOMEM)
        return error;
    *ret_found = error ? 0 : count;
    for (uint32_t i = 0; i < *ret_found; i++) {
        error = seclang_file(load, paths[i]);
        if (error && error != -EINVAL)
            return error;
    }
    return 0;
}

static struct diagnostic *report(struct loader *l, const struct word *word, const char *what,
                                 slice path)
{
    struct diagnostic *item = diagnostics_add(l->diagnostics, E0504, &word->span, "%s '%.*s'", what,
                                              SLICE_ARGUMENTS(path));
    diagnostic_label(l->diagnostics, item, "named here");
    return item;
}

/* Where distributions put the Core Rule Set: the folder that holds `rules`, and the one of its
 * crs-setup.conf. */
static const struct crs_place {
    slice folder, setup;
} crs_places[] = {
    { SLICE("/usr/share/modsecurity-crs"), SLICE("/etc/modsecurity/crs") }, /* Debian, Ubuntu */
    { SLICE("/usr/share/mod_modsecurity_crs"), SLICE("/etc/httpd/modsecurity.d") }, /* Fedora */
    { SLICE("/usr/share/coreruleset"), SLICE("/etc/coreruleset") },
    { SLICE("/etc/crs4"), SLICE("/etc/crs4") }, /* by the project's own instructions */
    { SLICE("/etc/crs"), SLICE("/etc/crs") },
};

/* Where a folder that is named has its settings: that of a distribution may be named too. */
static struct crs_place place_of(slice folder)
{
    while (folder.len > 1 && folder.ptr[folder.len - 1] == '/')
        folder.len--;
    for (size_t i = 0; i < ARRAY_LENGTH(crs_places); i++)
        if (slice_equal(folder, crs_places[i].folder))
            return crs_places[i];
    return (struct crs_place){ folder, folder };
}

/* Its documented order: settings, plugins' settings, plugins before, rules, plugins behind. */
static int read_crs(struct loader *l, struct seclang *load, const struct crs_place *place,
                    uint32_t *ret_rules)
{
    uint32_t found;
    TRY(read_pattern(l, load, place->setup, "crs-setup.conf", &found));
    if (found == 0)
        TRY(read_pattern(l, load, place->folder, "crs-setup.conf", &found));
    if (found == 0)
        TRY(read_pattern(l, load, place->folder, "crs-setup.conf.example", &found));
    TRY(read_pattern(l, load, place->folder, "plugins/*-config.conf", &found));
    TRY(read_pattern(l, load, place->folder, "plugins/*-before.conf", &found));
    bool is_apart = !slice_equal(place->folder, place->setup);
    if (is_apart)
        TRY(read_pattern(l, load, place->setup, "REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf",
                         &found));
    TRY(read_pattern(l, load, place->folder, "rules/*.conf", ret_rules));
    if (is_apart)
        TRY(read_pattern(l, load, place->setup, "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf",
                         &found));
    return read_pattern(l, load, place->folder, "plugins/*-after.conf", &found);
}

/* *ret_place: where they were found */
static int read_crs_somewhere(struct loader *l, struct seclang *load,
                              const struct waf_source *source, struct crs_place *ret_place)
{
    uint32_t rules = 0;
    if (source->count) {
        *ret_place = place_of(source->paths[0]);
        TRY(read_crs(l, load, ret_place, &rules));
        if (rules == 0)
            diagnostic_help(l->diagnostics,
                            report(l, source->word, "no rules in", ret_place->folder),
                            "the folder should hold rules/*.conf and crs-setup.conf");
        return rules ? 0 : -EINVAL;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(crs_places) && rules == 0; i++) {
        char memory[PATH_BYTES];
        struct writer w = writer_over(memory, sizeof memory);
        slice *paths;
        uint32_t count = 0;
        writer_slice_add(&w, crs_places[i].folder);
        writer_literal(&w, "/rules/*.conf");
        if (l->files.reader->list_files(l->files.reader->context, &l->scratch, writer_slice(&w),
                                        &paths, &count) == 0 &&
            count)
            TRY(read_crs(l, load, &crs_places[i], &rules));
        *ret_place = crs_places[i];
    }
    if (rules == 0)
        diagnostic_help(
            l->diagnostics,
            report(l, source->word, "cannot find the Core Rule Set for", SLICE("crs")),
            "install the package modsecurity-crs, or name its folder:  rules crs FOLDER");
    return rules ? 0 : -EINVAL;
}

static int read_files(struct loader *l, struct seclang *load, const struct waf_source *source)
{
    int result = 0;
    for (uint32_t i = 0; i < source->count; i++) {
        uint32_t found;
        char name[PATH_BYTES];
        struct writer w = writer_over(name, sizeof name - 1);
        writer_slice_add(&w, source->paths[i]);
        name[w.len] = '\0';
        TRY(read_pattern(l, load, slice_of(NULL, 0), name, &found));
        if (found == 0) {
            report(l, source->word, "no such file of rules:", source->paths[i]);
            result = -EINVAL;
        }
    }
    return result;
}

/* --- One ruleset ------------------------------------------------------------------------------ */

static void report_problems(struct loader *l, const struct word *word, enum diagnostic_code code,
                            const struct waf_problem *problems, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct waf_problem *p = &problems[i];
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, code, &word->span, "%.*s:%u:%u: %s",
                            SLICE_ARGUMENTS(p->file), p->line, p->column, p->text);
        diagnostic_label(l->diagnostics, item, "these rules");
    }
}

static void report_load(struct loader *l, const struct word *word, const struct seclang *load)
{
    unsigned count, total;
    const struct waf_problem *problems = seclang_errors(load, &count, &total);
    report_problems(l, word, E0504, problems, count);
    problems = seclang_warnings(load, &count, &total);
    report_problems(l, word, W0707, problems, count);
}

static int read_source(struct loader *l, struct seclang *load, const struct waf_source *source,
                       struct crs_place *ret_place)
{
    switch (source->kind) {
    case WAF_SOURCE_BUILTIN:
        return waf_builtin_read(load);
    case WAF_SOURCE_CRS:
        return read_crs_somewhere(l, load, source, ret_place);
    case WAF_SOURCE_FILES:
        return read_files(l, load, source);
    }
    UNREACHABLE();
}

/* --- The Core Rule Set without its settings ------------------------------------------------------
 *
 * Its rule 901001 answers every request with 500 where nothing has set tx.crs_setup_version, which
 * crs-setup.conf does in its last line. */

#define CRS_SETUP_VERSION SLICE("crs_setup_version")
#define CRS_SETUP_RULE    901001u

static bool sets_version(const struct ruleset *rules, const struct rule *rule)
{
    for (unsigned i = 0; i < rule->link_count; i++)
        for (unsigned j = 0; j < rule->links[i].set_count; j++) {
            const struct set_action *set = &rule->links[i].sets[j];
            if (set->collection == VARIABLE_TX && set->kind != SET_DELETE &&
                set->slot != WAF_NONE && slice_equal(rules->tx_names[set->slot], CRS_SETUP_VERSION))
                return true;
        }
    return false;
}

static bool lacks_setup(const struct ruleset *rules)
{
    bool is_asked = false;
    for (unsigned i = 0; i < rules->rule_count; i++) {
        if (sets_version(rules, &rules->rules[i]))
            return false;
        is_asked = is_asked || rules->rules[i].id == CRS_SETUP_RULE;
    }
    return is_asked;
}

static void report_setup(struct loader *l, const struct waf_source *source,
                         const struct crs_place *place)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0504, &source->word->span,
                        "the Core Rule Set has no settings: nothing sets tx.crs_setup_version, so "
                        "that its rule 901001 would answer every request with 500");
    diagnostic_label(l->diagnostics, item, "these rules");
    if (source->kind != WAF_SOURCE_CRS) {
        diagnostic_help(l->diagnostics, item,
                        "name its crs-setup.conf before the rules, or its folder alone:  rules crs "
                        "FOLDER");
        return;
    }
    bool is_apart = !slice_equal(place->folder, place->setup);
    diagnostic_note(l->diagnostics, item,
                    "crs-setup.conf was looked for in %.*s%s%.*s, then crs-setup.conf.example",
                    SLICE_ARGUMENTS(is_apart ? place->setup : place->folder),
                    is_apart ? ", in " : "",
                    SLICE_ARGUMENTS(is_apart ? place->folder : slice_of(NULL, 0)));
    diagnostic_help(l->diagnostics, item,
                    "copy the crs-setup.conf.example of the release to %.*s/crs-setup.conf",
                    SLICE_ARGUMENTS(place->setup));
}

/* --- Settings that rules take for themselves ---------------------------------------------------
 *
 * `waf LEVEL`, `paranoia` and `threshold` are variables that are there before the first rule; one
 * that sets them for every request has the last word. */

static const struct {
    slice variable;
    const char *word;
} settings_of_rules[] = {
    { SLICE("paranoia_level"), "paranoia" }, /* 3.x */
    { SLICE("blocking_paranoia_level"), "paranoia" },
    { SLICE("inbound_anomaly_score_threshold"), "threshold" },
    { SLICE("outbound_anomaly_score_threshold"), "threshold" },
};

static void report_taken(struct loader *l, const struct waf_source *source, const struct rule *rule,
                         const struct set_action *set, slice variable)
{
    for (size_t i = 0; i < ARRAY_LENGTH(settings_of_rules); i++) {
        if (!slice_equal(variable, settings_of_rules[i].variable))
            continue;
        const char *word = settings_of_rules[i].word;
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, W0707, &source->word->span,
                            "%.*s:%u: rule %u sets tx.%.*s to %.*s: neither the level of `waf` nor "
                            "`%s` has an effect",
                            SLICE_ARGUMENTS(rule->file), rule->line, rule->id,
                            SLICE_ARGUMENTS(variable), SLICE_ARGUMENTS(set->value.source), word);
        diagnostic_label(l->diagnostics, item, "these rules");
        diagnostic_help(l->diagnostics, item,
                        "take it out there, and write here, in `waf`:  %s%s %.*s", word,
                        i == ARRAY_LENGTH(settings_of_rules) - 1 ? " N response" : "",
                        SLICE_ARGUMENTS(set->value.source));
    }
}

static void report_all_taken(struct loader *l, const struct waf_source *source,
                             const struct ruleset *rules)
{
    for (unsigned i = 0; i < rules->rule_count; i++) {
        const struct rule *rule = &rules->rules[i];
        const struct link *link = rule->links;
        bool is_for_all = rule->link_count == 1 && link->target_count == 0; /* SecAction */
        for (unsigned j = 0; is_for_all && j < link->set_count; j++) {
            const struct set_action *set = &link->sets[j];
            if (set->collection == VARIABLE_TX && set->kind == SET_ASSIGN && !set->is_expiry &&
                set->slot != WAF_NONE)
                report_taken(l, source, rule, set, rules->tx_names[set->slot]);
        }
    }
}

/* A file that is being written, or was cut to nothing: sites that name it would be open. */
static bool holds_no_rule(const struct ruleset *rules)
{
    for (unsigned i = 0; i < rules->rule_count; i++)
        if (!slice_starts_with(rules->rules[i].file, WAF_BUILTIN_FOLDER))
            return false;
    return true;
}

static void report_none(struct loader *l, const struct waf_source *source)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0504, &source->word->span,
                        "there is no SecRule or SecAction in these files: nothing would be judged");
    diagnostic_label(l->diagnostics, item, "these rules");
    diagnostic_help(l->diagnostics, item, "where nothing is to be judged:  waf off");
}

/* Whether rules that could be read are of no use; it is reported. */
static bool is_refused(struct loader *l, const struct waf_source *source,
                       const struct crs_place *place, const struct ruleset *rules)
{
    if (lacks_setup(rules))
        report_setup(l, source, place);
    else if (source->kind != WAF_SOURCE_BUILTIN && holds_no_rule(rules))
        report_none(l, source);
    else
        return false;
    return true;
}

/* What is read of rules is a part of the configuration. */
static int read_noted(void *context, struct arena *a, slice path, size_t bytes_max, slice *ret)
{
    struct loader *l = context;
    TRY(l->files.reader->read_file(l->files.reader->context, a, path, bytes_max, ret));
    TRY(load_digest_add(&l->digest, *ret));
    return load_digest_add(&l->rules_digest, *ret);
}

/* Of a database the time at which it was made stands for what is in it. */
static int open_geo(void *context, slice path, slice beside, struct geo_database **ret,
                    const char **ret_why)
{
    struct loader *l = ((const struct reader *)context)->context;
    uint64_t made;
    TRY(waf_files_geo(path, beside, ret, &made, ret_why));
    slice time = slice_of((const char *)&made, sizeof made);
    int result = load_digest_add(&l->digest, time);
    if (result == 0)
        result = load_digest_add(&l->rules_digest, time);
    if (result != 0)
        (*ret)->close(*ret);
    return result;
}

static int list_files(void *context, struct arena *a, slice pattern, slice **ret,
                      uint32_t *ret_count)
{
    struct loader *l = context;
    return l->files.reader->list_files(l->files.reader->context, a, pattern, ret, ret_count);
}

/* *ret stays NULL when something was reported. 0 · -ENOMEM */
static int read_rules(struct loader *l, const struct waf_source *source, struct ruleset **ret)
{
    const struct reader noted = { .context = l, .read_file = read_noted, .list_files = list_files };
    struct seclang_world world = waf_files(&noted);
    world.geo_open = open_geo;
    struct seclang *load = NULL;
    struct crs_place place = { 0 };
    TRY(seclang_open(&world, &load));
    int result = seclang_text(load, SLICE("builtin/prelude.conf"), waf_prelude);
    if (result == 0)
        result = read_source(l, load, source, &place);
    if (result == 0)
        result = seclang_finish(load, ret);
    /* There is nothing to say about our own: whether they are in order is known when the program
     * is built. */
    ASSERT(result != -EINVAL || source->kind != WAF_SOURCE_BUILTIN);
    if (source->kind != WAF_SOURCE_BUILTIN)
        report_load(l, source->word, load);
    seclang_close(load);
    if (result == 0 && is_refused(l, source, &place, *ret)) {
        ruleset_free(*ret);
        *ret = NULL;
        return 0;
    }
    if (result == 0 && source->kind != WAF_SOURCE_BUILTIN)
        report_all_taken(l, source, *ret);
    if (result == 0)
        result = waf_prepare(*ret);
    return result == -EINVAL ? 0 : result;
}

int load_own_rules(struct ruleset **ret)
{
    struct waf_source own = { .kind = WAF_SOURCE_BUILTIN };
    return read_rules(NULL, &own, ret);
}

static int source_name(struct loader *l, const struct waf_source *source, slice *ret)
{
    static const char *const kinds[] = { "builtin", "crs", "files" };
    size_t room = 8;
    for (uint32_t i = 0; i < source->count; i++)
        room += source->paths[i].len + 1;
    char *memory = arena_take(&l->scratch, room);
    struct writer w = writer_over(memory, memory ? room : 0);
    if (!memory)
        return -ENOMEM;
    writer_text(&w, kinds[source->kind]);
    for (uint32_t i = 0; i < source->count; i++) {
        writer_byte(&w, '\n');
        writer_slice_add(&w, source->paths[i]);
    }
    *ret = writer_slice(&w);
    return 0;
}

/* What was read and refused once is not read again: its place holds nothing. */
static int find_rules(struct loader *l, const struct waf_source *source, const struct ruleset **ret)
{
    slice name;
    if (source->kind == WAF_SOURCE_BUILTIN && l->options->rules) {
        *ret = l->options->rules;
        return 0;
    }
    TRY(source_name(l, source, &name));
    struct waf_rules *known = name_map_find(&l->rulesets, name);
    if (!known) {
        known = arena_take(&l->c->arena, sizeof *known);
        if (!known)
            return -ENOMEM;
        known->next = l->c->rulesets;
        l->c->rulesets = known;
        TRY(name_map_add(&l->rulesets, name, known));
        l->rules_digest = (struct load_digest){ 0 };
        TRY(read_rules(l, source, &known->rules));
        TRY(load_digest_text(&l->rules_digest, &l->c->arena, &known->digest));
    }
    *ret = known->rules;
    return 0;
}

void load_free_rules(struct configuration *c)
{
    for (struct waf_rules *r = c->rulesets; r; r = r->next) {
        ruleset_free(r->rules);
        r->rules = NULL;
    }
}

/* --- A place's own words ---------------------------------------------------------------------- */

static int add_preset(struct loader *l, struct waf_settings *w, const char *name, uint32_t value)
{
    char *memory = arena_take(&l->c->arena, 12);
    struct writer text = writer_over(memory, memory ? 12 : 0);
    if (!memory)
        return -ENOMEM;
    writer_decimal(&text, value);
    struct waf_preset preset = { .name = slice_from(name), .value = writer_slice(&text) };
    return option_append(&l->c->arena, OPTION_ARRAY(w->presets, w->preset_count), &preset, 1);
}

/* The variables by which the Core Rule Set takes its settings, of 3.x and 4.x. */
static int add_presets(struct loader *l, struct waf_settings *w)
{
    static const char *const paranoia[] = { "paranoia_level", "executing_paranoia_level",
                                            "blocking_paranoia_level", "detection_paranoia_level" };
    w->preset_count = 0;
    w->presets = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(paranoia); i++)
        TRY(add_preset(l, w, paranoia[i], waf_paranoia(w)));
    TRY(add_preset(l, w, "inbound_anomaly_score_threshold", waf_threshold(w)));
    return add_preset(l, w, "outbound_anomaly_score_threshold", waf_outbound_threshold(w));
}

enum { PLACE_VARIABLES_MAX = 6 };

/* The variables that a place of an exclusion stands for: all that exclusion_offer.c finds it in. */
static unsigned variables_of(enum waf_place place, enum variable_id *ret)
{
    switch (place) {
    case WAF_PLACE_ALL:
        return 0;
    case WAF_PLACE_ARG:
        ret[0] = VARIABLE_ARGS;
        ret[1] = VARIABLE_ARGS_NAMES;
        ret[2] = VARIABLE_ARGS_GET;
        ret[3] = VARIABLE_ARGS_POST;
        ret[4] = VARIABLE_ARGS_GET_NAMES;
        ret[5] = VARIABLE_ARGS_POST_NAMES;
        return 6;
    case WAF_PLACE_HEADER:
        ret[0] = VARIABLE_REQUEST_HEADERS;
        ret[1] = VARIABLE_REQUEST_HEADERS_NAMES;
        return 2;
    case WAF_PLACE_COOKIE:
        ret[0] = VARIABLE_REQUEST_COOKIES;
        ret[1] = VARIABLE_REQUEST_COOKIES_NAMES;
        return 2;
    }
    return 0;
}

static int lower_copy(struct arena *a, slice text, slice *ret)
{
    char *memory = arena_take(a, text.len + 1);
    if (!memory)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        memory[i] = ascii_lower(text.ptr[i]);
    *ret = slice_of(memory, text.len);
    return 0;
}

/* "attack-sqli", as a text without variables. */
static int tag_of(struct arena *a, slice attack, struct macro *ret)
{
    static const slice prefix = SLICE("attack-");
    char *memory = arena_take(a, prefix.len + attack.len);
    struct macro_piece *piece = arena_take(a, sizeof *piece);
    if (!memory || !piece)
        return -ENOMEM;
    struct writer w = writer_over(memory, prefix.len + attack.len);
    writer_slice_add(&w, prefix);
    writer_slice_add(&w, attack);
    *piece = (struct macro_piece){ .kind = MACRO_TEXT, .text = writer_slice(&w) };
    *ret = (struct macro){ .source = piece->text, .pieces = piece, .count = 1 };
    return 0;
}

static int compile_exclusion(struct loader *l, struct waf_exclusion *e)
{
    struct arena *a = &l->c->arena;
    enum variable_id variables[PLACE_VARIABLES_MAX];
    unsigned count = variables_of(e->place, variables);
    bool by_tag = e->attack.len != 0, has_target = count != 0;
    struct ctl_action action = { .ids = { e->first_id, e->last_id } };
    if (by_tag)
        TRY(tag_of(a, e->attack, &action.text));
    action.kind = by_tag ? (has_target ? CTL_RULE_REMOVE_TARGET_BY_TAG : CTL_RULE_REMOVE_BY_TAG)
                         : (has_target ? CTL_RULE_REMOVE_TARGET_BY_ID : CTL_RULE_REMOVE_BY_ID);
    if (!has_target)
        return option_append(a, OPTION_ARRAY(e->actions, e->action_count), &action, 1);
    action.target.selector = e->place == WAF_PLACE_ARG ? SELECT_ELEMENT : SELECT_NAME;
    action.target.slot = WAF_NONE;
    TRY(lower_copy(a, e->name, &action.target.name));
    for (unsigned i = 0; i < count; i++) {
        action.target.variable = variables[i];
        TRY(option_append(a, OPTION_ARRAY(e->actions, e->action_count), &action, 1));
    }
    return 0;
}

static bool is_on(const struct waf_settings *w)
{
    return w->level != WAF_LEVEL_OFF && w->mode != WAF_MODE_OFF;
}

int load_waf(struct loader *l, struct waf_settings *w)
{
    w->rules = NULL;
    if (!is_on(w))
        return 0;
    if (w->source.kind != WAF_SOURCE_BUILTIN)
        TRY(find_rules(l, &w->source, &w->rules));
    TRY(add_presets(l, w));
    for (uint32_t i = 0; i < w->exclusion_count; i++)
        if (w->exclusions[i].action_count == 0)
            TRY(compile_exclusion(l, &w->exclusions[i]));
    return 0;
}

static int add_own_rules(struct loader *l, const struct route *route)
{
    struct waf_settings *w = (void *)route->blocks[FEATURE_WAF]; /* of this load */
    if (!is_on(w) || w->source.kind != WAF_SOURCE_BUILTIN)
        return 0;
    return find_rules(l, &w->source, &w->rules);
}

/* --- Statements that name no rule ---------------------------------------------------------------
 */

static bool is_of_class(const struct rule *rule, slice attack)
{
    static const slice prefix = SLICE("attack-");
    for (unsigned i = 0; i < rule->tag_count; i++) {
        slice tag = rule->tags[i].source;
        if (slice_starts_with(tag, prefix) && slice_equal(slice_after(tag, prefix.len), attack))
            return true;
    }
    return false;
}

static bool has_rule_of_class(const struct ruleset *rules, slice attack)
{
    for (unsigned i = 0; i < rules->rule_count; i++)
        if (is_of_class(&rules->rules[i], attack))
            return true;
    return false;
}

static bool has_rule_of(const struct ruleset *rules, struct id_range ids)
{
    for (unsigned i = 0; i < rules->rule_count; i++)
        if (rules->rules[i].id >= ids.first && rules->rules[i].id <= ids.last)
            return true;
    return false;
}

static bool excludes_any(const struct ruleset *rules, const struct waf_exclusion *e)
{
    return e->attack.len ? has_rule_of_class(rules, e->attack)
                         : has_rule_of(rules, (struct id_range){ e->first_id, e->last_id });
}

static void note_mentions(UNUSED struct loader *l, const struct waf_settings *w)
{
    for (uint32_t i = 0; i < w->exclusion_count; i++)
        if (!*w->exclusions[i].mention.is_meant)
            *w->exclusions[i].mention.is_meant = excludes_any(w->rules, &w->exclusions[i]);
    for (uint32_t i = 0; i < w->shadow_mention_count; i++)
        if (!*w->shadow_mentions[i].is_meant)
            *w->shadow_mentions[i].is_meant = has_rule_of(w->rules, w->shadows[i]);
}

/* Of a mention that nobody means: once. */
static void report_mention(struct loader *l, enum diagnostic_code code, const struct waf_mention *m,
                           const char *class, const char *consequence)
{
    if (*m->is_meant)
        return;
    *m->is_meant = true;
    diagnostics_add(l->diagnostics, code, &m->word->span,
                    "there is no rule %s%.*s in these rules: %s", class,
                    SLICE_ARGUMENTS(m->word->text), consequence);
}

static void report_mentions(struct loader *l, const struct waf_settings *w)
{
    for (uint32_t i = 0; i < w->exclusion_count; i++)
        report_mention(l, W0709, &w->exclusions[i].mention,
                       w->exclusions[i].attack.len ? "of the class " : "", "nothing is left out");
    for (uint32_t i = 0; i < w->shadow_mention_count; i++)
        report_mention(l, W0710, &w->shadow_mentions[i], "", "nothing is in shadow");
}

static void each_in_force(struct loader *l,
                          void (*visit)(struct loader *l, const struct waf_settings *w))
{
    for (uint32_t i = 0; i < l->c->site_count; i++) {
        const struct site *site = &l->c->sites[i];
        for (uint32_t j = 0; j < site->route_count; j++) {
            const struct waf_settings *w = site->routes[j].blocks[FEATURE_WAF];
            if (is_on(w) && w->rules)
                visit(l, w);
        }
    }
}

int load_waf_own(struct loader *l)
{
    for (uint32_t i = 0; i < l->c->site_count; i++) {
        const struct site *site = &l->c->sites[i];
        for (uint32_t j = 0; j < site->route_count; j++)
            TRY(add_own_rules(l, &site->routes[j]));
    }
    each_in_force(l, note_mentions);
    each_in_force(l, report_mentions);
    return 0;
}
