/* `explain URL`: what would happen to a request, stage by stage, without sending anything. The
 * request is written as a client would write it and read by the parser that reads clients, so that
 * what is refused there is refused here. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/command.h"
#include "control/exchange_ask.h"
#include "control/load.h"
#include "control/output.h"
#include "control/load_reader.h"
#include "control/dry_run.h"
#include "filters/waf.h"
#include "filters/waf_shown.h"
#include "proxy/endpoint.h"
#include "wire/h2_fingerprint.h"
#include "wire/ja4.h"

#define HEADERS_MAX 64u
#define URL_MAX     (64u << 10)
#define HEAD_MAX    (256u << 10)
#define BODY_MAX    (64u << 20)
#define MEMORY_MAX  (4ull << 30)
#define SHOWN_BYTES 400u
#define FORM        "application/x-www-form-urlencoded"

/* The request that is asked about. */
struct question {
    const char *url, *from, *method, *on, *ja4, *h2;
    const char *data; /* the body, or @FILE; NULL: none */
    const char *headers[HEADERS_MAX];
    uint32_t header_count;
};

struct explanation {
    const struct configuration *c;
    const struct question *question;
    bool json;
    slice authority_text, target_text; /* of the URL */
    struct authority authority;
    slice body;
    char head_text[HEAD_MAX];
    bool is_other_port;
    struct dry_request request;
    struct dry_result result;
    struct arena arena;
};

/* --- the request --- */

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
    if (q->data && !has_header(q, SLICE("Content-Type")))
        writer_literal(&w, "Content-Type: " FORM "\r\n");
    if (q->data && !has_header(q, SLICE("Content-Length")) &&
        !has_header(q, SLICE("Transfer-Encoding")))
        writer_format(&w, "Content-Length: %zu\r\n", e->request.body.len);
    writer_literal(&w, "\r\n");
    e->request.head = writer_slice(&w);
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
            e->request.listener = i;
            return NULL;
        }
    }
    e->is_other_port = true;
    return is_named ? "nothing listens there" : NULL;
}

static const char *read_body(struct explanation *e)
{
    const char *data = e->question->data;
    if (data && data[0] == '@')
        return load_reader.read_input(NULL, &e->arena, slice_from(data + 1), BODY_MAX,
                                      &e->request.body) == 0
                   ? NULL
                   : "the file of --data cannot be read";
    e->request.body = slice_from(data);
    return NULL;
}

/* The same that a client would be asked with, now. */
static void note_facts(struct explanation *e)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    bool is_tls = slice_starts_with(slice_from(e->question->url), SLICE("https:"));
    e->request.now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    e->request.scheme = is_tls ? SLICE("https") : SLICE("http");
    e->request.ja4 = slice_from(e->question->ja4);
    e->request.h2 = slice_from(e->question->h2);
    e->request.id = SLICE("explain");
}

static const char *read_question(struct explanation *e)
{
    const char *problem = read_url(e);
    if (!problem)
        problem = check_headers(e->question);
    if (!problem)
        problem = choose_listener(e);
    if (!problem && ip_parse(slice_from(e->question->from), &e->request.client) != 0)
        problem = "--from is an IP address";
    if (!problem && !field_name_is_token(slice_from(e->question->method)))
        problem = "--method is a word such as GET";
    if (!problem && e->question->ja4 && !ja4_is_valid(slice_from(e->question->ja4)))
        problem = "--ja4 is a fingerprint such as t13d1516h2_8daaf6152771_e5627efa2ab1";
    if (!problem && e->question->h2 && !h2_fingerprint_is_valid(slice_from(e->question->h2)))
        problem = "--h2 is a fingerprint such as '1:65536;4:131072|12517377|0|m,p,a,s'";
    if (!problem)
        problem = read_body(e);
    return problem ? problem : write_head(e);
}

/* --- telling --- */

static void print_shown(slice s)
{
    output_shown(STDOUT_FILENO, s, SHOWN_BYTES);
}

static void print_rule(const struct waf_match *m)
{
    const struct waf_finding *f = m->findings ? &m->finding[m->findings - 1] : NULL;
    output_format(STDOUT_FILENO, "    rule %-7u %+lld  ", m->rule->id, (long long)m->score);
    print_shown(m->msg);
    if (m->is_shadow)
        output_write(STDOUT_FILENO, SLICE(", in shadow"));
    if (f) {
        output_write(STDOUT_FILENO, SLICE(": "));
        print_shown(f->name);
        output_write(STDOUT_FILENO, SLICE(" matched "));
        print_shown(waf_matched(f));
    }
    output_write(STDOUT_FILENO, SLICE("\n"));
}

static void print_rule_json(const struct waf_match *m, bool is_first)
{
    const struct waf_finding *f = m->findings ? &m->finding[m->findings - 1] : NULL;
    output_format(STDOUT_FILENO, "%s{\"id\":%u,\"score\":%lld,", is_first ? "" : ",", m->rule->id,
                  (long long)m->score);
    output_json_member(STDOUT_FILENO, "msg", m->msg);
    if (f) {
        output_write(STDOUT_FILENO, SLICE(","));
        output_json_member(STDOUT_FILENO, "target", f->name);
        output_write(STDOUT_FILENO, SLICE(","));
        output_json_member(STDOUT_FILENO, "matched", waf_matched(f));
    }
    output_write(STDOUT_FILENO, slice_from(m->is_shadow ? ",\"shadow\":true}" : "}"));
}

