/* Any text is loaded as a whole configuration: nothing crashes, no memory is lost, there is a
 * configuration exactly when there is no error, and what it serves has a route for every path. */
#include <errno.h>

#include "base/fuzz.h"
#include "control/load.h"
#include "control/load_rules_test.h"
#include "proxy/router.h"

static void check_site(const struct configuration *c, const struct site *site)
{
    struct fields none = { 0 };
    struct routing_question q = { .method = METHOD_GET,
                                  .method_text = SLICE("GET"),
                                  .path = SLICE("/a/b.css"),
                                  .fields = &none };
    ASSERT(site->route_count > 0 && site->host_count > 0);
    const struct route *route = router_find(site, &q);
    for (uint32_t slot = 0; slot < FEATURE_COUNT && route; slot++)
        ASSERT(route->blocks[slot]);
    for (uint32_t i = 0; i < c->listen_count; i++)
        if (site->listener_mask & (1ull << i) && site->hosts[0].ptr[0] != '.' &&
            site->hosts[0].ptr[0] != '*')
            ASSERT(configuration_find_site(c, site->hosts[0], i) == site);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct diagnostics d;
    struct configuration *c = NULL;
    slice text = fuzz_input(bytes, count);
    /* files of this machine are not what is tested */
    if (count > 8000 || slice_find(text, SLICE("include")) < count ||
        slice_find(text, SLICE("file:")) < count || slice_find(text, SLICE("list")) < count)
        return 0;
    diagnostics_open(&d);
    int result =
        configuration_load(&(struct load_options){ .text = text, .rules = test_rules() }, &c, &d);
    ASSERT(result == (d.errors ? -EINVAL : 0) && (c != NULL) == (d.errors == 0));
    for (uint32_t i = 0; c && i < c->site_count; i++)
        check_site(c, &c->sites[i]);
    configuration_free(c);
    diagnostics_close(&d);
    return 0;
}
