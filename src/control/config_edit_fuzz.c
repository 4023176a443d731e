/* Any configuration that loads, with a statement added to the `waf` of each of its first routes: it
 * loads again, says the same but for the addition, and nothing of its text is lost but blanks at
 * the one place. And any JSON as a kept exchange: what is offered to undo it are statements of a
 * line. */
#include "control/config_edit.h"
#include "proxy/waf_settings.h"

#include <errno.h>

#include "base/fuzz.h"
#include "control/exclusion_offer.h"

enum { ROUTES_MAX = 3, TEXT_MAX = 4000 };

static uint32_t common_front(slice a, slice b)
{
    uint32_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

static uint32_t common_back(slice a, slice b, uint32_t front)
{
    uint32_t n = 0;
    while (n + front < a.len && n + front < b.len && a.ptr[a.len - n - 1] == b.ptr[b.len - n - 1])
        n++;
    return n;
}

/* What is not in the new text any more: at most blanks. */
static void check_text(const struct config_edit *edit)
{
    uint32_t front = common_front(edit->before, edit->after),
             back = common_back(edit->before, edit->after, front);
    ASSERT(edit->after.len > edit->before.len);
    for (size_t i = front; i < edit->before.len - back; i++)
        ASSERT(edit->before.ptr[i] == ' ' || edit->before.ptr[i] == '\t');
}

static uint32_t exclusions(const struct route *r)
{
    const struct waf_settings *w = r->blocks[FEATURE_WAF];
    return w->exclusion_count;
}

static void edit_route(struct loader *l, uint32_t site, uint32_t route)
{
    static const slice added = SLICE("exclude rule 77 arg \"a }{ #b\" on /x because \"#{\"");
    struct diagnostics d;
    struct loader again;
    struct config_edit edit;
    const struct route *r = &l->c->sites[site].routes[route];
    int result = config_edit_waf(l, r, &added, 1, &edit);
    if (result == -ENOENT)
        return;
    ASSERT(result == 0);
    check_text(&edit);
    diagnostics_open(&d);
    struct load_options options = { .text = edit.after };
    ASSERT(loader_run(&again, &options, &d) == 0);
    ASSERT(again.c->site_count == l->c->site_count);
    ASSERT(again.c->sites[site].route_count == l->c->sites[site].route_count);
    ASSERT(exclusions(&again.c->sites[site].routes[route]) == exclusions(r) + 1);
    loader_close(&again);
    diagnostics_close(&d);
}

static void edit(slice text)
{
    struct diagnostics d;
    struct loader l;
    diagnostics_open(&d);
    struct load_options options = { .text = text };
    if (loader_run(&l, &options, &d) == 0)
        for (uint32_t site = 0; site < l.c->site_count; site++)
            for (uint32_t i = 0; i < l.c->sites[site].route_count && i < ROUTES_MAX; i++)
                edit_route(&l, site, i);
    loader_close(&l);
    diagnostics_close(&d);
}

static void offer(slice text)
{
    struct arena arena;
    struct exclusion_offers offers;
    json_t *exchange = json_loadb(text.ptr, text.len, 0, NULL);
    arena_open(&arena, NULL, 0, 4096, 4 << 20);
    if (exchange && exclusion_offers(exchange, &arena, &offers) == 0)
        for (uint32_t i = 0; i < offers.count; i++)
            for (unsigned breadth = 0; breadth < EXCLUSION_BREADTHS; breadth++) {
                slice words = offers.items[i].words[breadth];
                ASSERT(slice_starts_with(words, SLICE("exclude rule ")));
                ASSERT(slice_find_byte(words, '\n') == words.len);
            }
    arena_close(&arena);
    json_decref(exchange);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    /* files of this machine, and reading rules, are not what is tested */
    static const char *const left_out[] = { "include", "file:",    "list", "low",  "balanced",
                                            "strict",  "paranoid", "crs",  "rules" };
    slice text = fuzz_input(bytes, count);
    if (count && text.ptr[0] == '{') {
        offer(text);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(left_out); i++)
        if (count > TEXT_MAX || slice_find(text, slice_from(left_out[i])) < count)
            return 0;
    edit(text);
    return 0;
}
