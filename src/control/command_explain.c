/* `explain URL`: what would happen to a request, stage by stage, without sending anything. The
 * request is written as a client would write it and read by the parser that reads clients, so that
 * what is refused there is refused here. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/command.h"
#include "control/exchange_ask.h"
#include "control/load.h"
#include "control/output.h"
#include "control/show_text.h"
#include "filters/access.h"
#include "proxy/endpoint.h"
#include "proxy/router.h"
#include "wire/ja4.h"

#define HEADERS_MAX 64u
#define URL_MAX     (64u << 10)
#define HEAD_MAX    (256u << 10)

/* The request that is asked about. */
struct question {
    const char *url, *from, *method, *on, *ja4;
    const char *headers[HEADERS_MAX];
    uint32_t header_count;
};

struct explanation {
    const struct configuration *c;
    const struct question *question;
    bool json;
    bool has_steps;
    slice authority_text, target_text; /* of the URL */
    struct authority authority;
    slice head;
    struct h1_request request;
    struct request_target target;
    slice host, path;
    char head_text[HEAD_MAX], host_text[HOST_BYTES_MAX + 64], path_text[3 * URL_MAX];
    char other_path_text[3 * URL_MAX];
    const char *path_problem;
    struct ip client;
    uint32_t listener;
    bool is_other_port;
    const struct site *site;
    const struct route *route;
};

/* One stage and what it says. */
static void step(struct explanation *e, const char *stage, slice verdict, slice where)
{
    if (e->json) {
        output_format(STDOUT_FILENO, "%s{\"stage\":\"%s\",", e->has_steps ? "," : "", stage);
        output_json_member(STDOUT_FILENO, "verdict", verdict);
        output_write(STDOUT_FILENO, SLICE(","));
        output_json_member(STDOUT_FILENO, "where", where);
        output_write(STDOUT_FILENO, SLICE("}"));
    } else {
        output_format(STDOUT_FILENO, "  %-12s ", stage);
        output_write(STDOUT_FILENO, verdict);
        if (where.len)
            output_format(STDOUT_FILENO, "  (%.*s)", SLICE_ARGUMENTS(where));
        output_write(STDOUT_FILENO, SLICE("\n"));
    }
    e->has_steps = true;
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

/* What no client sends in a request line; the parser judges the rest. */
static bool has_url_bytes(slice url)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 0x7f)
            return false;
    return true;
}

/* Splits "http://host:port/path?query". */
static const char *read_url(struct explanation *e)
{
    static const char form[] = "a URL is written http://host/path, without a fragment";
    slice url = slice_from(e->question->url);
    size_t scheme = slice_find(url, SLICE("://")), end = 0;
    if (url.len > URL_MAX)
        return "the URL is too long";
    if (!has_url_bytes(url))
        return "the URL has characters that must be escaped";
    if (!slice_equal_fold(slice_first(url, scheme), SLICE("http")) &&
        !slice_equal_fold(slice_first(url, scheme), SLICE("https")))
        return form;
    slice rest = slice_after(url, scheme + 3);
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    e->authority_text = slice_first(rest, end);
    e->target_text = slice_after(rest, end);
    if (authority_parse(e->authority_text, &e->authority) != 0 ||
        slice_find_byte(rest, '#') < rest.len)
        return form;
    return NULL;
}

static bool has_header(const struct question *q, slice name)
{
    for (uint32_t i = 0; i < q->header_count; i++) {
        slice line = slice_from(q->headers[i]);
        if (slice_equal_fold(slice_first(line, slice_find_byte(line, ':')), name))
            return true;
    }
    return false;
}

static const char *check_headers(const struct question *q)
{
    for (uint32_t i = 0; i < q->header_count; i++) {
        slice line = slice_from(q->headers[i]);
        size_t colon = slice_find_byte(line, ':');
        if (colon == line.len || !field_name_is_token(slice_first(line, colon)) ||
            !field_value_is_valid(slice_trim(slice_after(line, colon + 1))))
            return "--header is 'Name: value'";
    }
    return NULL;
}