static void tell_rules(const struct explanation *e)
{
    bool is_first = true;
    if (!e->result.transaction)
        return;
    if (e->json)
        output_write(STDOUT_FILENO, SLICE(",\"rules\":["));
    for (const struct waf_match *m = waf_matches(e->result.transaction); m; m = m->next) {
        if (!waf_is_told(m))
            continue;
        if (e->json)
            print_rule_json(m, is_first);
        else
            print_rule(m);
        is_first = false;
    }
    if (e->json) {
        output_write(STDOUT_FILENO, SLICE("]"));
        if (e->result.wanted_lists)
            output_write(STDOUT_FILENO, SLICE(",\"lists_not_asked\":true"));
        return;
    }
    if (e->result.has_collections)
        output_write(STDOUT_FILENO,
                     SLICE("    (what rules keep between requests is empty here)\n"));
    if (e->result.wanted_lists)
        output_write(STDOUT_FILENO,
                     SLICE("    (lists in the DNS are not asked here: nothing is on them)\n"));
}

/* One stage and what it says. */
static void tell_stage(const struct explanation *e, const struct dry_stage *s)
{
    bool is_rules = strcmp(s->name, "waf") == 0;
    slice note = e->is_other_port && strcmp(s->name, "listener") == 0
                     ? SLICE(" (nothing listens on the port of the URL; this is the first)")
                     : SLICE("");
    char text[256];
    struct writer w = writer_over(text, sizeof text);
    slice verdict = s->verdict;
    if (note.len) {
        writer_slice_add(&w, verdict);
        writer_slice_add(&w, note);
        verdict = writer_slice(&w);
    }
    if (e->json) {
        output_format(STDOUT_FILENO, "%s{\"stage\":\"%s\",", s == e->result.stages ? "" : ",",
                      s->name);
        output_json_member(STDOUT_FILENO, "verdict", verdict);
        output_write(STDOUT_FILENO, SLICE(","));
        output_json_member(STDOUT_FILENO, "where", s->where);
        if (is_rules)
            tell_rules(e);
        output_write(STDOUT_FILENO, SLICE("}"));
        return;
    }
    output_format(STDOUT_FILENO, "  %-12s ", s->name);
    output_write(STDOUT_FILENO, verdict);
    if (s->where.len)
        output_format(STDOUT_FILENO, "  (%.*s)", SLICE_ARGUMENTS(s->where));
    output_write(STDOUT_FILENO, SLICE("\n"));
    if (is_rules)
        tell_rules(e);
}

static void tell(const struct explanation *e)
{
    const struct dry_result *r = &e->result;
    const char *reason = r->outcome == DRY_FORWARDED ? "forwarded to the origin" : r->reason;
    output_format(STDOUT_FILENO, e->json ? "{\"method\":\"%s\",\"steps\":[" : "%s %s from %s\n",
                  e->question->method, e->question->url, e->question->from);
    for (const struct dry_stage *s = r->stages; s; s = s->next)
        tell_stage(e, s);
    if (e->json)
        output_format(STDOUT_FILENO, "],\"status\":%u,\"reason\":\"%s\"}\n", r->status, reason);
    else if (r->status)
        output_format(STDOUT_FILENO, "= %u %s\n", r->status, reason);
    else
        output_format(STDOUT_FILENO, "= %s\n", reason);
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
    arena_open(&e.arena, NULL, 0, 64u << 10, MEMORY_MAX);
    const char *problem = read_question(&e);
    note_facts(&e);
    int result = problem ? command_refuse(problem) : EXIT_OK;
    if (result == EXIT_OK && dry_run(c, &e.request, &e.arena, &e.result) != 0) {
        output_format(STDERR_FILENO, "portcullis: there is not enough memory\n");
        result = EXIT_PROBLEM;
    }
    if (result == EXIT_OK)
        tell(&e);
    dry_release(&e.result);
    arena_close(&e.arena);
    return result;
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
    { "https", "where a site has a certificate, plain requests are sent there" },
    { "access", "allow and deny: the longest network decides, of equals the nearer, then deny" },
    { "auth", "early data that changes something is 425; the client's certificate" },
    { "waf", "the rules judge head and body before anything of it is passed on" },
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
    struct question question = { .from = "203.0.113.9", .method = NULL };
    const struct command_option options[] = {
        { .name = "--config", .short_name = "-c", .value = &path },
        { .name = "--state", .value = &folder },
        { .name = "--json", .flag = &json },
        { .name = "--phases", .flag = &asks_phases },
        { .name = "--from", .value = &question.from },
        { .name = "--method", .value = &question.method },
        { .name = "--on", .value = &question.on },
        { .name = "--ja4", .value = &question.ja4 },
        { .name = "--h2", .value = &question.h2 },
        { .name = "--data", .value = &question.data },
        { .name = "--header",
          .short_name = "-H",
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
    if (!question.method)
        question.method = question.data ? "POST" : "GET";
    return explain_file(path, &question, json);
}
