#include "waf/operators/operator.h"

#include <errno.h>

#include "base/file.h"
#include "waf/nearest.h"
#include "waf/operators/table.h"

/* By name, case folded. */
const struct operator* const waf_operators[] = {
    &operator_begins_with,
    &operator_contains,
    &operator_contains_word,
    &operator_detect_sqli,
    &operator_detect_xss,
    &operator_ends_with,
    &operator_eq,
    &operator_ge,
    &operator_geo_lookup,
    &operator_gt,
    &operator_ip_match,
    &operator_ip_match_from_file,
    &operator_le,
    &operator_lt,
    &operator_no_match,
    &operator_pm,
    &operator_pm_from_file,
    &operator_rbl,
    &operator_rx,
    &operator_streq,
    &operator_strmatch,
    &operator_unconditional_match,
    &operator_validate_byte_range,
    &operator_validate_url_encoding,
    &operator_validate_utf8_encoding,
    &operator_within,
};
const size_t waf_operator_count = ARRAY_LENGTH(waf_operators);

/* What ModSecurity has besides. */
const struct refused_operator waf_refused_operators[] = {
    { "fuzzyHash", "there are no lists of fuzzy hashes" },
    { "gsbLookup", "nobody else is asked about a URL" },
    { "inspectFile", "rules run no programs, and uploads are not written to files" },
    { "rsub", "bodies are not rewritten" },
    { "rxGlobal", "take @rx, which finds the first match" },
    { "validateDTD", "document type declarations are refused" },
    { "validateHash", "pages are not rewritten" },
    { "validateSchema", "documents are not held against schemas" },
    { "verifyCC", "numbers of cards are not verified; take @rx" },
    { "verifyCPF", "numbers of people are not verified; take @rx" },
    { "verifySSN", "numbers of people are not verified; take @rx" },
    { "verifySVNR", "numbers of people are not verified; take @rx" },
};
const size_t waf_refused_operator_count = ARRAY_LENGTH(waf_refused_operators);

static bool is_called(const struct operator* op, slice name)
{
    return slice_equal_fold(name, slice_from(op->name)) ||
           (op->alias && slice_equal_fold(name, slice_from(op->alias)));
}

const struct operator* operator_find(slice name)
{
    for (size_t i = 0; i < waf_operator_count; i++) {
        if (is_called(waf_operators[i], name))
            return waf_operators[i];
    }
    return NULL;
}

enum { NAME_SHOWN_MAX = 60 };

int operator_unknown(slice name, struct waf_problem *problem)
{
    slice shown = slice_first(name, NAME_SHOWN_MAX);
    for (size_t i = 0; i < waf_refused_operator_count; i++) {
        const struct refused_operator *refused = &waf_refused_operators[i];
        if (slice_equal_fold(name, slice_from(refused->name)))
            return waf_problem_set(problem, "the operator @%s does not exist here: %s",
                                   refused->name, refused->why);
    }
    struct nearest nearest = nearest_to(name);
    if (slice_equal_fold(slice_first(name, 3), SLICE("reg"))) /* @regex, @regexp */
        nearest = (struct nearest){ .name = "rx" };
    for (size_t i = 0; i < waf_operator_count; i++) {
        nearest_try(&nearest, waf_operators[i]->name);
        if (waf_operators[i]->alias)
            nearest_try(&nearest, waf_operators[i]->alias);
    }
    if (nearest.name)
        return waf_problem_set(problem, "there is no operator @%.*s; did you mean @%s?",
                               SLICE_ARGUMENTS(shown), nearest.name);
    return waf_problem_set(problem, "there is no operator @%.*s", SLICE_ARGUMENTS(shown));
}

int operator_prepare(const struct operator* op, struct operator_setup *setup, slice argument,
                     bool has_macro, void **ret_prepared)
{
    *ret_prepared = NULL;
    if (!op->takes_argument && argument.len > 0)
        return waf_problem_set(setup->problem, "@%s takes no argument, found \"%.*s\"", op->name,
                               SLICE_ARGUMENTS(slice_first(argument, NAME_SHOWN_MAX)));
    if (has_macro && !op->has_macros)
        return waf_problem_set(setup->problem, "@%s takes no %%{...} in its argument \"%.*s\"",
                               op->name, SLICE_ARGUMENTS(slice_first(argument, NAME_SHOWN_MAX)));
    return op->prepare ? op->prepare(setup, argument, has_macro, ret_prepared) : 0;
}

void operator_release(const struct operator* op, void *prepared)
{
    if (op->release && prepared)
        op->release(prepared);
}

struct pattern *operator_pattern(const struct operator* op, const void *prepared)
{
    return op->pattern && prepared ? op->pattern(prepared) : NULL;
}

const struct phrases *operator_phrases(const struct operator* op, const void *prepared)
{
    return op->phrases && prepared ? op->phrases(prepared) : NULL;
}

bool operator_required(const struct operator* op, const void *prepared, struct byte_set *ret)
{
    *ret = (struct byte_set){ 0 };
    if (op->required)
        op->required(prepared, ret);
    return op->required != NULL;
}

static slice next_word(slice *rest)
{
    size_t from = 0;
    while (from < rest->len && (rest->ptr[from] == ' ' || rest->ptr[from] == '\t'))
        from++;
    slice s = slice_after(*rest, from);
    size_t len = 0;
    while (len < s.len && s.ptr[len] != ' ' && s.ptr[len] != '\t')
        len++;
    *rest = slice_after(s, len);
    return slice_first(s, len);
}

int operator_read_files(struct operator_setup *setup, slice argument,
                        int (*each)(void *context, slice file, slice content), void *context)
{
    const struct operator_world *world = setup->world;
    slice file = next_word(&argument);
    if (file.len == 0)
        return waf_problem_set(setup->problem, "a file name is expected, found nothing");
    for (; file.len > 0; file = next_word(&argument)) {
        slice content;
        int result = world && world->read_file
                         ? world->read_file(world->context, file, setup->rule_file, &content)
                         : -ENOENT;
        if (result == -ENOMEM)
            return result;
        if (result != 0)
            return waf_problem_set(setup->problem, "cannot read the file \"%.*s\": %s",
                                   SLICE_ARGUMENTS(file), file_problem(result));
        TRY(each(context, file, content));
    }
    return 0;
}

int operator_take_world(struct operator_setup *setup, void **ret_prepared)
{
    struct operator_world *world = arena_take(setup->arena, sizeof *world);
    if (!world)
        return -ENOMEM;
    if (setup->world)
        *world = *setup->world;
    *ret_prepared = world;
    return 0;
}