/* The head that a client would send. */
static const char *write_head(struct explanation *e)
{
    const struct question *q = e->question;
    struct writer w = writer_over(e->head_text, sizeof e->head_text);
    bool has_path = slice_starts_with(e->target_text, SLICE("/"));
    writer_format(&w, "%s %s", q->method, has_path ? "" : "/");
    writer_slice_add(&w, e->target_text);
    writer_literal(&w, " HTTP/1.1\r\n");
    if (!has_header(q, SLICE("Host")))
        h1_write_field(&w, SLICE("Host"), e->authority_text);
    for (uint32_t i = 0; i < q->header_count; i++) {
        writer_text(&w, q->headers[i]);
        writer_literal(&w, "\r\n");
    }
    writer_literal(&w, "\r\n");
    e->head = writer_slice(&w);
    return w.overflowed ? "the request is too long to be explained" : NULL;
}

/* The listener that a client of this URL would meet: by --on, by port, else the first. */
static const char *choose_listener(struct explanation *e)
{
    uint16_t port = e->authority.has_port ? e->authority.port : 80;
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
        problem = check_headers(e->question);
    if (!problem)
        problem = choose_listener(e);
    if (!problem && ip_parse(slice_from(e->question->from), &e->client) != 0)
        problem = "--from is an IP address";
    if (!problem && !field_name_is_token(slice_from(e->question->method)))
        problem = "--method is a word such as GET";
    if (!problem && e->question->ja4 && !ja4_is_valid(slice_from(e->question->ja4)))
        problem = "--ja4 is a fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1";
    return problem ? problem : write_head(e);
}

/* A head that is understood may still be one that is never served. */
static void judge_target(struct explanation *e, struct h1_error *error)
{
    enum method method = e->request.method;
    if (method == METHOD_CONNECT || method == METHOD_TRACE)
        *error =
            (struct h1_error){ .status = 405,
                               .reason = method == METHOD_TRACE ? "method.trace" : "method.connect",
                               .text = "this method is never served" };
    else if (target_parse(e->request.target, method, &e->target, &error->reason) != 0)
        *error = (struct h1_error){ .status = 400,
                                    .reason = error->reason,
                                    .text = "the request target is malformed" };
}

