#include "waf/bodies/xml_pieces.h"

#include <stdlib.h>

#include "base/test.h"

/* The beginning, so often the unit, the end. */
static slice repeat(const char *begin, const char *unit, size_t times, const char *end)
{
    size_t one = strlen(unit), len = strlen(begin);
    char *text = malloc(len + times * one + strlen(end) + 1);
    assert_non_null(text);
    memcpy(text, begin, len);
    for (size_t i = 0; i < times; i++, len += one)
        memcpy(text + len, unit, one);
    memcpy(text + len, end, strlen(end) + 1);
    return slice_of(text, len + strlen(end));
}

/* Cuts all of the document; the longest piece. */
static size_t cut(slice document, unsigned *ret_pieces, enum xml_excess *ret_excess)
{
    struct xml_pieces p;
    struct work work;
    size_t longest = 0, all = 0;
    work_open(&work, 0, NULL, NULL);
    xml_pieces_open(&p, document);
    *ret_pieces = 0;
    *ret_excess = XML_NO_EXCESS;
    while (p.at < document.len && *ret_excess == XML_NO_EXCESS) {
        slice piece;
        assert_int_equal(xml_pieces_next(&p, &work, &piece, ret_excess), 0);
        assert_ptr_equal(piece.ptr, document.ptr + all);
        all += piece.len;
        assert_int_equal(all, p.at);
        longest = piece.len > longest ? piece.len : longest;
        ++*ret_pieces;
    }
    assert_in_range(work_spent(&work), all, 2 * document.len + XML_PIECE_BYTES);
    return longest;
}

