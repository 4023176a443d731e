/* What each byte of a request head costs before and after the proxy decides: four loops over the
 * heads that browsers send. `bench/micro [ROUNDS]` prints nanoseconds for one head; under callgrind
 * (valgrind --tool=callgrind --toggle-collect=run_parse) the shares of each function. It answered
 * whether vector instructions pay: docs/decisions/simd.md. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/number.h"
#include "wire/uri.h"

#define FIELDS_MAX 100u

static const struct h1_limits limits = { 65536, 16384, 8192, FIELDS_MAX };

/* Chrome: a page with cookies (about 1,400 bytes); Firefox: an image (600); curl (90). */
static const slice heads[] = {
    SLICE("GET /shop/category/shoes?page=3&sort=price&filter=size%3A42 HTTP/1.1\r\n"
          "Host: shop.example.com\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
          "sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\", \"Google "
          "Chrome\";v=\"128\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n"
          "Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
          "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n"
          "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/"
          "webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n"
          "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"
          "Sec-Fetch-Dest: document\r\nReferer: https://shop.example.com/shop/category/"
          "shoes?page=2&sort=price&filter=size%3A42\r\nAccept-Encoding: gzip, deflate, br, "
          "zstd\r\nAccept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n"
          "Cookie: session=3f9c1b7e8a2d4c6f9b0e1d2c3b4a5f60718293a4b5c6d7e8; cart=eyJpdGVtcyI6W3"
          "siaWQiOjEyMzQ1LCJxIjoxfSx7ImlkIjo2Nzg5MCwicSI6Mn1dfQ; consent=all; "
          "_ga=GA1.2.1234567890.1700000000; _gid=GA1.2.987654321.1700000001; theme=dark\r\n"
          "If-None-Match: W/\"5f2-18c9d1e2a40\"\r\n\r\n"),
    SLICE("GET /assets/img/products/12345/large/front.webp HTTP/1.1\r\nHost: "
          "static.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:129.0) "
          "Gecko/20100101 Firefox/129.0\r\nAccept: image/avif,image/webp,image/png,image/"
          "svg+xml,image/*;q=0.8,*/*;q=0.5\r\nAccept-Language: en-US,en;q=0.5\r\n"
          "Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://www.example.com/\r\n"
          "Connection: keep-alive\r\nCookie: session=3f9c1b7e8a2d4c6f9b0e1d2c\r\n"
          "Sec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Site: same-site\r\n"
          "Priority: u=5, i\r\n\r\n"),
    SLICE("GET /api/v1/items HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: curl/8.5.0\r\n"
          "Accept: */*\r\n\r\n"),
};
#define HEADS ARRAY_LENGTH(heads)

/* Against a compiler that sees that nobody looks. */
static volatile size_t seen;

static void run_scan(slice head)
{
    size_t scanned = 0, length = 0;
    if (h1_head_scan(head, &limits, &scanned, &length) == 0)
        seen += length;
}

void run_parse(slice head);
void run_parse(slice head)
{
    static struct field fields[FIELDS_MAX];
    struct h1_request r;
    struct h1_error e;
    size_t scanned = 0, length;
    if (h1_head_scan(head, &limits, &scanned, &length) == 0 &&
        h1_request_parse(head, &limits, fields, &r, &e) == 0)
        seen += r.fields.count;
}

static void run_path(slice head)
{
    static const struct path_options options = { SLASH_REFUSE, true };
    char memory[1024];
    const char *reason;
    slice path = slice_after(head, slice_find_byte(head, ' ') + 1);
    size_t end = 0;
    while (path.ptr[end] != ' ' && path.ptr[end] != '?')
        end++;
    struct writer w = writer_over(memory, sizeof memory);
    if (path_canonicalize(slice_first(path, end), &options, &w, &reason) == 0)
        seen += w.len;
}

/* The three texts of a log line that a client chooses. */
static void run_log(slice head)
{
    char memory[4096];
    struct writer w = writer_over(memory, sizeof memory);
    static const slice names[] = { SLICE("\r\nUser-Agent: "), SLICE("\r\nReferer: ") };
    slice target = slice_after(head, 4);
    writer_json(&w, slice_first(target, slice_find_byte(target, ' ')));
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        slice value = slice_after(head, slice_find(head, names[i]) + names[i].len);
        writer_json(&w, slice_first(value, slice_find_byte(value, '\r')));
    }
    seen += w.len;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least of several rounds: whatever else the machine does only adds. */
static double measure(void (*run)(slice head), slice head, uint64_t rounds)
{
    double least = 1e18;
    for (int again = 0; again < 7; again++) {
        int64_t begin = now_ns();
        for (uint64_t i = 0; i < rounds; i++)
            run(head);
        double each = (double)(now_ns() - begin) / (double)rounds;
        least = each < least ? each : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(slice head);
    } loops[] = { { "scan", run_scan },
                  { "scan + parse", run_parse },
                  { "canonical path", run_path },
                  { "log escaping", run_log } };
    uint64_t rounds = 20000;
    if (argc > 2 || (argc == 2 && number_parse(slice_from(argv[1]), 1000000000, &rounds) != 0) ||
        rounds == 0) {
        fprintf(stderr, "usage: micro [ROUNDS]\n");
        return 2;
    }
    printf("%-16s", "ns for a head of");
    for (size_t k = 0; k < HEADS; k++)
        printf(" %6zu B", heads[k].len);
    for (size_t i = 0; i < ARRAY_LENGTH(loops); i++) {
        printf("\n%-16s", loops[i].name);
        for (size_t k = 0; k < HEADS; k++)
            printf(" %8.0f", measure(loops[i].run, heads[k], rounds));
    }
    printf("\n");
    return 0;
}
