/* What the rules cost: whole transactions through the engine alone, without a network.
 *
 *     bench/waf_engine [--rounds N] [--proxy] [--request FILE]… [--sizes] [--cold] FOLDER|FILE…
 *
 * The rules are read in the order in which they are given (a folder: its *.conf), behind what
 * stands before every set of rules. Prints microseconds of CPU for one request, the least of
 * several rounds, since whatever else the machine does only adds, and what the engine counted.
 * --proxy: as the proxy has it: Base64 and fields looked into, memory in small blocks, a response.
 * --request: these instead of its own, as bytes on the wire. --sizes: JSON and forms of 64 KiB to
 * 10 MiB, nanoseconds a byte, which must not grow with the length. --cold: the first requests of a
 * new process. Under callgrind (valgrind --tool=callgrind --toggle-collect=judge) the instructions,
 * which no neighbour changes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/number.h"
#include "base/panic.h"
#include "control/load_reader.h"
#include "control/waf_files.h"
#include "waf/engine/replay.h"
#include "waf/rules/builtin.h"
#include "waf/seclang/seclang.h"

enum { ROUNDS = 300, AGAIN = 9, FIRST_BYTES = 256 << 10, BLOCK_BYTES = 1 << 20 };
/* The proxy's. */
enum { PROXY_FIRST_BYTES = 16 << 10, PROXY_BLOCK_BYTES = 16 << 10, REQUESTS_MAX = 16 };
static const size_t arena_max = (size_t)4 << 30;

static const char get_head[] =
    "GET /shop/category/shoes?page=3&sort=price&filter=size%3A42 HTTP/1.1\r\n"
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
    "\r\nAccept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://shop.example.com/shop/category/shoes?page=2&sort=price\r\n"
    "Cookie: session=3f9c1b7e8a2d4c6f9b0e1d2c3b4a5f60; theme=dark; consent=all\r\n"
    "Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\nConnection: keep-alive\r\n\r\n";

static const char post_head[] =
    "POST %s HTTP/1.1\r\nHost: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/128.0.0.0 Safari/537.36\r\nAccept: application/json, text/html\r\n"
    "Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Cookie: session=3f9c1b7e8a2d4c6f9b0e1d2c3b4a5f60; theme=dark; consent=all\r\n"
    "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n";

static const char proxy_response[] =
    "HTTP/1.1 200 OK\r\nServer: bench-origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
    "Content-Type: application/octet-stream\r\nContent-Length: 1024\r\n\r\n";

static bool is_proxy;

static const char *const words[] = { "garden",  "window", "Maria",    "customer", "blue",
                                     "letter",  "summer", "delivery", "paper",    "Hamburg",
                                     "weekend", "table",  "quiet",    "mountain", "bicycle" };

/* A text under way. */
struct text {
    char *ptr;
    size_t len, room;
};

static void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(t->ptr + t->len, t->room - t->len, format, arguments);
    va_end(arguments);
    ASSERT(len >= 0 && (size_t)len < t->room - t->len);
    t->len += (size_t)len;
}

static struct text text_open(size_t bytes)
{
    enum { MORE = 4096 };
    struct text t = { .ptr = malloc(bytes + MORE), .room = bytes + MORE };
    ASSERT(t.ptr);
    return t;
}

static const char *word(unsigned number)
{
    return words[number * 7 % ARRAY_LENGTH(words)];
}

/* Orders: seven leaves in about 260 bytes. */
static void json_body(struct text *t, size_t bytes)
{
    text_add(t, "{\"customer\":\"%s\",\"items\":[", word(2));
    for (unsigned i = 0; t->len + 280 < bytes; i++)
        text_add(t,
                 "%s{\"id\":%u,\"name\":\"%s %s\",\"sku\":\"%s-%04u\",\"price\":%u.%02u,"
                 "\"available\":%s,\"description\":\"A %s %s for the %s, %s and %s. It's made by "
                 "%s & %s.\",\"url\":\"https://shop.example.com/%s/%u\"}",
                 i ? "," : "", 1000 + i, word(i), word(i + 3), word(i + 5), i % 10000, i % 90 + 9,
                 i % 100, i % 3 ? "true" : "false", word(i + 1), word(i + 4), word(i + 6),
                 word(i + 8), word(i + 9), word(i + 2), word(i + 11), word(i + 12), i);
    text_add(t, "]}");
}

