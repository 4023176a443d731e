/* `show`: what is in force after inheritance. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/effective.h"
#include "control/output.h"
#include "control/show_text.h"
#include "control/waf_summary.h"

/* --- show routes --- */

static void print_route_json(const struct route *route)
{
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    output_write(STDOUT_FILENO, SLICE("{"));
    output_json_member(STDOUT_FILENO, "route", route->label.len ? route->label : SLICE("*"));
    output_format(STDOUT_FILENO, ",\"priority\":%d,\"conditions\":%u,", route->priority,
                  route->condition_count);
    show_write_answer(&w, route);
    output_json_member(STDOUT_FILENO, "answer", writer_slice(&w));
    output_write(STDOUT_FILENO, SLICE(","));
    output_json_member(STDOUT_FILENO, "where", route->where);
    output_write(STDOUT_FILENO, SLICE(","));
    w = writer_over(text, sizeof text);
    waf_summary_write(&w, route->blocks[FEATURE_WAF]);
    output_json_member(STDOUT_FILENO, "waf", writer_slice(&w));
    output_write(STDOUT_FILENO, SLICE("}"));
}

static const struct route *own_route(const struct site *site)
{
    return &site->routes[site->route_count - 1];
}

static void print_route(const struct route *route)
{
    const struct route *own = own_route(route->site);
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    writer_format(&w, "  %-28.*s ", SLICE_ARGUMENTS(route->label.len ? route->label : SLICE("*")));
    show_write_answer(&w, route);
    show_write_conditions(&w, route);
    if (route->priority)
        writer_format(&w, "  priority %d", route->priority);
    if (!waf_summary_is_same(route->blocks[FEATURE_WAF], own->blocks[FEATURE_WAF])) {
        writer_literal(&w, "  waf ");
        waf_summary_write(&w, route->blocks[FEATURE_WAF]);
    }
    writer_format(&w, "  (%.*s)\n", SLICE_ARGUMENTS(route->where));
    output_write(STDOUT_FILENO, writer_slice(&w));
}

static void print_site_waf(const struct route *own)
{
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    writer_literal(&w, "  waf ");
    waf_summary_write(&w, own->blocks[FEATURE_WAF]);
    output_write(STDOUT_FILENO, writer_slice(&w));
}

static void print_hosts(const struct site *site, bool json)
{
    for (uint32_t i = 0; i < site->host_count; i++)
        output_format(STDOUT_FILENO, json ? "%s\"%s%.*s\"" : "%s%s%.*s",
                      i ? (json ? "," : " ") : "", site->hosts[i].ptr[0] == '.' ? "*" : "",
                      SLICE_ARGUMENTS(site->hosts[i]));
}

static void print_site(const struct site *site, bool json, bool is_first)
{
    output_format(STDOUT_FILENO, json ? "%s{\"hosts\":[" : "%ssite ",
                  is_first ? "" : (json ? "," : "\n"));
    print_hosts(site, json);
    if (!json)
        print_site_waf(own_route(site));
    output_format(STDOUT_FILENO, json ? "],\"routes\":[" : "\n");
    for (uint32_t i = 0; i < site->route_count; i++) {
        /* patterns of one statement that differ in length are neighbours: shown once */
        bool is_same = i > 0 && site->routes[i].label.len &&
                       slice_equal(site->routes[i].where, site->routes[i - 1].where);
        if (is_same)
            continue;
        if (json && i > 0)
            output_write(STDOUT_FILENO, SLICE(","));
        (json ? print_route_json : print_route)(&site->routes[i]);
    }
    if (json)
        output_write(STDOUT_FILENO, SLICE("]}"));
}

static int show_routes(const struct loader *l, bool json)
{
    if (json)
        output_write(STDOUT_FILENO, SLICE("{\"sites\":["));
    for (uint32_t i = 0; i < l->c->site_count; i++)
        print_site(&l->c->sites[i], json, i == 0);
    if (json)
        output_write(STDOUT_FILENO, SLICE("]}\n"));
    return EXIT_OK;
}

/* --- show effective --- */

static void print_setting_json(const struct effective_setting *s)
{
    output_write(STDOUT_FILENO, SLICE("{"));
    output_json_member(STDOUT_FILENO, "setting", slice_from(s->name));
    output_write(STDOUT_FILENO, SLICE(","));
    output_json_member(STDOUT_FILENO, "value", s->value);
    output_write(STDOUT_FILENO, SLICE(","));
    output_json_member(STDOUT_FILENO, "where", s->where);
    output_write(STDOUT_FILENO, SLICE("}"));
}

static void print_effective_json(const struct effective *e, slice label)
{
    output_write(STDOUT_FILENO, SLICE("{"));
    output_json_member(STDOUT_FILENO, "site", e->site->name);
    output_write(STDOUT_FILENO, SLICE(","));
    output_json_member(STDOUT_FILENO, "route", label);
    output_write(STDOUT_FILENO, SLICE(",\"settings\":["));
    for (uint32_t i = 0; i < e->count; i++) {
        if (i > 0)
            output_write(STDOUT_FILENO, SLICE(","));
        print_setting_json(&e->settings[i]);
    }
    output_write(STDOUT_FILENO, SLICE("]}\n"));
}

static void print_effective(const struct effective *e, slice label)
{
    output_format(STDOUT_FILENO, "site %.*s, route %.*s\n", SLICE_ARGUMENTS(e->site->name),
                  SLICE_ARGUMENTS(label));
    for (uint32_t i = 0; i < e->count; i++) {
        const struct effective_setting *s = &e->settings[i];
        char text[8192];
        struct writer w = writer_over(text, sizeof text);
        writer_format(&w, "  %-24s %-32.*s %.*s\n", s->name, SLICE_ARGUMENTS(s->value),
                      SLICE_ARGUMENTS(s->where));
        output_write(STDOUT_FILENO, writer_slice(&w));
    }
}

static int show_effective(struct loader *l, const char *host, const char *path, bool json)
{
    struct effective e;
    const char *problem = effective_find(l, slice_from(host), slice_from(path), &e);
    if (problem) {
        output_format(STDERR_FILENO, "portcullis: %s\n", problem);
        return EXIT_PROBLEM;
    }
    slice label = e.route->label.len ? e.route->label : SLICE("*");
    (json ? print_effective_json : print_effective)(&e, label);
    return EXIT_OK;
}

static int show(struct loader *l, int count, char **words, bool json)
{
    if (count == 1 && strcmp(words[0], "routes") == 0)
        return show_routes(l, json);
    if (count == 3 && strcmp(words[0], "effective") == 0)
        return show_effective(l, words[1], words[2], json);
    return command_refuse("show routes, or show effective SITE PATH");
}

int command_show(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT;
    bool json = false;
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--json", .flag = &json },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    struct loader l __attribute__((cleanup(loader_close)));
    diagnostics_open(&d);
    struct load_options load = { .path = path };
    if (loader_run(&l, &load, &d) != 0) {
        load_report(&d, path, STDERR_FILENO);
        return EXIT_PROBLEM;
    }
    return show(&l, count, argv, json);
}
