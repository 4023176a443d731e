/* `explain URL`: what would happen to a request, stage by stage, without sending anything. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/load.h"
#include "control/output.h"
#include "control/show_text.h"
#include "filters/access.h"
#include "proxy/endpoint.h"
#include "proxy/router.h"

#define HEADERS_MAX 64u
#define URL_MAX     8192u

/* The request that is asked about. */
struct question {
    const char *url, *from, *method, *on;
    const char *headers[HEADERS_MAX];
    uint32_t header_count;
};

struct explanation {
    const struct configuration *c;
    const struct question *question;
    bool json;
    bool has_steps;
    struct target target;
    slice host, path;
    char host_text[HOST_BYTES_MAX + 64], path_text[3 * URL_MAX];
    char other_path_text[3 * URL_MAX];
    const char *path_problem;
    struct ip client;
    struct field fields[HEADERS_MAX];
    uint32_t listener;
    bool is_other_port;
    const struct site *site;
    const struct route *route;
};

/* One stage and what it says. */
static void step(struct explanation *e, const char *stage, slice verdict, slice where)
{
    char text[16384];
    struct writer w = writer_over(text, sizeof text);
    if (e->json) {
        writer_format(&w, "%s{\"stage\":\"%s\",\"verdict\":\"", e->has_steps ? "," : "", stage);
        writer_json(&w, verdict);
        writer_literal(&w, "\",\"where\":\"");
        writer_json(&w, where);
        writer_literal(&w, "\"}");
    } else {
        writer_format(&w, "  %-12s %.*s", stage, SLICE_ARGUMENTS(verdict));
        if (where.len)
            writer_format(&w, "  (%.*s)", SLICE_ARGUMENTS(where));
        writer_byte(&w, '\n');
    }
    e->has_steps = true;
    output_write(STDOUT_FILENO, writer_slice(&w));
}

/* The end of the story. */
static int decide(struct explanation *e, unsigned status, const char *reason)
{
    if (e->json)
        output_format(STDOUT_FILENO, "],\"status\":%u,\"reason\":\"%s\"}\n", status, reason);
    else if (status)
        output_format(STDOUT_FILENO, "= %u %s\n", status, reason);
    else
        output_format(STDOUT_FILENO, "= %s\n", reason);
    return EXIT_OK;
}

/* --- the stages --- */

/* The bytes that a request line may hold (RFC 3986 §2); the rest has to be escaped. */
static bool has_url_bytes(slice url)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}", url.ptr[i]))
            return false;
    return true;
}

static const char *read_url(struct explanation *e)
{
    slice url = slice_from(e->question->url);
    const char *reason = "";
    if (url.len > URL_MAX)
        return "the URL is too long";
    if (!has_url_bytes(url))
        return "the URL has characters that must be escaped";
    if (target_parse(url, method_of(slice_from(e->question->method)), &e->target, &reason) != 0 ||
        e->target.form != TARGET_ABSOLUTE)
        return "a URL is written http://host/path, without a fragment and with escapes";
    struct writer w = writer_over(e->host_text, sizeof e->host_text);
    authority_write_host(&w, &e->target.authority);
    e->host = writer_slice(&w);
    return NULL;
}

static const char *read_headers(struct explanation *e)
{
    for (uint32_t i = 0; i < e->question->header_count; i++) {
        slice line = slice_from(e->question->headers[i]);
        size_t colon = slice_find_byte(line, ':');
        struct field *f = &e->fields[i];
        f->name = slice_first(line, colon);
        f->value = slice_trim(slice_after(line, colon + 1));
        f->id = field_id_of(f->name);
        if (colon == line.len || !field_name_is_token(f->name) || !field_value_is_valid(f->value))
            return "--header is 'Name: value'";
    }
    return NULL;
}

/* The listener that a client of this URL would meet: by --on, by port, else the first. */
static const char *choose_listener(struct explanation *e)
{
    const struct authority *authority = &e->target.authority;
    uint16_t port = authority->has_port ? authority->port : 80;
    struct address address;
    const char *expected;
    bool is_named = e->question->on != NULL;
    if (is_named && endpoint_parse_listen(slice_from(e->question->on), &address, &expected) != 0)
        return "--on is an address of 'listen'";
    for (uint32_t i = 0; i < e->c->listen_count; i++) {
        const struct address *listen = &e->c->listens[i].address;
        if (is_named ? address_equal(listen, &address) : address_port(listen) == port) {
            e->listener = i;
            return NULL;
        }
    }
    e->is_other_port = true;
    return is_named ? "nothing listens there" : NULL;
}