/* 217 short leaves in 8 KiB, as an interface between programs has them. */
static void leaves_body(struct text *t, size_t bytes)
{
    text_add(t, "{\"items\":[");
    for (unsigned i = 0; t->len + 160 < bytes; i++)
        text_add(t,
                 "%s{\"id\":%u,\"name\":\"%s %s\",\"price\":%u.%02u,\"tags\":[\"%s\",\"%s\"],"
                 "\"note\":\"%s the %s, please\"}",
                 i ? "," : "", 1000 + i, word(i), word(i + 3), i % 90 + 9, i % 100, word(i + 5),
                 word(i + 6), word(i + 7), word(i + 8));
    text_add(t, "]}");
}

static void form_body(struct text *t, size_t bytes)
{
    text_add(t, "csrf=3f9c1b7e8a2d4c6f9b0e1d2c3b4a5f60&email=maria%%40example.com");
    for (unsigned i = 0; t->len + 160 < bytes; i++)
        text_add(t, "&field%u=%s+%s+%s&comment%u=The+%s+is+%s%%2C+and+the+%s+near+%s.", i, word(i),
                 word(i + 1), word(i + 2), i, word(i + 3), word(i + 4), word(i + 5), word(i + 6));
}

/* One argument alone. */
static void value_body(struct text *t, size_t bytes)
{
    text_add(t, "text=The");
    for (unsigned i = 0; t->len + 20 < bytes; i++)
        text_add(t, "+%s", word(i));
}

struct shape {
    const char *name, *path, *type;
    void (*body)(struct text *t, size_t bytes);
};

static const struct shape shapes[] = {
    { "form", "/shop/order", "application/x-www-form-urlencoded", form_body },
    { "JSON", "/api/v1/orders", "application/json", json_body },
    { "JSON, small leaves", "/api/v1/orders", "application/json", leaves_body },
    { "one value", "/shop/order", "application/x-www-form-urlencoded", value_body },
};

