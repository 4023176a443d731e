#include "base/file.h"
#include "waf/seclang/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "waf/patterns/prefilter.h"
#include "waf/seclang/build.h"
#include "waf/seclang/directive.h"
#include "waf/seclang/option.h"

enum {
    BLOCK_BYTES = 256 << 10,
    RULES_BYTES_MAX = 128 << 20,
    SCRATCH_BYTES_MAX = 512 << 20,
};

static void note(struct problems *list, const struct waf_problem *problem)
{
    list->total++;
    if (list->count < list->room)
        list->items[list->count++] = *problem;
}

int load_problem(struct seclang *l, const struct waf_problem *problem)
{
    note(&l->errors, problem);
    return -EINVAL;
}

void load_note(struct seclang *l, const struct waf_problem *warning)
{
    note(&l->warnings, warning);
}

__attribute__((format(printf, 4, 0))) static void describe(const struct seclang *l, const char *at,
                                                           struct waf_problem *p,
                                                           const char *format, va_list arguments)
{
    *p = (struct waf_problem){ .file = l->file, .line = 1, .column = 1 };
    if (l->line)
        reader_place(l->line, at ? at : l->line->text.ptr, p);
    vsnprintf(p->text, sizeof(p->text), format, arguments);
}

int load_error(struct seclang *l, const char *at, const char *format, ...)
{
    struct waf_problem p;
    va_list arguments;
    va_start(arguments, format);
    describe(l, at, &p, format, arguments);
    va_end(arguments);
    return load_problem(l, &p);
}

void load_warning(struct seclang *l, const char *at, const char *format, ...)
{
    struct waf_problem p;
    va_list arguments;
    va_start(arguments, format);
    describe(l, at, &p, format, arguments);
    va_end(arguments);
    load_note(l, &p);
}

slice load_lower(struct seclang *l, slice text)
{
    size_t at = 0;
    while (at < text.len && ascii_lower(text.ptr[at]) == text.ptr[at])
        at++;
    if (at == text.len)
        return text.ptr ? text : SLICE("");
    char *lower = arena_take(&l->rules->arena, text.len);
    for (size_t i = 0; lower && i < text.len; i++)
        lower[i] = ascii_lower(text.ptr[i]);
    return slice_of(lower, lower ? text.len : 0);
}

