#include "control/quick_start.h"

#include "base/number.h"
#include "config/format.h"
#include "control/output.h"
#include "control/waf_summary.h"

/* A word of the command line as a word of the language. What the language has none for is quoted
 * all the same, so that the loader says what is wrong with it. */
static void write_word(struct writer *w, slice word)
{
    if (format_word(w, word))
        return;
    writer_byte(w, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (strchr("\"\\{", word.ptr[i]))
            writer_byte(w, '\\');
        writer_byte(w, word.ptr[i]);
    }
    writer_byte(w, '"');
}

/* "3000" is a server on this machine. */
static void write_address(struct writer *w, slice address)
{
    uint64_t port;
    if (number_parse(address, 65535, &port) == 0)
        writer_literal(w, "127.0.0.1:");
    write_word(w, address);
}

static bool next_address(const struct quick_start *q, uint32_t *index, slice *rest, slice *ret)
{
    while (rest->len == 0) {
        if (*index == q->to_count)
            return false;
        *rest = slice_from(q->to[(*index)++]);
    }
    *ret = slice_first(*rest, slice_find_byte(*rest, ','));
    *rest = slice_after(*rest, ret->len + 1);
    return true;
}

static uint32_t count_addresses(const struct quick_start *q)
{
    uint32_t index = 0, count = 0;
    slice rest = SLICE(""), address;
    while (next_address(q, &index, &rest, &address))
        count++;
    return count;
}

static void write_addresses(struct writer *w, const struct quick_start *q)
{
    uint32_t index = 0;
    slice rest = SLICE(""), address;
    while (next_address(q, &index, &rest, &address)) {
        writer_byte(w, ' ');
        write_address(w, address);
    }
}

static void write_words(struct writer *w, const char *const *words, uint32_t count,
                        const char *otherwise)
{
    for (uint32_t i = 0; i < count; i++) {
        writer_byte(w, ' ');
        write_word(w, slice_from(words[i]));
    }
    if (count == 0)
        writer_format(w, " %s", otherwise);
}

void quick_start_write(struct writer *w, const struct quick_start *q)
{
    bool is_group = count_addresses(q) > 1;
    writer_literal(w, "listen");
    write_words(w, q->listens, q->listen_count, "127.0.0.1:8080");
    writer_literal(w, "\nlog requests json to stdout\nlog security json to stderr\n");
    if (q->is_shadow)
        writer_literal(w, "defaults { waf mode shadow }\n");
    if (is_group) {
        writer_literal(w, "\norigin app {\n  server");
        write_addresses(w, q);
        writer_literal(w, "\n}\n");
    }
    writer_literal(w, "\nsite");
    write_words(w, q->hosts, q->host_count, "*");
    writer_literal(w, " {\n  to");
    if (is_group)
        writer_literal(w, " app");
    else
        write_addresses(w, q);
    writer_literal(w, "\n}\n");
}

static void greet_origin(const struct origin *origin, int fd)
{
    output_format(fd, "  to       ");
    for (uint32_t i = 0; i < origin->server_count; i++)
        output_format(fd, "%s%.*s", i ? ", " : "", SLICE_ARGUMENTS(origin->servers[i].text));
    output_format(fd, "\n");
}

/* All of it is judged alike: there is one site. */
static void greet_waf(const struct waf_settings *waf, int fd)
{
    const char *words = waf->mode == WAF_MODE_SHADOW
                            ? "told and not refused (shadow), by the WAF's %u built-in rules\n"
                            : "refused by the WAF's %u built-in rules; only watched: --shadow\n";
    output_format(fd, "  attacks  ");
    output_format(fd, words, waf_summary_rules(waf));
}

void quick_start_greet(const struct configuration *c, int fd)
{
    output_format(fd, "Portcullis %s\n", PORTCULLIS_VERSION);
    for (uint32_t i = 0; i < c->listen_count; i++) {
        slice text = c->listens[i].text;
        bool is_any = text.len && text.ptr[0] == ':';
        output_format(fd, "  serving  %s%s%.*s\n",
                      slice_starts_with(text, SLICE("unix:")) ? "" : "http://",
                      is_any ? "localhost" : "", SLICE_ARGUMENTS(text));
    }
    for (uint32_t i = 0; i < c->origin_count; i++)
        greet_origin(&c->origins[i], fd);
    greet_waf(c->sites[0].routes[0].blocks[FEATURE_WAF], fd);
    output_format(fd,
                  "  refused  malformed and ambiguous requests, slow clients, more than %u "
                  "connections of one client\n",
                  c->limits.connections_per_client_max);
    output_format(fd, "  hidden   Server, X-Powered-By and their like; forged X-Forwarded-For\n"
                      "  stop     Ctrl-C      as a file: --print-config\n");
}