static slice make(const struct shape *s, size_t bytes)
{
    struct text body = text_open(bytes), all = text_open(bytes);
    s->body(&body, bytes);
    text_add(&all, post_head, s->path, s->type, body.len);
    ASSERT(body.len < all.room - all.len);
    memcpy(all.ptr + all.len, body.ptr, body.len);
    all.len += body.len;
    free(body.ptr);
    return slice_of(all.ptr, all.len);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What a transaction leaves behind. */
struct verdict {
    struct waf_counts counts;
    size_t memory;
    unsigned status;
    uint32_t rule;
};

void judge(const struct ruleset *rules, slice request, struct verdict *ret);
__attribute__((noinline)) void judge(const struct ruleset *rules, slice request,
                                     struct verdict *ret)
{
    static char first[FIRST_BYTES] __attribute__((aligned(16)));
    const struct waf_world world = { .now_ms = 1700000000000,
                                     .unique_id = SLICE("4711"),
                                     .client = { SLICE("192.0.2.1"), 50000 },
                                     .server = { SLICE("192.0.2.2"), 443 },
                                     .decodes_base64 = is_proxy,
                                     .inspects_fields = is_proxy };
    size_t first_bytes = is_proxy ? PROXY_FIRST_BYTES : FIRST_BYTES;
    struct arena arena;
    struct work work;
    struct waf_transaction *t = NULL;
    arena_open(&arena, first, first_bytes, is_proxy ? PROXY_BLOCK_BYTES : BLOCK_BYTES, arena_max);
    work_open(&work, 0, NULL, NULL);
    int result = waf_open(rules, &world, &arena, &work, &t);
    if (result == 0)
        result = replay_run(t, &arena, &work, request, slice_from(is_proxy ? proxy_response : ""));
    if (result != 0) {
        fprintf(stderr, "waf_engine: a request cannot be judged: %s\n", strerror(-result));
        exit(1);
    }
    const struct waf_decision *d = waf_decision(t);
    *ret = (struct verdict){ .counts = waf_counts(t),
                             .memory = (size_t)(arena.next - first),
                             .status = d->status,
                             .rule = d->rule ? d->rule->id : 0 };
    if (arena.blocks)
        ret->memory = arena.total;
    arena_close(&arena);
}

static double measure(const struct ruleset *rules, slice request, uint64_t rounds,
                      struct verdict *ret)
{
    double least = 1e18;
    for (int again = 0; again < (rounds > 1 ? AGAIN : 3); again++) {
        int64_t begin = now_ns();
        for (uint64_t i = 0; i < rounds; i++)
            judge(rules, request, ret);
        double each = (double)(now_ns() - begin) / (double)rounds;
        least = each < least ? each : least;
    }
    return least;
}

static void row(const struct ruleset *rules, const char *name, slice request, uint64_t rounds)
{
    struct verdict v;
    double ns = measure(rules, request, rounds, &v);
    printf("%-24s %9zu %10.1f %8.1f %8llu %8llu %7llu %9llu %7zu", name, request.len, ns / 1000,
           ns / (double)request.len, (unsigned long long)v.counts.steps,
           (unsigned long long)v.counts.operators, (unsigned long long)v.counts.copies,
           (unsigned long long)v.counts.bytes, v.memory >> 10);
    printf(v.status ? "  %u by rule %u\n" : "\n", v.status, v.rule);
}

static void heading(void)
{
    printf("%-24s %9s %10s %8s %8s %8s %7s %9s %7s\n", "", "bytes", "us", "ns/byte", "steps",
           "operator", "copies", "of bytes", "KiB");
}

static void row_of(const struct ruleset *rules, const struct shape *s, size_t bytes,
                   uint64_t rounds)
{
    char name[64];
    slice request = make(s, bytes);
    bool is_large = bytes >= 1 << 20;
    snprintf(name, sizeof name, "%s, %zu %s", s->name, is_large ? bytes >> 20 : bytes >> 10,
             is_large ? "MiB" : "KiB");
    row(rules, name, request, rounds);
    free((char *)request.ptr);
}

static void print_ordinary(const struct ruleset *rules, uint64_t rounds)
{
    heading();
    row(rules, "GET", slice_from(get_head), rounds);
    row_of(rules, &shapes[0], 1 << 10, rounds);
    row_of(rules, &shapes[1], 8 << 10, rounds);
    row_of(rules, &shapes[2], 8 << 10, rounds);
    row_of(rules, &shapes[3], 16 << 10, rounds);
}

static void print_sizes(const struct ruleset *rules)
{
    heading();
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++)
        for (size_t bytes = 64 << 10; bytes <= 10 << 20; bytes *= bytes < 1 << 20 ? 16 : 10)
            row_of(rules, &shapes[i], bytes, 1);
}

/* Before anything has been judged. */
static void print_cold(const struct ruleset *rules)
{
    enum { REQUESTS = 100 };
    slice kinds[] = { slice_from(get_head), make(&shapes[0], 1 << 10), make(&shapes[1], 8 << 10) };
    double first[ARRAY_LENGTH(kinds)] = { 0 }, sum[ARRAY_LENGTH(kinds)] = { 0 };
    struct verdict v;
    for (unsigned i = 0; i < REQUESTS; i++)
        for (unsigned k = 0; k < ARRAY_LENGTH(kinds); k++) {
            int64_t begin = now_ns();
            judge(rules, kinds[k], &v);
            double took = (double)(now_ns() - begin) / 1000;
            first[k] = i == 0 ? took : first[k];
            sum[k] += took;
        }
    static const char *const names[] = { "GET", "form, 1 KiB", "JSON, 8 KiB" };
    printf("%-24s %10s %16s\n", "of a new process, us", "the first", "mean of 100");
    for (unsigned k = 0; k < ARRAY_LENGTH(kinds); k++)
        printf("%-24s %10.0f %16.0f\n", names[k], first[k], sum[k] / REQUESTS);
    free((char *)kinds[1].ptr);
    free((char *)kinds[2].ptr);
}