slice load_trim(slice text)
{
    while (text.len && (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r')))
        text = slice_after(text, 1);
    while (text.len && (text.ptr[text.len - 1] == ' ' ||
                        (text.ptr[text.len - 1] >= '\t' && text.ptr[text.len - 1] <= '\r')))
        text.len--;
    return text;
}

int load_slot(struct seclang *l, slice lower, uint32_t *ret_slot)
{
    *ret_slot = names_find(&l->slots, lower);
    if (*ret_slot != WAF_NONE)
        return 0;
    TRY(LIST_FIT(&l->scratch, &l->tx_names));
    TRY(names_add(&l->slots, &l->scratch, lower, l->tx_names.count));
    *ret_slot = l->tx_names.count;
    l->tx_names.items[l->tx_names.count++] = lower;
    return 0;
}

static void release_pattern(void *thing)
{
    pattern_free(thing);
}

int load_selector(struct seclang *l, slice text, unsigned flags, struct pattern **ret)
{
    char *key = arena_take(&l->scratch, text.len + 1);
    if (!key)
        return -ENOMEM;
    key[0] = flags & PATTERN_CASELESS ? 'i' : 'c';
    if (text.len)
        memcpy(key + 1, text.ptr, text.len);
    slice name = slice_of(key, text.len + 1);
    uint32_t known = names_find(&l->selected, name);
    if (known != WAF_NONE) {
        *ret = l->compiled.items[known];
        return 0;
    }
    struct pattern_problem problem = { 0 };
    int result = pattern_compile(text, flags, l->patterns, ret, &problem);
    if (result == -EINVAL)
        return load_error(l, text.ptr + problem.at, "in the regular expression: %s", problem.text);
    TRY(result);
    TRY(ruleset_own(l->rules, release_pattern, *ret));
    TRY(LIST_FIT(&l->scratch, &l->compiled));
    TRY(names_add(&l->selected, &l->scratch, name, l->compiled.count));
    l->compiled.items[l->compiled.count++] = *ret;
    return 0;
}

static void release_cache(void *thing)
{
    pattern_cache_free(thing);
}

static void release_prefilter(void *thing)
{
    prefilter_free(thing);
}

/* What an operator reads: beside the rule that names it. */
static int read_beside(void *context, slice path, slice beside, slice *ret_bytes)
{
    struct outside *o = context;
    if (!o->load)
        return -ENOENT;
    return o->world.read(o->world.context, path, beside, &o->load->scratch, ret_bytes);
}

static int look_up_address(void *context, slice address)
{
    const struct outside *o = context;
    struct geo_database *geo = o->rules->geo;
    return geo ? geo->find(geo, address, NULL, NULL) : 0;
}

static int open_outside(struct seclang *l)
{
    struct outside *o = arena_take(&l->rules->arena, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->world = l->world;
    o->load = l;
    o->rules = l->rules;
    o->operators = (struct operator_world){
        .context = o,
        .read_file = read_beside,
        .geo_lookup = look_up_address,
    };
    l->outside = o;
    return 0;
}

static int open_rules(struct seclang *l)
{
    static const char digits[] = "0123456789";
    TRY(open_outside(l));
    TRY(pattern_cache_open(PATTERN_CACHE_BYTES, &l->patterns));
    TRY(ruleset_own(l->rules, release_cache, l->patterns));
    TRY(prefilter_open(&l->prefilter));
    TRY(ruleset_own(l->rules, release_prefilter, l->prefilter));
    for (unsigned i = 0; i < 10; i++) {
        uint32_t slot;
        TRY(load_slot(l, slice_of(digits + i, 1), &slot));
    }
    l->errors.room = SECLANG_ERRORS_MAX;
    l->errors.items = arena_take_array(&l->scratch, l->errors.room, sizeof(*l->errors.items));
    l->warnings.room = SECLANG_WARNINGS_MAX;
    l->warnings.items = arena_take_array(&l->scratch, l->warnings.room, sizeof(*l->warnings.items));
    return l->errors.items && l->warnings.items ? options_default(l) : -ENOMEM;
}

int seclang_open(const struct seclang_world *world, struct seclang **ret_load)
{
    struct seclang *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->rules = calloc(1, sizeof(*l->rules));
    arena_open(&l->scratch, NULL, 0, BLOCK_BYTES, SCRATCH_BYTES_MAX);
    if (!l->rules) {
        seclang_close(l);
        return -ENOMEM;
    }
    arena_open(&l->rules->arena, NULL, 0, BLOCK_BYTES, RULES_BYTES_MAX);
    l->world = *world;
    int result = open_rules(l);
    if (result) {
        seclang_close(l);
        return result;
    }
    *ret_load = l;
    return 0;
}

void seclang_close(struct seclang *load)
{
    if (!load)
        return;
    ruleset_free(load->rules);
    arena_close(&load->scratch);
    free(load);
}

static int push(struct seclang *l, slice *paths, unsigned count)
{
    if (l->depth == SECLANG_DEPTH_MAX)
        return load_error(l, NULL, "files include each other more than %d deep", SECLANG_DEPTH_MAX);
    l->sources[l->depth++] = (struct source){ .paths = paths, .count = count };
    return 0;
}

/* What a name or a pattern in Include means comes next. */
static int include(struct seclang *l, slice pattern, bool is_optional)
{
    slice *paths = NULL;
    unsigned count = 0;
    int result =
        l->world.list(l->world.context, pattern, l->file, &l->rules->arena, &paths, &count);
    if (result == -ENOMEM)
        return result;
    if (result)
        return load_error(l, pattern.ptr, "cannot look for \"%.*s\": %s", SLICE_ARGUMENTS(pattern),
                          strerror(-result));
    if (!count && !is_optional)
        return load_error(l, pattern.ptr, "there is no file \"%.*s\"", SLICE_ARGUMENTS(pattern));
    return count ? push(l, paths, count) : 0;
}

/* The last word comes first on the stack, so that the first is read first. */
static int include_all(struct seclang *l, const slice *words, unsigned count, bool is_optional)
{
    int result = 0;
    for (unsigned i = count; i > 0; i--)
        result = load_worse(result, include(l, words[i - 1], is_optional));
    return result;
}

int directive_include(struct seclang *l, const slice *words, unsigned count)
{
    return include_all(l, words, count, false);
}

int directive_include_optional(struct seclang *l, const slice *words, unsigned count)
{
    return include_all(l, words, count, true);
}

static int begin_text(struct seclang *l, struct source *s, slice name, slice text)
{
    l->file = s->file = name;
    if (l->files.count == SECLANG_FILES_MAX)
        return load_error(l, NULL, "more than %d files", SECLANG_FILES_MAX);
    TRY(LIST_FIT(&l->scratch, &l->files));
    l->files.items[l->files.count++] = name;
    seclang_reader_open(&s->reader, text, &l->rules->arena, &l->scratch);
    s->is_open = true;
    return 0;
}

static int begin_file(struct seclang *l, struct source *s)
{
    slice path = s->paths[s->next++], text;
    for (unsigned i = 0; i + 1 < l->depth; i++)
        if (l->sources[i].is_open && slice_equal(l->sources[i].file, path))
            return load_error(l, NULL, "\"%.*s\" includes itself", SLICE_ARGUMENTS(path));
    int result = l->world.read(l->world.context, path, SLICE(""), &l->scratch, &text);
    if (result == -ENOMEM)
        return result;
    if (!result)
        return begin_text(l, s, path, text);
    l->file = path;
    return load_error(l, NULL, "cannot read \"%.*s\": %s", SLICE_ARGUMENTS(path),
                      file_problem(result));
}

/* A chain must end in the file in which it began. */
static int end_text(struct seclang *l, struct source *s)
{
    s->is_open = false;
    if (!l->chain)
        return 0;
    struct waf_problem p = { .file = l->chain->file, .line = l->chain->line, .column = 1 };
    waf_problem_set(&p, "the chain of this rule has no end: a rule was expected after the last one "
                        "with \"chain\"");
    l->chain = NULL;
    return load_problem(l, &p);
}

static int read_directive(struct seclang *l, struct source *s)
{
    struct waf_problem p = { .file = s->file };
    l->file = s->file;
    int result = seclang_reader_next(&s->reader, &p);
    if (result == -EINVAL)
        return load_problem(l, &p);
    if (result < 0)
        return result;
    if (result == 0)
        return end_text(l, s);
    l->line = &s->reader.found;
    result = directive_run(l);
    l->line = NULL;
    return result;
}

/* Reads until nothing is left on the stack. */
static int read_all(struct seclang *l)
{
    int result = 0;
    while (l->depth > 0) {
        struct source *s = &l->sources[l->depth - 1];
        int one = 0;
        if (s->is_open)
            one = read_directive(l, s);
        else if (s->next < s->count)
            one = begin_file(l, s);
        else
            l->depth--;
        result = load_worse(result, one);
        if (result && result != -EINVAL)
            return result;
    }
    l->file = SLICE("");
    return result;
}

int seclang_file(struct seclang *load, slice path)
{
    slice kept = arena_copy(&load->rules->arena, path);
    if (!kept.ptr)
        return -ENOMEM;
    TRY(include(load, kept, false));
    return read_all(load);
}

int seclang_text(struct seclang *load, slice name, slice text)
{
    slice kept = arena_copy(&load->rules->arena, name);
    if (!kept.ptr)
        return -ENOMEM;
    TRY(push(load, NULL, 0));
    TRY(begin_text(load, &load->sources[load->depth - 1], kept, text));
    return read_all(load);
}

int seclang_finish(struct seclang *load, struct ruleset **ret_rules)
{
    if (load->errors.total)
        return -EINVAL;
    TRY(build_ruleset(load));
    if (load->errors.total)
        return -EINVAL;
    load->outside->load = NULL;
    *ret_rules = load->rules;
    load->rules = NULL;
    return 0;
}

const struct waf_problem *seclang_errors(const struct seclang *load, unsigned *ret_count,
                                         unsigned *ret_total)
{
    *ret_count = load->errors.count;
    *ret_total = load->errors.total;
    return load->errors.items;
}

const struct waf_problem *seclang_warnings(const struct seclang *load, unsigned *ret_count,
                                           unsigned *ret_total)
{
    *ret_count = load->warnings.count;
    *ret_total = load->warnings.total;
    return load->warnings.items;
}