/* What is said about the head alone; NULL: it is understood. */
static const char *explain_head(struct explanation *e, struct field *fields, unsigned *ret_status)
{
    const struct limits_global *limits = &e->c->limits;
    struct h1_limits h1 = { .head_bytes_max = limits->head_bytes_max,
                            .line_bytes_max = limits->line_bytes_max,
                            .target_bytes_max = limits->target_bytes_max,
                            .fields_max = limits->fields_max };
    struct h1_error error = { 0 };
    size_t scanned = 0, length;
    if (h1_head_scan(e->head, &h1, &scanned, &length) != 0)
        error = (struct h1_error){ .status = 431,
                                   .reason = "h1.head-length",
                                   .text = "the head is longer than `limits head` allows" };
    else if (h1_request_parse(e->head, &h1, fields, &e->request, &error) == 0)
        judge_target(e, &error);
    if (!error.reason) {
        struct writer w = writer_over(e->host_text, sizeof e->host_text);
        authority_write_host(&w, &e->request.authority);
        e->host = writer_slice(&w);
        return NULL;
    }
    step(e, "request", slice_from(error.text), SLICE(""));
    *ret_status = error.status;
    return error.reason;
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

/* NULL: found. Otherwise the reason. */
static const char *explain_route(struct explanation *e)
{
    slice method = slice_from(e->question->method);
    struct routing_question question = { .method = method_of(method),
                                         .method_text = method,
                                         .path = e->path,
                                         .query = e->target.query,
                                         .fields = &e->request.fields,
                                         .client = e->client,
                                         .ja4 = slice_from(e->question->ja4) };
    e->route = router_find(e->site, &question);
    if (!e->route)
        return "route.undecided";
    char text[2048];
    struct writer w = writer_over(text, sizeof text);
    writer_slice_add(&w, e->route->label.len ? e->route->label : SLICE("* (the site itself)"));
    show_write_conditions(&w, e->route);
    step(e, "route", writer_slice(&w), e->route->where);
    if (!path_has_other_reading(e->path) ||
        router_is_certain(e->site, e->route, &question, e->other_path_text))
        return NULL;
    step(e, "reading", SLICE("another reading of the path belongs to another route"), SLICE(""));
    return "uri.two-routes";
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
    const struct denied_fingerprint *fingerprint =
        access_find_fingerprint(access, slice_from(e->question->ja4));
    if (fingerprint) {
        step(e, "access", SLICE("`deny ja4` covers the client"), fingerprint->where);
        *ret_status = 403;
        return "access.ja4";
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

static int explain(struct explanation *e, struct field *fields)
{
    unsigned status = 0;
    const char *malformed = explain_head(e, fields, &status);
    if (malformed)
        return decide(e, status, malformed);
    if (!explain_site(e))
        return decide(e, 421, "site.unknown");
    if (!explain_path(e))
        return decide(e, 400, e->path_problem);
    const char *unclear = explain_route(e);
    if (unclear)
        return decide(e, 400, unclear);
    const struct limits_settings *limits = e->route->blocks[FEATURE_LIMITS];
    if (e->request.framing == H1_FRAMING_LENGTH &&
        e->request.content_length > limits->body_bytes_max)
        return decide(e, 413, "limits.body");
    const char *refusal = explain_access(e, &status);
    return refusal ? decide(e, status, refusal) : explain_answer(e);
}

/* --- the command --- */

static void free_configuration(struct configuration **c)
{
    configuration_free(*c);
}

static void free_fields(struct field **fields)
{
    free(*fields);
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
    struct field *fields __attribute__((cleanup(free_fields))) =
        calloc(c->limits.fields_max, sizeof *fields);
    if (!fields) {
        output_format(STDERR_FILENO, "portcullis: there is not enough memory\n");
        return EXIT_PROBLEM;
    }
    output_format(STDOUT_FILENO, json ? "{\"method\":\"%s\",\"steps\":[" : "%s %s from %s\n",
                  question->method, question->url, question->from);
    return explain(&e, fields);
}

/* --- the fixed order --- */

/* Text order in the configuration decides nothing: this does, for every request. */
static const struct {
    const char *name, *meaning;
} phases[] = {
    { "receive", "the head is read, parsed strictly and judged; the client is identified" },
    { "site", "by host: exact, then the longest wildcard, then *; no site is 421" },
    { "path", "made canonical; what can be read in two ways is 400" },
    { "route", "the most specific one; its settings are in force from here" },
    { "access", "allow and deny: the longest network decides, of equals the nearer, then deny" },
    { "answer", "redirect and respond, before an origin is asked" },
    { "origin", "a server is chosen and connected to, the request written anew and sent" },
    { "response", "parsed as strictly; hop-by-hop and revealing fields are dropped" },
    { "headers", "edits, of what is really sent" },
    { "deliver", "head and body to the client" },
    { "log", "metrics, the log of requests, the log of refusals" },
};

static int explain_phases(bool json)
{
    if (json)
        output_write(STDOUT_FILENO, SLICE("{\"phases\":["));
    for (size_t i = 0; i < ARRAY_LENGTH(phases); i++)
        output_format(STDOUT_FILENO,
                      json ? "%s{\"phase\":\"%s\",\"meaning\":\"%s\"}" : "%s%-12s %s\n",
                      json && i ? "," : "", phases[i].name, phases[i].meaning);
    if (json)
        output_write(STDOUT_FILENO, SLICE("]}\n"));
    return EXIT_OK;
}

int command_explain(int argc, char **argv)
{
    const char *path = CONFIG_PATH_DEFAULT, *folder = NULL;
    bool json = false, asks_phases = false;
    struct question question = { .from = "203.0.113.9", .method = "GET" };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--state", .value = &folder },
        { .name = "--json", .flag = &json },
        { .name = "--phases", .flag = &asks_phases },
        { .name = "--from", .value = &question.from },
        { .name = "--method", .value = &question.method },
        { .name = "--on", .value = &question.on },
        { .name = "--ja4", .value = &question.ja4 },
        { .name = "--header",
          .values = question.headers,
          .value_count = &question.header_count,
          .values_max = HEADERS_MAX },
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    if (asks_phases)
        return count ? command_refuse("--phases is the same for every URL") : explain_phases(json);
    if (count != 1)
        return command_refuse("explain needs one URL, or the id of an exchange");
    if (exchange_is_id(argv[0]))
        return command_story(folder, argv[0], json);
    question.url = argv[0];
    return explain_file(path, &question, json);
}