/* A request of a file. */
static void print_request(const struct ruleset *rules, const char *path, uint64_t rounds)
{
    static char bytes[FIRST_BYTES];
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (len == 0 || len == sizeof bytes) {
        fprintf(stderr, "waf_engine: cannot read %s, or it has more than %zu bytes\n", path,
                sizeof bytes - 1);
        exit(1);
    }
    fclose(file);
    const char *name = strrchr(path, '/');
    row(rules, name ? name + 1 : path, slice_of(bytes, len), rounds);
}

static int read_rules(struct seclang *load, const char *path)
{
    struct stat status;
    char pattern[4096];
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return seclang_file(load, slice_from(path));
    snprintf(pattern, sizeof pattern, "%s/*.conf", path);
    return seclang_file(load, slice_from(pattern));
}

static int load_rules(int count, char **paths, struct ruleset **ret)
{
    const struct seclang_world world = waf_files(&load_reader);
    struct seclang *load = NULL;
    TRY(seclang_open(&world, &load));
    int result = seclang_text(load, SLICE("built in"), waf_prelude);
    for (int i = 0; result == 0 && i < count; i++)
        result = read_rules(load, paths[i]);
    int finished = seclang_finish(load, ret);
    unsigned found, total;
    const struct waf_problem *errors = seclang_errors(load, &found, &total);
    for (unsigned i = 0; i < found; i++)
        fprintf(stderr, "%.*s:%u: %s\n", SLICE_ARGUMENTS(errors[i].file), errors[i].line,
                errors[i].text);
    seclang_close(load);
    TRY(result ? result : finished);
    return waf_prepare(*ret);
}

struct options {
    uint64_t rounds;
    bool is_sizes, is_cold;
    const char *requests[REQUESTS_MAX];
    unsigned request_count;
};

/* The index of the first argument that is no option; 0: they make no sense. */
static int read_options(int argc, char **argv, struct options *o)
{
    int at = 1;
    *o = (struct options){ .rounds = ROUNDS };
    for (; at < argc && argv[at][0] == '-'; at++) {
        slice option = slice_from(argv[at]);
        bool has_value = at + 1 < argc;
        if (slice_equal(option, SLICE("--sizes")))
            o->is_sizes = true;
        else if (slice_equal(option, SLICE("--cold")))
            o->is_cold = true;
        else if (slice_equal(option, SLICE("--proxy")))
            is_proxy = true;
        else if (slice_equal(option, SLICE("--request")) && has_value &&
                 o->request_count < REQUESTS_MAX)
            o->requests[o->request_count++] = argv[++at];
        else if (!slice_equal(option, SLICE("--rounds")) || !has_value ||
                 number_parse(slice_from(argv[++at]), 1000000, &o->rounds) != 0 || !o->rounds)
            return 0;
    }
    return at < argc ? at : 0;
}

static void print(const struct ruleset *rules, const struct options *o)
{
    if (o->is_cold) {
        print_cold(rules);
    } else if (o->is_sizes) {
        print_sizes(rules);
    } else if (o->request_count) {
        heading();
        for (unsigned i = 0; i < o->request_count; i++)
            print_request(rules, o->requests[i], o->rounds);
    } else {
        print_ordinary(rules, o->rounds);
    }
}

int main(int argc, char **argv)
{
    struct options options;
    struct ruleset *rules = NULL;
    int at = read_options(argc, argv, &options);
    if (at == 0) {
        fprintf(stderr, "usage: waf_engine [--rounds N] [--proxy] [--request FILE]... [--sizes] "
                        "[--cold] FOLDER|FILE...\n");
        return 2;
    }
    int result = load_rules(argc - at, argv + at, &rules);
    if (result != 0) {
        fprintf(stderr, "waf_engine: cannot load the rules: %s\n", strerror(-result));
        return 1;
    }
    print(rules, &options);
    ruleset_free(rules);
    return 0;
}
