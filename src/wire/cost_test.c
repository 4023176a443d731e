/* What strangers send costs in proportion to its bytes: ten times the input, ten times the steps.
 * Steps are counted, not timed. The parsers are built once more for this test with a call at every
 * branch (-fsanitize-coverage=trace-pc), and the linker puts the functions below in front of the
 * ones of the C library that walk over memory. */
#include <errno.h>
#include <stdlib.h>

#include "base/count_steps.h"
#include "base/test.h"
#include "wire/accept.h"
#include "wire/cookie.h"
#include "wire/date.h"
#include "wire/forwarded.h"
#include "wire/proxy_protocol.h"
#include "wire/query.h"
#include "wire/uri.h"

#define FEW        1000u
#define MANY       (10 * FEW)
#define BYTES_MAX  (4u << 20)
#define FIELDS_MAX (2 * MANY + 16)

/* --- what is measured ------------------------------------------------------------------------ */

static const struct h1_limits limits = { BYTES_MAX, BYTES_MAX, BYTES_MAX, FIELDS_MAX };
static struct field *storage;
static char *scratch;

static void request_head(slice input)
{
    struct h1_request r;
    struct h1_error e;
    size_t scanned = 0, length;
    if (h1_head_scan(input, &limits, &scanned, &length) == 0)
        (void)!h1_request_parse(slice_first(input, length), &limits, storage, &r, &e);
}

static void request_written_anew(slice input)
{
    struct h1_request r;
    struct h1_error e;
    struct writer w = writer_over(scratch, BYTES_MAX);
    assert_int_equal(h1_request_parse(input, &limits, storage, &r, &e), 0);
    h1_write_fields(&w, &r.fields);
    assert_false(w.overflowed);
}

static void response_head(slice input)
{
    static const struct h1_question question = { .method = METHOD_GET };
    struct h1_response r;
    struct h1_error e;
    assert_int_equal(h1_response_parse(input, &limits, storage, &question, &r, &e), 0);
}

static void head_that_trickles(slice input)
{
    size_t scanned = 0, length;
    for (size_t have = 1; have < input.len; have++)
        assert_int_equal(h1_head_scan(slice_first(input, have), &limits, &scanned, &length),
                         -EAGAIN);
}

static void chunks(slice input)
{
    struct h1_body b;
    h1_body_open(&b, H1_FRAMING_CHUNKED, 0);
    for (size_t at = 0, used; at < input.len && !b.ended; at += used) {
        slice data;
        if (h1_body_next(&b, slice_after(input, at), &data, &used) != 0)
            return;
    }
}

static void chunks_that_trickle(slice input)
{
    struct h1_body b;
    h1_body_open(&b, H1_FRAMING_CHUNKED, 0);
    for (size_t at = 0; at < input.len && !b.ended; at++) {
        slice data;
        size_t used;
        if (h1_body_next(&b, slice_first(slice_after(input, at), 1), &data, &used) != 0)
            return;
    }
}

static void canonical_path(slice input)
{
    static const struct path_options options = { SLASH_DECODE, true };
    struct writer w = writer_over(scratch, BYTES_MAX);
    const char *reason;
    (void)!path_canonicalize(input, &options, &w, &reason);
    assert_false(w.overflowed);
}

static void canonical_path_with_slashes(slice input)
{
    static const struct path_options options = { SLASH_KEEP, true };
    struct writer w = writer_over(scratch, BYTES_MAX);
    const char *reason;
    assert_int_equal(path_canonicalize(input, &options, &w, &reason), 0);
}

static void target(slice input)
{
    struct request_target t;
    const char *reason;
    (void)!target_parse(input, METHOD_GET, &t, &reason);
}

static void authority(slice input)
{
    struct authority a;
    (void)!authority_parse(input, &a);
}

static void cookies(slice input)
{
    slice value;
    assert_false(cookie_find(input, SLICE("absent"), &value));
}

static void query(slice input)
{
    slice rest = input;
    struct query_pair pair;
    struct writer w = writer_over(scratch, BYTES_MAX);
    while (query_next(&rest, &pair))
        query_decode(&w, pair.value);
}

static void list(slice input)
{
    slice rest = input, element;
    while (list_next(&rest, &element))
        steps_counted++;
}

static void accepts(slice input)
{
    (void)accept_prefers_json(input);
}

