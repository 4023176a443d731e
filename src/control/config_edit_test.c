/* Statements added to a configuration: in the nearest `waf`, in the smallest way, and what comes of
 * it is in order. */
#include "control/config_edit.h"
#include "proxy/waf_settings.h"

#include "base/test.h"

#include <errno.h>

#define A SLICE("exclude rule 1 arg q on /x because \"}{#\"")
#define B SLICE("exclude rule 2")

struct edit_case {
    const char *says, *before, *after;
    unsigned route, count; /* of the first site's routes; of A and B */
};

#define HEAD  "listen 127.0.0.1:0\n"
#define A_ROW "exclude rule 1 arg q on /x because \"}{#\""

static const struct edit_case cases[] = {
    { "the end of a waf on lines of its own",
      HEAD "site a {\n  respond 200\n  waf off {\n    budget 1s  # }\n  }\n}\n",
      HEAD "site a {\n  respond 200\n  waf off {\n    budget 1s  # }\n    " A_ROW
           "\n    exclude rule 2\n  }\n}\n",
      0, 2 },
    { "the end of one in a row", HEAD "site a { respond 200; waf off { budget 1s } }\n",
      HEAD "site a { respond 200; waf off { budget 1s; " A_ROW "; exclude rule 2 } }\n", 0, 2 },
    { "of an empty one", HEAD "site a { respond 200; waf off { } }\n",
      HEAD "site a { respond 200; waf off { " A_ROW " } }\n", 0, 1 },
    { "a brace that ends a line with a statement",
      HEAD "site a {\n respond 200\n waf off {\n  budget 1s }\n}\n",
      HEAD "site a {\n respond 200\n waf off {\n  budget 1s; " A_ROW " }\n}\n", 0, 1 },
    { "a waf without a block", HEAD "site a {\n\trespond 200\n\twaf off  # {\n}\n",
      HEAD "site a {\n\trespond 200\n\twaf off {\n\t  " A_ROW "\n\t}  # {\n}\n", 0, 1 },
    { "the same in a row", HEAD "site a { respond 200; waf off; on 127.0.0.1:0 }\n",
      HEAD "site a { respond 200; waf off { " A_ROW " }; on 127.0.0.1:0 }\n", 0, 1 },
    { "a site without one", HEAD "site a {\n  respond 200 \"# waf \"\n  # } {\n}\n",
      HEAD "site a {\n  respond 200 \"# waf \"\n  # } {\n  waf {\n    " A_ROW "\n  }\n}\n", 0, 1 },
    { "such a site in a row", HEAD "site a { respond 200 \"# \" }",
      HEAD "site a { respond 200 \"# \"; waf { " A_ROW " } }", 0, 1 },
    { "the waf of the route",
      HEAD "site a {\n  respond 200\n  waf off\n  route /r/* {\n    waf off { }\n  }\n}\n",
      HEAD "site a {\n  respond 200\n  waf off\n  route /r/* {\n    waf off { " A_ROW
           " }\n  }\n}\n",
      1, 1 },
    { "that of the site where the route has none",
      HEAD "site a {\n  respond 200\n  waf off { }\n  route /r/* { respond 204 }\n}\n",
      HEAD "site a {\n  respond 200\n  waf off { " A_ROW " }\n  route /r/* { respond 204 }\n}\n", 1,
      1 },
    { "that of a route which extends the site",
      HEAD
      "site a { respond 200 }\nextend site a {\n  route /r/* {\n    waf off {\n    }\n  }\n}\n",
      HEAD "site a { respond 200 }\nextend site a {\n  route /r/* {\n    waf off {\n      " A_ROW
           "\n    }\n  }\n}\n",
      1, 1 },
    { "not that of defaults",
      HEAD "defaults { waf off { budget 1s } }\nsite a {\n  respond 200\n}\n",
      HEAD "defaults { waf off { budget 1s } }\nsite a {\n  respond 200\n  waf {\n    " A_ROW
           "\n  }\n}\n",
      0, 1 },
    { "lines that end in CR LF",
      "listen 127.0.0.1:0\r\nsite a {\r\n  respond 200\r\n  waf off\r\n}\r\n",
      "listen 127.0.0.1:0\r\nsite a {\r\n  respond 200\r\n  waf off {\r\n    " A_ROW
      "\r\n  }\r\n}\r\n",
      0, 1 },
    { "a site without one, with CR LF", "listen 127.0.0.1:0\r\nsite a {\r\n  respond 200\r\n}\r\n",
      "listen 127.0.0.1:0\r\nsite a {\r\n  respond 200\r\n  waf {\r\n    " A_ROW "\r\n  }\r\n}\r\n",
      0, 1 },
};

static const struct route *route_of(const struct configuration *c, const struct edit_case *e)
{
    /* the site's own route is the last one */
    uint32_t index = e->route ? e->route - 1 : c->sites[0].route_count - 1;
    return &c->sites[0].routes[index];
}

static uint32_t exclusions(const struct configuration *c, const struct edit_case *e)
{
    const struct waf_settings *w = route_of(c, e)->blocks[FEATURE_WAF];
    return w->exclusion_count;
}

static void check(const struct edit_case *e)
{
    static const slice statements[] = { A, B };
    struct diagnostics d, again;
    struct loader l, checked;
    struct config_edit edit;
    diagnostics_open(&d);
    diagnostics_open(&again);
    struct load_options options = { .text = slice_from(e->before) };
    if (loader_run(&l, &options, &d) != 0)
        fail_msg("%s: it does not load", e->says);
    assert_int_equal(config_edit_waf(&l, route_of(l.c, e), statements, e->count, &edit), 0);
    assert_slice_equal(edit.before, slice_from(e->before));
    if (!slice_equal(edit.after, slice_from(e->after)))
        fail_msg("%s:\n%.*s\n is not\n%s", e->says, SLICE_ARGUMENTS(edit.after), e->after);
    struct load_options changed = { .text = edit.after };
    if (loader_run(&checked, &changed, &again) != 0)
        fail_msg("%s: what was edited does not load", e->says);
    assert_int_equal(exclusions(checked.c, e), exclusions(l.c, e) + e->count);
    loader_close(&checked);
    loader_close(&l);
    diagnostics_close(&again);
    diagnostics_close(&d);
}

TEST(statements_are_added_in_the_nearest_place_and_in_the_smallest_way)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_added_in_the_nearest_place_and_in_the_smallest_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
