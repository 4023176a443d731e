#include "control/waf_summary.h"

#include "base/number.h"
#include "base/writer.h"
#include "control/output.h"
#include "waf/rules/builtin.h"

#define WAYS_MAX   8u /* to judge, that are told */
#define PLACES_MAX 3u /* of one of them, that are named */

static bool is_off(const struct waf_settings *s)
{
    return s->level == WAF_LEVEL_OFF || s->mode == WAF_MODE_OFF || !s->rules;
}

/* What rules from files say themselves counts too, so that one word is enough for shadow. */
static const char *mode_of(const struct waf_settings *s)
{
    switch (s->rules->directives.mode) {
    case WAF_OFF:
        return "without effect (SecRuleEngine Off)";
    case WAF_DETECT:
        return "in shadow (SecRuleEngine DetectionOnly)";
    case WAF_ENFORCE:
        break;
    }
    return s->mode == WAF_MODE_SHADOW ? "in shadow" : "enforced";
}

/* --- How many rules --------------------------------------------------------------------------- */

/* N of the tag "paranoia-level/N", by which both the Core Rule Set and our own rules say from where
 * on they run; 0: none. */
static uint64_t level_of(const struct rule *rule)
{
    static const slice prefix = SLICE("paranoia-level/");
    for (unsigned i = 0; i < rule->tag_count; i++) {
        slice tag = rule->tags[i].source;
        uint64_t level;
        if (slice_starts_with(tag, prefix) &&
            number_parse(slice_after(tag, prefix.len), 9, &level) == 0)
            return level;
    }
    return 0;
}

/* The Core Rule Set and ours mark all that find something; what others write is counted as it is.
 */
static bool finds_something(const struct waf_settings *s, const struct rule *rule)
{
    uint64_t level = level_of(rule);
    if (level)
        return level <= waf_paranoia(s);
    return s->source.kind == WAF_SOURCE_FILES && rule->flags & RULE_LOG &&
           !slice_starts_with(rule->file, WAF_BUILTIN_FOLDER);
}

uint32_t waf_summary_rules(const struct waf_settings *s)
{
    uint32_t count = 0;
    for (unsigned i = 0; s->rules && i < s->rules->rule_count; i++)
        count += finds_something(s, &s->rules->rules[i]);
    return count;
}

/* --- In words --------------------------------------------------------------------------------- */

static void write_rules(struct writer *w, const struct waf_settings *s)
{
    slice name = s->rules->directives.component_signature;
    uint32_t count = waf_summary_rules(s);
    bool is_ours = s->source.kind == WAF_SOURCE_BUILTIN;
    writer_format(w, "%u %srule%s", count, is_ours ? "built-in " : "", count == 1 ? "" : "s");
    if (is_ours)
        return;
    bool has_paths = name.len == 0 && s->source.count;
    writer_literal(w, " of ");
    writer_slice_add(w, has_paths ? s->source.paths[0] : name.len ? name : SLICE("crs"));
    if (has_paths && s->source.count > 1)
        writer_format(w, " and %u more", s->source.count - 1);
}

void waf_summary_write(struct writer *w, const struct waf_settings *s)
{
    static const char *const levels[] = { "off", "low", "balanced", "strict", "paranoid" };
    if (is_off(s)) {
        writer_literal(w, "off");
        return;
    }
    writer_text(w, levels[s->level]);
    if (s->paranoia)
        writer_format(w, ", paranoia %u", s->paranoia);
    if (s->threshold)
        writer_format(w, ", threshold %u", s->threshold);
    writer_format(w, ", %s: ", mode_of(s));
    write_rules(w, s);
}

bool waf_summary_is_same(const struct waf_settings *a, const struct waf_settings *b)
{
    if (a == b || (is_off(a) && is_off(b)))
        return true;
    return !is_off(a) && !is_off(b) && a->rules == b->rules && a->level == b->level &&
           a->mode == b->mode && a->paranoia == b->paranoia && a->threshold == b->threshold;
}

/* --- All of a configuration ------------------------------------------------------------------- */

struct way {
    const struct waf_settings *settings;
    const struct route *places[PLACES_MAX];
    uint32_t place_count; /* also of those that are not named */
};

struct ways {
    struct way items[WAYS_MAX];
    uint32_t count;
    bool has_more;
};

static struct way *find_way(struct ways *ways, const struct waf_settings *s)
{
    for (uint32_t i = 0; i < ways->count; i++)
        if (waf_summary_is_same(ways->items[i].settings, s))
            return &ways->items[i];
    if (ways->count == WAYS_MAX) {
        ways->has_more = true;
        return NULL;
    }
    ways->items[ways->count] = (struct way){ .settings = s };
    return &ways->items[ways->count++];
}

static void add_place(struct ways *ways, const struct route *route)
{
    struct way *way = find_way(ways, route->blocks[FEATURE_WAF]);
    if (way && way->place_count < PLACES_MAX)
        way->places[way->place_count] = route;
    if (way)
        way->place_count++;
}

/* Each site, and those of its routes that are judged otherwise. */
static void collect(struct ways *ways, const struct configuration *c)
{
    for (uint32_t i = 0; i < c->site_count; i++) {
        const struct site *site = &c->sites[i];
        const struct route *own = &site->routes[site->route_count - 1];
        add_place(ways, own);
        for (uint32_t j = 0; j + 1 < site->route_count; j++)
            if (!waf_summary_is_same(site->routes[j].blocks[FEATURE_WAF], own->blocks[FEATURE_WAF]))
                add_place(ways, &site->routes[j]);
    }
}

static void write_places(struct writer *w, const struct way *way)
{
    uint32_t shown = way->place_count < PLACES_MAX ? way->place_count : PLACES_MAX;
    for (uint32_t i = 0; i < shown; i++) {
        const struct route *route = way->places[i];
        writer_text(w, i ? ", " : "  (");
        writer_slice_add(w, route->site->name);
        if (route->label.len)
            writer_format(w, " %.*s", SLICE_ARGUMENTS(route->label));
    }
    if (way->place_count > shown)
        writer_format(w, " and %u more", way->place_count - shown);
    writer_byte(w, ')');
}

void waf_summary_print(const struct configuration *c, int fd)
{
    struct ways ways = { 0 };
    collect(&ways, c);
    for (uint32_t i = 0; i < ways.count; i++) {
        char text[8192];
        struct writer w = writer_over(text, sizeof text - 1);
        writer_literal(&w, "  waf ");
        waf_summary_write(&w, ways.items[i].settings);
        if (ways.count > 1)
            write_places(&w, &ways.items[i]);
        text[w.len] = '\0';
        output_format(fd, "%s\n", text);
    }
    if (ways.has_more)
        output_format(fd, "  … and others: portcullis show routes\n");
}