static void forwarded(slice input)
{
    struct forwarded_element elements[4];
    (void)forwarded_elements(input, elements, ARRAY_LENGTH(elements));
}

static void forwarded_for(slice input)
{
    slice rest = input, element;
    while (forwarded_for_last(&rest, &element))
        steps_counted++;
}

static void proxy_header(slice input)
{
    struct proxy_addresses a;
    size_t used;
    (void)!proxy_protocol_parse(input, &a, &used);
}

static void date(slice input)
{
    int64_t seconds;
    (void)!http_date_parse(input, 0, &seconds);
}

static void reference(slice input)
{
    struct writer w = writer_over(scratch, BYTES_MAX);
    uri_reference_write(&w, input);
}

/* --- inputs: a beginning, a part that is repeated, an end ------------------------------------- */

#define REQUEST  "GET / HTTP/1.1\r\nHost: a\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *name;
    void (*run)(slice input);
    const char *begin, *repeated, *middle, *repeated_too, *end;
} cases[] = {
    { "equal field lines", request_head, REQUEST, "X: y\r\n", "", "", "\r\n" },
    { "equal known fields", request_head, REQUEST, "Cookie: y\r\n", "", "", "\r\n" },
    { "equal lengths", request_head, REQUEST, "Content-Length: 5\r\n", "", "", "\r\n" },
    { "equal codings", request_head, REQUEST, "Transfer-Encoding: chunked\r\n", "", "", "\r\n" },
    { "equal hosts", request_head, "GET / HTTP/1.1\r\n", "Host: a\r\n", "", "", "\r\n" },
    { "names in Connection", request_head, REQUEST "Connection: a", ",Xy", "\r\n", "Ab: c\r\n",
      "\r\n" },
    { "Connection lines", request_head, REQUEST, "Connection: Ab\r\n", "", "Ab: c\r\n", "\r\n" },
    { "closes in Connection", request_head, REQUEST "Connection: close", ",close", "\r\n",
      "Ab: c\r\n", "\r\n" },
    { "protocols in Upgrade", request_head, REQUEST "Connection: upgrade\r\nUpgrade: a", ",b",
      "\r\n", "Upgrade: c\r\n", "\r\n" },
    { "upgrades in Connection", request_head,
      REQUEST "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: upgrade", ",upgrade",
      "\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "\r\n" },
    { "a long value", request_head, REQUEST "X: ", "a\t", "", "", "\r\n\r\n" },
    { "a value of blanks", request_head, REQUEST "X: ", " ", "", "", "\r\n\r\n" },
    { "a long name", request_head, REQUEST, "a", "", "", ": b\r\n\r\n" },
    { "a long method", request_head, "", "A", "", "", " / HTTP/1.1\r\nHost: a\r\n\r\n" },
    { "a long target", request_head, "GET /", "a", "", "", " HTTP/1.1\r\nHost: a\r\n\r\n" },
    { "empty lines", request_head, "", "\r\n", "", "", "" },
    { "a request written anew", request_written_anew, REQUEST, "Xa: y\r\n", "", "", "\r\n" },
    { "response fields", response_head, RESPONSE, "Set-Cookie: a=b\r\n", "", "", "\r\n" },
    { "response lengths", response_head, RESPONSE, "Content-Length: 5\r\n", "", "", "\r\n" },
    { "lines that trickle", head_that_trickles, REQUEST, "X: y\r\n", "", "", "\r\n" },
    { "a line that trickles", head_that_trickles, REQUEST "X: ", "y", "", "", "\r\n\r\n" },
    { "chunks of a byte", chunks, "", "1\r\na\r\n", "", "", "0\r\n\r\n" },
    { "chunks that trickle", chunks_that_trickle, "", "1\r\na\r\n", "", "", "0\r\n\r\n" },
    { "a long extension", chunks, "1;", "a", "", "", "\r\na\r\n0\r\n\r\n" },
    { "trailers", chunks, "0\r\n", "a: b\r\n", "", "", "\r\n" },
    { "segments", canonical_path, "/", "a/", "", "", "" },
    { "up and down", canonical_path, "/", "a/%2e%2E/", "", "", "" },
    { "all the way down, then up", canonical_path, "/", "ab/", "", "../", "" },
    { "slashes", canonical_path, "/", "/", "", "", "" },
    { "dots", canonical_path, "/", ".", "", "", "" },
    { "dots with parameters", canonical_path, "/", ".a;/", "", "", "" },
    { "escapes", canonical_path, "/", "%c3%a4", "", "", "" },
    { "escaped percents", canonical_path, "/", "%25", "", "", "" },
    { "escaped percents and digits", canonical_path, "/", "%254", "", "", "" },
    { "encoded slashes", canonical_path, "/", "a%2f", "", "", "" },
    { "kept slashes", canonical_path_with_slashes, "/", "a%2f", "", "", "" },
    { "kept backslashes", canonical_path_with_slashes, "/", "a\\", "", "", "" },
    { "escapes in a query", target, "/?", "%41", "", "", "" },
    { "question marks", target, "/", "?", "", "", "" },
    { "colons", target, "a", ":/", "", "", "" },
    { "labels", authority, "", "a.", "", "", "a" },
    { "digits", authority, "", "1.", "", "", "1" },
    { "groups", authority, "[", "1:", "", "", "1]" },
    { "cookies", cookies, "", "a=b; ", "", "", "" },
    { "semicolons", cookies, "", ";", "", "", "" },
    { "pairs", query, "", "a=%20+&", "", "", "" },
    { "ampersands", query, "", "&", "", "", "" },
    { "percent signs", query, "a=", "%", "", "", "" },
    { "elements", list, "", "a,", "", "", "" },
    { "commas", list, "", ",", "", "", "" },
    { "quotes", list, "", "\"", "", "", "" },
    { "backslashes", list, "\"", "\\", "", "", "" },
    { "media types", accepts, "", "text/html;q=0.5,", "", "", "" },
    { "weights", accepts, "a", ";q=1", "", "", "" },
    { "forwarded elements", forwarded, "", "for=1.2.3.4;proto=http,", "", "", "" },
    { "forwarded pairs", forwarded, "", "for=1.2.3.4;", "", "", "" },
    { "forwarded addresses", forwarded_for, "", "1.2.3.4, ", "", "", "" },
    { "forwarded commas", forwarded_for, "", ",", "", "", "" },
    { "forwarded colons", forwarded_for, "", ":", "", "", "" },
    { "a PROXY line without end", proxy_header, "PROXY TCP4 ", "1", "", "", "" },
    { "a long date", date, "Sun, ", "0", "", "", "" },
    { "a reference", reference, "/", " ", "", "", "" },
};

static slice input_of(size_t index, size_t count)
{
    static char text[BYTES_MAX];
    struct writer w = writer_over(text, sizeof text);
    writer_text(&w, cases[index].begin);
    for (size_t i = 0; i < count; i++)
        writer_text(&w, cases[index].repeated);
    writer_text(&w, cases[index].middle);
    for (size_t i = 0; i < count; i++)
        writer_text(&w, cases[index].repeated_too);
    writer_text(&w, cases[index].end);
    assert_false(w.overflowed);
    return writer_slice(&w);
}

static uint64_t steps_of(size_t index, size_t count)
{
    slice input = input_of(index, count);
    steps_counted = 0;
    cases[index].run(input);
    return steps_counted;
}

TEST(ten_times_the_input_costs_ten_times_the_steps)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        uint64_t few = steps_of(i, FEW), many = steps_of(i, MANY);
        if (many > 11 * few)
            fail_msg("%s: %llu steps for %u, %llu for %u", cases[i].name, (unsigned long long)few,
                     FEW, (unsigned long long)many, MANY);
        /* The counter counts: something walks over the input, or refuses it early. */
        assert_true(few > 0);
    }
}

TEST(a_quadratic_walk_is_noticed)
{
    static char text[MANY];
    memset(text, 'a', sizeof text);
    uint64_t found[2];
    for (int i = 0; i < 2; i++) {
        size_t count = i ? MANY : FEW;
        steps_counted = 0;
        for (size_t from = 0; from < count; from++)
            (void)slice_find_byte(slice_of(text + from, count - from), 'b');
        found[i] = steps_counted;
    }
    assert_true(found[1] > 50 * found[0]);
}

static int allocate(UNUSED void **state)
{
    storage = calloc(FIELDS_MAX, sizeof *storage);
    scratch = malloc(BYTES_MAX);
    return storage && scratch ? 0 : -1;
}

static int release(UNUSED void **state)
{
    free(storage);
    free(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_times_the_input_costs_ten_times_the_steps),
        cmocka_unit_test(a_quadratic_walk_is_noticed),
    };
    return cmocka_run_group_tests(tests, allocate, release);
}
