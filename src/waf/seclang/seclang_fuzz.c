/* Any text as a file of rules that may include itself: it loads or it does not, and nothing is
 * left. */
#include "base/fuzz.h"

#include "waf/seclang/memory_world.h"

static slice input;

static int read_input(void *context, slice path, slice beside, struct arena *arena,
                      slice *ret_bytes)
{
    (void)context;
    (void)beside;
    (void)arena;
    *ret_bytes = input;
    return slice_equal(path, SLICE("missing")) ? -ENOENT : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct memory_file files[] = { { "self", "" }, { NULL, NULL } };
    input = fuzz_input(bytes, count);
    struct seclang_world world = memory_world(files);
    world.read = read_input;
    struct seclang *load;
    if (seclang_open(&world, &load))
        return 0;
    struct ruleset *rules = NULL;
    int result = seclang_text(load, SLICE("fuzz"), input);
    ASSERT(result == 0 || result == -EINVAL || result == -ENOMEM);
    unsigned kept, total;
    const struct waf_problem *errors = seclang_errors(load, &kept, &total);
    ASSERT(kept <= SECLANG_ERRORS_MAX && (result != -EINVAL || total > 0));
    for (unsigned i = 0; i < kept; i++)
        ASSERT(errors[i].line > 0 && errors[i].column > 0 && errors[i].text[0]);
    if (seclang_finish(load, &rules) == 0)
        for (unsigned p = 1; p <= WAF_PHASES; p++)
            for (unsigned i = 0; i < rules->phases[p].count; i++) {
                const struct rule *rule = rules->phases[p].rules[i];
                ASSERT(rule->id && rule->link_count && rule->phase == p);
                ASSERT(rule->skip_to == WAF_NONE ||
                       (rule->skip_to > i && rule->skip_to <= rules->phases[p].count));
            }
    seclang_close(load);
    ruleset_free(rules);
    return 0;
}