static const char *read_question(struct explanation *e)
{
    const char *problem = read_url(e);
    if (!problem)
        problem = read_headers(e);
    if (!problem)
        problem = choose_listener(e);
    if (!problem && ip_parse(slice_from(e->question->from), &e->client) != 0)
        problem = "--from is an IP address";
    if (!problem && !field_name_is_token(slice_from(e->question->method)))
        problem = "--method is a word such as GET";
    return problem;
}

static bool explain_site(struct explanation *e)
{
    const struct listen *listen = &e->c->listens[e->listener];
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    writer_slice_add(&w, slice_first(listen->text, 128));
    if (e->is_other_port)
        writer_literal(&w, " (nothing listens on the port of the URL; this is the first)");
    step(e, "listener", writer_slice(&w), SLICE(""));
    e->site = configuration_find_site(e->c, e->host, e->listener);
    if (e->site)
        step(e, "site", e->site->name, e->site->where);
    else
        step(e, "site", SLICE("no site has this host on this listener"), SLICE(""));
    return e->site;
}

static bool explain_path(struct explanation *e)
{
    const struct target_settings *target =
        e->site->routes[e->site->route_count - 1].blocks[FEATURE_TARGET];
    struct path_options options = { .slashes = target->slashes, .collapse_slashes = true };
    struct writer w = writer_over(e->path_text, sizeof e->path_text);
    const char *reason = "";
    if (path_canonicalize(e->target.path, &options, &w, &reason) != 0) {
        step(e, "path", slice_from(reason), SLICE(""));
        e->path_problem = reason;
        return false;
    }
    e->path = writer_slice(&w);
    step(e, "path", e->path, SLICE(""));
    return true;
}

/* False: refused, since another reading of the path belongs to another route. */
static bool explain_route(struct explanation *e)
{
    struct fields fields = { .items = e->fields, .count = e->question->header_count };
    slice method = slice_from(e->question->method);
    struct routing_question question = { .method = method_of(method),
                                         .method_text = method,
                                         .path = e->path,
                                         .query = e->target.query,
                                         .fields = &fields,
                                         .client = e->client };
    e->route = router_find(e->site, &question);
    char text[2048];
    struct writer w = writer_over(text, sizeof text);
    writer_slice_add(&w, e->route->label.len ? e->route->label : SLICE("* (the site itself)"));
    show_write_conditions(&w, e->route);
    step(e, "route", writer_slice(&w), e->route->where);
    if (!path_has_other_reading(e->path) ||
        router_is_certain(e->site, e->route, &question, e->other_path_text))
        return true;
    step(e, "route", SLICE("another reading of the path belongs to another route"), SLICE(""));
    return false;
}

/* NULL: let in. Otherwise the reason. */
static const char *explain_access(struct explanation *e, unsigned *ret_status)
{
    const struct access_settings *access = e->route->blocks[FEATURE_ACCESS];
    const struct network_entry *entry = network_set_find(&access->networks, e->client);
    slice method = slice_from(e->question->method);
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    if (entry && entry->network.prefix == 0) {
        writer_text(&w, entry->denies ? "deny all" : "allow all");
    } else if (entry) {
        writer_format(&w, "%s ip ", entry->denies ? "deny" : "allow");
        ip_network_write(&w, &entry->network);
    } else {
        writer_literal(&w, "nothing is denied for ");
        ip_write(&w, e->client);
    }
    if (entry && entry->denies) {
        step(e, "access", writer_slice(&w), SLICE(""));
        *ret_status = 403;
        return "access.deny";
    }
    if (!access_method_is_allowed(access, method_of(method), method)) {
        step(e, "access", SLICE("the method is not allowed"), SLICE(""));
        *ret_status = 405;
        return "access.method";
    }
    step(e, "access", writer_slice(&w), SLICE(""));
    return NULL;
}

