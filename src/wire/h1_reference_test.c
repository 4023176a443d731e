/* The parser and a naive second reading of the RFC agree on heads that are put together by chance
 * from what attackers and accidents use. The seed is fixed: a failure comes back. */
#include "base/test.h"
#include "wire/h1_reference.h"

#define ROUNDS    60000u
#define HEAD_MAX  2048u
#define MAX_LINES 100u

static const struct h1_limits limits = { HEAD_MAX, HEAD_MAX, HEAD_MAX, MAX_LINES };

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

static const slice first_lines[] = { SLICE("GET / HTTP/1.1"),        SLICE("POST /a?b=c HTTP/1.1"),
                                     SLICE("GET / HTTP/1.0"),        SLICE("OPTIONS * HTTP/1.1"),
                                     SLICE("GET  / HTTP/1.1"),       SLICE("GET / HTTP/1.2"),
                                     SLICE("PUT http://a/ HTTP/1.1") };

static const slice lines[] = {
    SLICE("Host: a"),
    SLICE("host:a:80"),
    SLICE("Content-Length: 5"),
    SLICE("content-length:\t05 "),
    SLICE("Content-Length: 9223372036854775807"),
    SLICE("Content-Length: 9223372036854775808"),
    SLICE("Transfer-Encoding: chunked"),
    SLICE("transfer-encoding: Chunked\t"),
    SLICE("Connection: close"),
    SLICE("Connection: keep-alive, x-a"),
    SLICE("Connection: , X-A ,te"),
    SLICE("Connection: cookie"),
    SLICE("X-A: 1"),
    SLICE("x-a:2"),
    SLICE("X_A: 3"),
    SLICE("Cookie: a=b; c=\"d\""),
    SLICE("Expect: 100-continue"),
    SLICE("TE: trailers"),
    SLICE("Proxy: x"),
    SLICE("Empty:"),
    SLICE("Accept: */*"),
};

static const slice pieces[] = {
    SLICE("\r\n"), SLICE("\n"), SLICE("\r"),   SLICE(" "),  SLICE("\t"), SLICE(":"),    SLICE("\0"),
    SLICE(","),    SLICE("_"),  SLICE("\xff"), SLICE("\\"), SLICE("\""), SLICE("0"),    SLICE("a"),
    SLICE("#"),    SLICE("@"),  SLICE("\x7f"), SLICE("\v"), SLICE("%"),  SLICE("\x80"),
};

/* Replaces, inserts or takes away a piece somewhere. */
static slice damage(slice head, char memory[HEAD_MAX])
{
    struct writer w = writer_over(memory, HEAD_MAX);
    size_t at = chance((uint32_t)head.len + 1), gone = chance(3) == 0 ? chance(4) : 0;
    writer_slice_add(&w, slice_first(head, at));
    if (chance(4))
        writer_slice_add(&w, pieces[chance(ARRAY_LENGTH(pieces))]);
    writer_slice_add(&w, slice_after(head, at + gone));
    return writer_slice(&w);
}

static slice invent(char memory[HEAD_MAX])
{
    struct writer w = writer_over(memory, HEAD_MAX);
    writer_slice_add(&w, first_lines[chance(3) ? chance(3) : chance(ARRAY_LENGTH(first_lines))]);
    writer_literal(&w, "\r\n");
    if (chance(8))
        writer_literal(&w, "Host: a\r\n");
    for (uint32_t count = chance(5); count; count--) {
        writer_slice_add(&w, lines[chance(ARRAY_LENGTH(lines))]);
        writer_literal(&w, "\r\n");
    }
    writer_literal(&w, "\r\n");
    return writer_slice(&w);
}

static void print_head(slice head)
{
    char text[4 * HEAD_MAX];
    struct writer w = writer_over(text, sizeof text);
    writer_json(&w, head);
    print_error("%.*s\n", SLICE_ARGUMENTS(writer_slice(&w)));
}

/* Compares the readings; was the head accepted? */
static bool agrees(slice head)
{
    static struct field storage[MAX_LINES];
    static struct reference r;
    struct h1_request q;
    struct h1_error e = { 0 };
    bool accepted = h1_request_parse(head, &limits, storage, &q, &e) == 0;
    if (accepted != reference_reads(head, &r)) {
        print_head(head);
        fail_msg("%s here, but not there: %s", accepted ? "accepted" : "refused",
                 e.text ? e.text : "");
    }
    const char *difference = accepted ? reference_difference(&r, &q) : NULL;
    if (difference) {
        print_head(head);
        fail_msg("read differently: %s", difference);
    }
    return accepted;
}

TEST(two_readings_of_the_rfc_agree)
{
    unsigned accepted = 0, refused = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char one[HEAD_MAX], two[HEAD_MAX];
        slice head = invent(one);
        uint32_t damages = chance(4);
        for (uint32_t k = 0; k < damages; k++)
            head = damage(head, k % 2 ? one : two);
        if (agrees(head))
            accepted++;
        else
            refused++;
    }
    assert_true(accepted > ROUNDS / 10 && refused > ROUNDS / 10);
}

TEST(every_byte_at_every_place_is_judged_alike)
{
    static const slice heads[] = {
        SLICE("GET /a HTTP/1.1\r\nHost: a\r\nX-A: b c\r\n\r\n"),
        SLICE("POST / HTTP/1.1\r\nHost:a\r\nContent-Length: 12\r\nConnection: x, close\r\n\r\n"),
        SLICE("POST / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++)
        for (size_t at = 0; at < heads[i].len; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[128];
                memcpy(text, heads[i].ptr, heads[i].len);
                text[at] = (char)byte;
                (void)agrees(slice_of(text, heads[i].len));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_readings_of_the_rfc_agree),
        cmocka_unit_test(every_byte_at_every_place_is_judged_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