TEST(pieces_end_where_tokens_do)
{
    static const struct {
        const char *begin, *unit, *end; /* of more than a piece: the unit's last byte ends one */
    } cases[] = {
        { "<a>", "<b c='1' d=\">\">", "</a>" },
        { "<a>", "<!-- > -- - ->x<b -->", "</a>" },
        { "<a>", "<?x > ?x>?>", "</a>" },
        { "<a>", "&amp;", "</a>" },
        { "<!DOCTYPE a [", "<!ELEMENT b (c)>", "]><a/>" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        slice text = repeat(cases[i].begin, cases[i].unit, 2000, cases[i].end);
        char last = cases[i].unit[strlen(cases[i].unit) - 1];
        struct xml_pieces p;
        struct work work;
        work_open(&work, 0, NULL, NULL);
        xml_pieces_open(&p, text);
        while (p.at < text.len) {
            slice piece;
            enum xml_excess excess;
            assert_int_equal(xml_pieces_next(&p, &work, &piece, &excess), 0);
            assert_int_equal(excess, XML_NO_EXCESS);
            assert_int_equal(piece.ptr[piece.len - 1], p.at == text.len ? '>' : last);
            assert_true(piece.len < XML_PIECE_BYTES + 32);
        }
        free((char *)text.ptr);
    }
}

TEST(text_is_cut_anywhere)
{
    static const char *const begins[] = { "<a>", "<a><![CDATA[", "<a><![CDATA[<!--", "{" };
    for (size_t i = 0; i < ARRAY_LENGTH(begins); i++) {
        unsigned pieces;
        enum xml_excess excess;
        slice text = repeat(begins[i], "x", 20 * XML_PIECE_BYTES, "");
        assert_in_range(cut(text, &pieces, &excess), XML_PIECE_BYTES, XML_PIECE_BYTES + 16);
        assert_in_range(pieces, 20, 21);
        assert_int_equal(excess, XML_NO_EXCESS);
        free((char *)text.ptr);
    }
}

TEST(a_token_of_any_kind_has_a_limit)
{
    static const struct {
        const char *begin, *unit, *end;
        size_t most; /* units that may be */
        enum xml_excess excess;
    } cases[] = {
        { "<a b='", "x", "'/>", XML_TAG_BYTES_MAX - 9, XML_TAG_BYTES },
        { "<!--", "x", "-->", XML_TAG_BYTES_MAX - 7, XML_TAG_BYTES },
        { "<?x ", "x", "?>", XML_TAG_BYTES_MAX - 6, XML_TAG_BYTES },
        { "&", "x", ";", XML_TAG_BYTES_MAX - 2, XML_TAG_BYTES },
        { "<a", " b='1'", "/>", XML_TAG_ATTRIBUTES_MAX, XML_TAG_ATTRIBUTES },
        { "<a b='", "&lt;", "'/>", XML_TAG_REFERENCES_MAX, XML_TAG_REFERENCES },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        unsigned pieces;
        enum xml_excess excess;
        slice within = repeat(cases[i].begin, cases[i].unit, cases[i].most, cases[i].end);
        slice beyond = repeat(cases[i].begin, cases[i].unit, cases[i].most + 2, cases[i].end);
        assert_int_equal(cut(within, &pieces, &excess), within.len);
        assert_int_equal(excess, XML_NO_EXCESS);
        cut(beyond, &pieces, &excess);
        if (excess != cases[i].excess)
            fail_msg("%s: %d", cases[i].begin, excess);
        free((char *)within.ptr);
        free((char *)beyond.ptr);
    }
}

TEST(what_stands_before_too_long_a_token_is_a_piece)
{
    slice text = repeat("<a>text", "<b c=''", 1, ""), rest = repeat("", "x", XML_TAG_BYTES_MAX, "");
    char *all = malloc(text.len + rest.len);
    assert_non_null(all);
    memcpy(all, text.ptr, text.len);
    memcpy(all + text.len, rest.ptr, rest.len);
    struct xml_pieces p;
    struct work work;
    slice piece;
    enum xml_excess excess;
    work_open(&work, 0, NULL, NULL);
    xml_pieces_open(&p, slice_of(all, text.len + rest.len));
    assert_int_equal(xml_pieces_next(&p, &work, &piece, &excess), 0);
    assert_slice_equal(piece, SLICE("<a>text"));
    assert_int_equal(excess, XML_TAG_BYTES);
    free(all);
    free((char *)text.ptr);
    free((char *)rest.ptr);
}

/* Characters of two bytes, of which one looks like a sign of XML, are none. */
TEST(utf_16_is_walked_by_characters)
{
    enum { TIMES = 40000 };
    static const struct {
        const char *begin, *unit;
        size_t begin_len, unit_len;
    } cases[] = {
        { "<\0a\0>\0", "\x3c\x4e", 6, 2 },         /* little endian, U+4E3C */
        { "\xff\xfe<\0a\0>\0", "\x4e\x3c", 8, 2 }, /* U+3C4E */
        { "\0<\0a\0>", "\x3c\x4e", 6, 2 },         /* big endian */
        { "\xfe\xff\0<\0a\0>", "\x22\x3c", 8, 2 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t len = cases[i].begin_len + TIMES * cases[i].unit_len;
        char *text = malloc(len);
        assert_non_null(text);
        memcpy(text, cases[i].begin, cases[i].begin_len);
        for (size_t n = 0; n < TIMES; n++)
            memcpy(text + cases[i].begin_len + n * cases[i].unit_len, cases[i].unit,
                   cases[i].unit_len);
        unsigned pieces;
        enum xml_excess excess;
        assert_in_range(cut(slice_of(text, len), &pieces, &excess), XML_PIECE_BYTES,
                        XML_PIECE_BYTES + 16);
        assert_int_equal(excess, XML_NO_EXCESS);
        free(text);
    }
}

TEST(attributes_end_a_piece_too)
{
    unsigned pieces;
    enum xml_excess excess;
    slice text = repeat("<r>", "<a b=''/>", 4096, "</r>");
    assert_true(cut(text, &pieces, &excess) < XML_PIECE_BYTES + 16);
    assert_in_range(pieces, 18, 19);
    free((char *)text.ptr);
    text = repeat("<r>", "<a b='' c='' d='' e=''/>", 1024, "</r>");
    assert_true(cut(text, &pieces, &excess) <= XML_PIECE_ATTRIBUTES / 4 * 24 + 8);
    free((char *)text.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_end_where_tokens_do),
        cmocka_unit_test(text_is_cut_anywhere),
        cmocka_unit_test(a_token_of_any_kind_has_a_limit),
        cmocka_unit_test(what_stands_before_too_long_a_token_is_a_piece),
        cmocka_unit_test(utf_16_is_walked_by_characters),
        cmocka_unit_test(attributes_end_a_piece_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