static void explain_edits(struct explanation *e, const char *stage, const struct header_edit *edits,
                          uint32_t count)
{
    static const char *const words[] = { "set", "add", "remove" };
    for (uint32_t i = 0; i < count; i++) {
        char text[2048];
        struct writer w = writer_over(text, sizeof text);
        writer_format(&w, "%s %.*s ", words[edits[i].kind], SLICE_ARGUMENTS(edits[i].name));
        show_write_template(&w, &edits[i].value);
        step(e, stage, slice_trim(writer_slice(&w)), SLICE(""));
    }
}

static int explain_answer(struct explanation *e)
{
    const struct answer_settings *answer = e->route->blocks[FEATURE_ANSWER];
    const struct target_settings *target = e->route->blocks[FEATURE_TARGET];
    const struct headers_settings *headers = e->route->blocks[FEATURE_HEADERS];
    char text[8192];
    struct writer w = writer_over(text, sizeof text);
    show_write_answer(&w, e->route);
    step(e, "answer", writer_slice(&w), SLICE(""));
    if (answer->kind != ANSWER_NONE) {
        explain_edits(e, "response", headers->response, headers->response_count);
        return decide(e, answer->status, answer->kind == ANSWER_REDIRECT ? "redirect" : "respond");
    }
    if (!target->origin)
        return decide(e, 404, "route.nothing");
    w = writer_over(text, sizeof text);
    for (uint32_t i = 0; i < target->origin->server_count; i++)
        writer_format(&w, "%s%.*s", i ? ", " : "",
                      SLICE_ARGUMENTS(target->origin->servers[i].text));
    step(e, "origin", writer_slice(&w), SLICE(""));
    explain_edits(e, "request", headers->request, headers->request_count);
    explain_edits(e, "response", headers->response, headers->response_count);
    w = writer_over(text, sizeof text);
    writer_format(&w, "%s %.*s%.*s", e->question->method, SLICE_ARGUMENTS(target->prefix),
                  SLICE_ARGUMENTS(e->path));
    if (e->target.has_query)
        writer_format(&w, "?%.*s", SLICE_ARGUMENTS(e->target.query));
    step(e, "sent", writer_slice(&w), SLICE(""));
    return decide(e, 0, "forwarded to the origin");
}

static int explain(struct explanation *e)
{
    unsigned status = 0;
    if (!explain_site(e))
        return decide(e, 421, "site.unknown");
    if (!explain_path(e))
        return decide(e, 400, e->path_problem);
    if (!explain_route(e))
        return decide(e, 400, "uri.two-routes");
    const char *refusal = explain_access(e, &status);
    return refusal ? decide(e, status, refusal) : explain_answer(e);
}

/* --- the command --- */

static void free_configuration(struct configuration **c)
{
    configuration_free(*c);
}

static int explain_file(const char *path, const struct question *question, bool json)
{
    struct diagnostics d __attribute__((cleanup(diagnostics_close)));
    struct configuration *c __attribute__((cleanup(free_configuration))) = NULL;
    diagnostics_open(&d);
    if (configuration_load(&(struct load_options){ .path = path }, &c, &d) != 0) {
        load_report(&d, path, STDERR_FILENO);
        return EXIT_PROBLEM;
    }
    static struct explanation e; /* too large for a stack to like */
    e = (struct explanation){ .c = c, .question = question, .json = json };
    const char *problem = read_question(&e);
    if (problem)
        return command_refuse(problem);
    output_format(STDOUT_FILENO, json ? "{\"method\":\"%s\",\"steps\":[" : "%s %s from %s\n",
                  question->method, question->url, question->from);
    return explain(&e);
}

int command_explain(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT;
    bool json = false;
    struct question question = { .from = "203.0.113.9", .method = "GET" };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--json", .flag = &json },
        { .name = "--from", .value = &question.from },
        { .name = "--method", .value = &question.method },
        { .name = "--on", .value = &question.on },
        { .name = "--header",
          .values = question.headers,
          .value_count = &question.header_count,
          .values_max = HEADERS_MAX },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (count != 1)
        return command_refuse("explain needs one URL");
    question.url = argv[0];
    return explain_file(path, &question, json);
}
