#include "waf/transforms/transform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"
#include "waf/transforms/transform_check.h"

struct transform_case {
    const char *name;
    slice in, out;
};

/* The same value comes out. */
#define SAME(name, text)                                                                           \
    {                                                                                              \
        name, SLICE_OF(text), SLICE_OF(text)                                                       \
    }
#define CASE(name, in, out)                                                                        \
    {                                                                                              \
        name, SLICE_OF(in), SLICE_OF(out)                                                          \
    }
#define SLICE_OF(literal)                                                                          \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static const struct transform_case cases[] = {
    CASE("base64Decode", "", ""),
    CASE("base64Decode", "QQ==", "A"),
    CASE("base64Decode", "QQ", "A"),
    CASE("base64Decode", "QUI=", "AB"),
    CASE("base64Decode", "QUJD", "ABC"),
    CASE("base64Decode", "QUJDR", "ABC"),
    CASE("base64Decode", "Q", ""),
    CASE("base64Decode", "QUJD\nQUJD", "ABC"),
    CASE("base64Decode", "QUJD QUJD", "ABC"),
    CASE("base64Decode", "QQ==QQ==", "A"),
    CASE("base64Decode", ".QUJD", ""),
    CASE("base64Decode", "QU\0JD", "A"),
    CASE("base64Decode", "AP8+/w", "\0\xff\x3e\xff"),
    CASE("base64Decode", "PHNjcmlwdD4=", "<script>"),
    CASE("base64Decode", "-_8=", ""),
    CASE("base64DecodeExt", "", ""),
    CASE("base64DecodeExt", "P.HNjc\nmlwdD4", "<script>"),
    CASE("base64DecodeExt", "=QUJD=", "ABC"),
    CASE("base64DecodeExt", "Q\0U\xffJD", "ABC"),
    CASE("base64DecodeExt", "VGVz dA==", "Test"),
    CASE("base64Encode", "", ""),
    CASE("base64Encode", "A", "QQ=="),
    CASE("base64Encode", "AB", "QUI="),
    CASE("base64Encode", "ABC", "QUJD"),
    CASE("base64Encode", "\0\xff\x3e\xff", "AP8+/w=="),

    CASE("cmdLine", "", ""),
    SAME("cmdLine", "cat/etc/passwd"),
    CASE("cmdLine", "C^AT  \"/etc\"/'pass'wd", "cat/etc/passwd"),
    CASE("cmdLine", "c\\at /etc", "cat/etc"),
    CASE("cmdLine", "a,;, b", "a b"),
    CASE("cmdLine", "f (x)", "f(x)"),
    CASE("cmdLine", "a\t\r\nb", "a b"),
    CASE("cmdLine", " a ", " a "),
    CASE("cmdLine", "  ", " "),
    CASE("cmdLine", "a \"\" b", "a b"),
    CASE("cmdLine", "a \"/b", "a/b"),
    CASE("cmdLine", "\"^'\\", ""),
    CASE("cmdLine", "A\0B\xc4", "a\0b\xc4"),
    SAME("cmdLine", "a\x0b\x0c"
                    "b"),

    CASE("compressWhitespace", "", ""),
    CASE("compressWhitespace",
         "a \t\n\v\f\r\xa0"
         "b",
         "a b"),
    CASE("compressWhitespace", "\tx\t", " x "),
    CASE("compressWhitespace", "\xa0\xa0", " "),
    SAME("compressWhitespace", "a b c"),

    CASE("cssDecode", "", ""),
    SAME("cssDecode", "expression"),
    CASE("cssDecode", "\\a", "\n"),
    CASE("cssDecode", "\\41", "A"),
    CASE("cssDecode", "\\041", "A"),
    CASE("cssDecode", "\\0041", "A"),
    CASE("cssDecode", "\\00041", "A"),
    CASE("cssDecode", "\\000041", "A"),
    CASE("cssDecode", "\\0000411", "A1"),
    CASE("cssDecode", "\\123456", "V"),
    CASE("cssDecode", "\\41 b", "Ab"),
    CASE("cssDecode", "\\41  b", "A b"),
    CASE("cssDecode", "\\41\nb", "Ab"),
    CASE("cssDecode", "\\ff1c", "<"),
    CASE("cssDecode", "\\00ff1c", "<"),
    CASE("cssDecode", "\\0ff1c", "<"),
    CASE("cssDecode", "\\1ff1c", "\x1c"),
    CASE("cssDecode", "\\ff00", "\0"),
    CASE("cssDecode", "\\ff5f", "_"),
    CASE("cssDecode", "ja\\vascr\\ipt", "javascript"),
    CASE("cssDecode", "a\\\nb", "ab"),
    CASE("cssDecode", "a\\", "a"),
    CASE("cssDecode", "\\\\", "\\"),
    CASE("cssDecode", "\\\0x", "\0x"),
    CASE("cssDecode", "\\g\xff", "g\xff"),

    CASE("escapeSeqDecode", "", ""),
    CASE("escapeSeqDecode", "\\a\\b\\f\\n\\r\\t\\v", "\a\b\f\n\r\t\v"),
    CASE("escapeSeqDecode", "\\?\\'\\\"\\\\", "?'\"\\"),
    CASE("escapeSeqDecode", "\\x41\\X42\\101\\0\\00\\07",
         "AB"
         "A\0\0\x07"),
    CASE("escapeSeqDecode", "\\8\\9\\666\\u00ag\\xag\\xga\\0123", "89\xb6u00agxagxga\n3"),
    CASE("escapeSeqDecode", "\\x4", "x4"),
    CASE("escapeSeqDecode", "\\x", "x"),
    CASE("escapeSeqDecode", "a\\", "a\\"),
    CASE("escapeSeqDecode", "\\\0", "\0"),

    CASE("hexDecode", "", ""),
    CASE("hexDecode", "414243", "ABC"),
    CASE("hexDecode", "4a4B", "JK"),
    CASE("hexDecode", "41424", "AB"),
    CASE("hexDecode", "4", ""),
    CASE("hexDecode", "00ff", "\0\xff"),
    CASE("hexDecode", "4g", "\x50"),
    CASE("hexEncode", "", ""),
    CASE("hexEncode", "\0A\xff", "0041ff"),

    CASE("htmlEntityDecode", "", ""),
    CASE("htmlEntityDecode", "&lt;&gt;&amp;&quot;&nbsp;", "<>&\"\xa0"),
    CASE("htmlEntityDecode", "&LT;&Gt&aMp", "<>&"),
    CASE("htmlEntityDecode", "&lt &gt!", "< >!"),
    SAME("htmlEntityDecode", "&ltscript"),
    SAME("htmlEntityDecode", "&quotx"),
    SAME("htmlEntityDecode", "&unknown;"),
    CASE("htmlEntityDecode", "&#60;&#x3c;&#X3C;&#60&#x3c", "<<<<<"),
    CASE("htmlEntityDecode", "&#0060x", "<x"),
    CASE("htmlEntityDecode", "&#x000000000000000000003c;", "<"),
    CASE("htmlEntityDecode", "&#x13c;", "<"),
    CASE("htmlEntityDecode", "&#99999999999999999999;", "\xff"),
    CASE("htmlEntityDecode", "&#xffffffffffffffffffff;", "\xff"),
    CASE("htmlEntityDecode", "&#0;", "\0"),
    SAME("htmlEntityDecode", "&#;"),
    SAME("htmlEntityDecode", "&#x;"),
    SAME("htmlEntityDecode", "&#xg"),
    SAME("htmlEntityDecode", "&"),
    SAME("htmlEntityDecode", "&#"),
    SAME("htmlEntityDecode", "&#x"),
    SAME("htmlEntityDecode", "&;"),
    CASE("htmlEntityDecode", "&&lt;", "&<"),
    CASE("htmlEntityDecode", "&#&#60;", "&#<"),
    SAME("htmlEntityDecode", "a\0&\xff"),

    CASE("jsDecode", "", ""),
    CASE("jsDecode", "\\a\\b\\f\\n\\r\\t\\v", "\a\b\f\n\r\t\v"),
    CASE("jsDecode", "\\u003cscript\\x3e", "<script>"),
    CASE("jsDecode", "\\uff1c\\uFF1E\\uff5e", "<>~"),
    CASE("jsDecode", "\\uff00\\uff5f\\u0141", "\0_A"),
    CASE("jsDecode", "\\8\\9\\666\\u00ag\\u00ga\\u0zaa\\uz0aa\\xag\\xga\\0123\\u00a",
         "89"
         "66u00agu00gau0zaauz0aaxagxga\n3u00a"),
    CASE("jsDecode", "\\377\\400\\74\\7", "\xff 0<\x07"),
    CASE("jsDecode", "\\X41\\U0041", "X41U0041"),
    CASE("jsDecode", "\\'\\\"\\\\\\/", "'\"\\/"),
    CASE("jsDecode", "a\\", "a\\"),
    CASE("jsDecode", "\\u003", "u003"),
    CASE("jsDecode", "\\x3", "x3"),
    CASE("jsDecode", "\\\0\\\xff", "\0\xff"),

    CASE("length", "", "0"),
    CASE("length", "a\0b", "3"),
    CASE("length", "0123456789", "10"),

    CASE("lowercase", "", ""),
    CASE("lowercase", "AbCdEfGhIjKlMnOpQrStUvWxYz[@]`{", "abcdefghijklmnopqrstuvwxyz[@]`{"),
    SAME("lowercase", "abcdefgh\0\xc4\xe4 09"),
    CASE("lowercase",
         "\xc1\xda"
         "AAAAAA\x80\xff",
         "\xc1\xda"
         "aaaaaa\x80\xff"),
    CASE("uppercase", "AbCdEfGhIjKlMnOpQrStUvWxYz[@]`{", "ABCDEFGHIJKLMNOPQRSTUVWXYZ[@]`{"),
    SAME("uppercase", "ABC\0\xe1\xfa"),

    CASE("md5", "", "\xd4\x1d\x8c\xd9\x8f\x00\xb2\x04\xe9\x80\x09\x98\xec\xf8\x42\x7e"),
    CASE("md5", "abc", "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72"),
    CASE("sha1", "",
         "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09"),
    CASE("sha1", "abc",
         "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d"),

    SAME("none", ""),
    SAME("none", "any\0thing\xff"),

    CASE("normalizePath", "", ""),
    SAME("normalizePath", "/foo/bar/baz"),
    SAME("normalizePath", "/"),
    CASE("normalizePath", "//", "/"),
    CASE("normalizePath", "///a//b///", "/a/b/"),
    CASE("normalizePath", "/foo/bar/..", "/foo"),
    CASE("normalizePath", "/foo/bar/../", "/foo/"),
    CASE("normalizePath", "foo/bar/..", "foo"),
    CASE("normalizePath", "x/..", ""),
    CASE("normalizePath", "x/../", ""),
    CASE("normalizePath", "x/../y", "y"),
    CASE("normalizePath", "/..", "/"),
    CASE("normalizePath", "/../../../etc", "/etc"),
    CASE("normalizePath", "/./.././../../../", "/"),
    SAME("normalizePath", "../foo"),
    SAME("normalizePath", "../../foo"),
    SAME("normalizePath", ".."),
    SAME("normalizePath", "../"),
    CASE("normalizePath", "foo/../../bar", "../bar"),
    CASE("normalizePath", "a/b/../../../c", "../c"),
    CASE("normalizePath", ".", ""),
    CASE("normalizePath", "./", ""),
    CASE("normalizePath", "./foo", "foo"),
    CASE("normalizePath", "/./foo", "/foo"),
    CASE("normalizePath", "foo/.", "foo"),
    CASE("normalizePath", "foo/./", "foo/"),
    SAME("normalizePath", "foo../bar"),
    SAME("normalizePath", "/.../x"),
    SAME("normalizePath", "/..x/.y/z."),
    CASE("normalizePath", "/a\0b/../c", "/c"),
    CASE("normalizePath", "dir/foo//.././bar", "dir/bar"),
    SAME("normalizePath", "\\a\\..\\b"),
    CASE("normalisePath", "/a/../b", "/b"),
    CASE("normalizePathWin", "\\a\\..\\b", "/b"),
    CASE("normalizePathWin", "c:\\x\\\\y/./z", "c:/x/y/z"),
    CASE("normalizePathWin", "..\\..\\boot.ini", "../../boot.ini"),
    CASE("normalisePathWin", "a\\", "a/"),

    CASE("parityEven7bit", "", ""),
    CASE("parityEven7bit", "abc\x80\xe1",
         "\xe1\xe2"
         "c\x80"
         "a"),
    CASE("parityOdd7bit", "abc\x80\xe1", "ab\xe3\0\xe1"),
    CASE("parityZero7bit", "abc\x80\xe1\xff", "abc\0a\x7f"),

    CASE("removeComments", "", ""),
    CASE("removeComments", "a/* x */b", "ab"),
    CASE("removeComments", "a/* x", "a "),
    CASE("removeComments", "a<!-- x -->b", "ab"),
    CASE("removeComments", "a<!-- x */b", "ab"),
    CASE("removeComments", "a -- b", "a "),
    CASE("removeComments", "a # b", "a "),
    CASE("removeComments", "/**//**/x", "x"),
    CASE("removeComments", "/*", " "),
    CASE("removeComments", "a/*b*/", "a"),
    CASE("removeComments", "/*/x*/y", "y"),
    SAME("removeComments", "a/b*c-d<!-e"),
    CASE("removeCommentsChar", "", ""),
    CASE("removeCommentsChar", "/*!union*/ select --", "!union select "),
    CASE("removeCommentsChar", "<!-- a --> # b", " a   b"),
    CASE("removeCommentsChar", "---", "-"),
    SAME("removeCommentsChar", "a/b*c-d<!-e"),
    CASE("replaceComments", "", ""),
    CASE("replaceComments", "union/**/select", "union select"),
    CASE("replaceComments", "a/* x", "a "),
    CASE("replaceComments", "/*a*/*b/", " *b/"),
    CASE("replaceComments", "/*/a", " "),
    CASE("replaceComments", "/***/a", " a"),
    SAME("replaceComments", "*/ a / b <!-- -- #"),

    CASE("removeNulls", "\0a\0\0b\0", "ab"),
    CASE("removeNulls", "\0", ""),
    SAME("removeNulls", "ab"),
    CASE("replaceNulls", "\0a\0\0b\0", " a  b "),
    CASE("removeWhitespace", " a\t\n\v\f\r\xa0 b ", "ab"),
    CASE("removeWhitespace", " ", ""),
    SAME("removeWhitespace", "ab"),

    CASE("sqlHexDecode", "", ""),
    CASE("sqlHexDecode", "0x414243", "ABC"),
    CASE("sqlHexDecode", "0X4142433", "ABC3"),
    CASE("sqlHexDecode", "a=0x61646d696e or 1", "a=admin or 1"),
    CASE("sqlHexDecode", "0x410x42", "AB"),
    CASE("sqlHexDecode", "0x4 0xg1", "0x4 0xg1"),
    CASE("sqlHexDecode", "00x41",
         "0"
         "A"),
    CASE("sqlHexDecode", "0x00", "\0"),
    SAME("sqlHexDecode", "0x"),
    SAME("sqlHexDecode", "0x4"),
    SAME("sqlHexDecode", "x41"),

    CASE("trim", "", ""),
    CASE("trim", " \t\n\v\f\r", ""),
    CASE("trim", "  a b  ", "a b"),
    SAME("trim", "\xa0"
                 "a b\0"),
    CASE("trimLeft", "  a b  ", "a b  "),
    CASE("trimLeft", "   ", ""),
    CASE("trimRight", "  a b  ", "  a b"),
    CASE("trimRight", "   ", ""),
    SAME("trimRight", "  a b"),

    CASE("urlDecode", "", ""),
    CASE("urlDecode", "%3Cscript%3e+x", "<script> x"),
    CASE("urlDecode", "%00%ff", "\0\xff"),
    SAME("urlDecode", "%"),
    SAME("urlDecode", "%4"),
    SAME("urlDecode", "%zz%4z%z4"),
    SAME("urlDecode", "%u0041"),
    CASE("urlDecode", "%%41", "%A"),
    CASE("urlDecode", "%2541", "%41"),
    CASE("urlDecodeUni", "", ""),
    CASE("urlDecodeUni", "%3Cscript%3e+x", "<script> x"),
    CASE("urlDecodeUni", "%u003c%U003C", "<<"),
    CASE("urlDecodeUni", "%uff1c%uFF5e%uff00%uff5f", "<~\0_"),
    CASE("urlDecodeUni", "%u0141", "A"),
    SAME("urlDecodeUni", "%u"),
    SAME("urlDecodeUni", "%u004"),
    SAME("urlDecodeUni", "%u00g1"),
    SAME("urlDecodeUni", "%"),
    SAME("urlDecodeUni", "%4"),
    CASE("urlDecodeUni", "%u%41", "%uA"),
    CASE("urlDecodeUni", "%%u0041", "%A"),
    CASE("urlEncode", "", ""),
    CASE("urlEncode", "<a b>*-._~\0\xff", "%3ca+b%3e*%2d%2e%5f%7e%00%ff"),
    SAME("urlEncode", "aZ09*"),

    CASE("utf8toUnicode", "", ""),
    SAME("utf8toUnicode", "plain ascii\0 text"),
    CASE("utf8toUnicode", "\xc3\xa4", "%u00e4"),
    CASE("utf8toUnicode", "\xef\xbc\x9c", "%uff1c"),
    CASE("utf8toUnicode",
         "\xe2\x82\xac"
         "x",
         "%u20acx"),
    CASE("utf8toUnicode", "\xf0\x9f\x98\x80", "%u1f600"),
    CASE("utf8toUnicode", "\xf4\x8f\xbf\xbf", "%u10ffff"),
    CASE("utf8toUnicode", "\xc0\xbc", "%u003c"),
    CASE("utf8toUnicode", "\xe0\x80\xbc", "%u003c"),
    CASE("utf8toUnicode", "\xed\xa0\x80", "%ud800"),
    SAME("utf8toUnicode", "\xc3"),
    SAME("utf8toUnicode", "\xc3x"),
    SAME("utf8toUnicode", "\xe2\x82"),
    SAME("utf8toUnicode", "\xf0\x9f\x98"),
    SAME("utf8toUnicode", "\x80\xbf\xf5\x80\x80\x80\xff"),
    CASE("utf8toUnicode", "\xc3\xc3\xa4", "\xc3%u00e4"),
    CASE("utf8toUnicode", "aaaaaaa\xc3\xa4zzzzzzzzz", "aaaaaaa%u00e4zzzzzzzzz"),
};

static slice apply(const struct transform *t, slice in, const struct unicode_map *map,
                   struct arena *arena)
{
    struct work work;
    slice out;
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(transform_apply(t, in, map, arena, &work, &out), 0);
    return out;
}

TEST(every_transformation_does_what_its_cases_say)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct transform_case *c = &cases[i];
        const struct transform *t = transform_find(slice_from(c->name));
        assert_non_null(t);
        struct arena arena;
        arena_open(&arena, NULL, 0, 4096, 1 << 20);
        slice out = apply(t, c->in, NULL, &arena);
        if (!slice_equal(out, c->out))
            fail_msg("%s of \"%.*s\" (case %zu) is \"%.*s\", not \"%.*s\"", c->name,
                     SLICE_ARGUMENTS(c->in), i, SLICE_ARGUMENTS(out), SLICE_ARGUMENTS(c->out));
        if (slice_equal(out, c->in))
            assert_ptr_equal(out.ptr, c->in.ptr);
        arena_close(&arena);
    }
}

TEST(every_transformation_has_cases_and_a_place_in_the_order_of_names)
{
    for (size_t i = 0; i < waf_transform_count; i++) {
        const struct transform *t = waf_transforms[i];
        size_t found = 0;
        for (size_t c = 0; c < ARRAY_LENGTH(cases); c++)
            found += slice_equal_fold(slice_from(cases[c].name), slice_from(t->name));
        if (found == 0)
            fail_msg("%s has no cases", t->name);
        assert_true(t->meaning && strlen(t->meaning) > 10 && t->example && t->step && t->out_max);
        assert_ptr_equal(transform_find(slice_from(t->name)), t);
        assert_true(i == 0 || strcasecmp(waf_transforms[i - 1]->name, t->name) < 0);
    }
}

TEST(a_transformation_is_found_whatever_its_case_and_suggested_when_misspelt)
{
    assert_string_equal(transform_find(SLICE("URLDECODEUNI"))->name, "urlDecodeUni");
    assert_string_equal(transform_find(SLICE("normalisepath"))->name, "normalizePath");
    assert_null(transform_find(SLICE("urlDecodeUn")));
    assert_null(transform_find(SLICE("")));
    assert_string_equal(transform_suggest(SLICE("urlDecodUni")), "urlDecodeUni");
    assert_string_equal(transform_suggest(SLICE("lowercas")), "lowercase");
    assert_null(transform_suggest(SLICE("somethingElseAltogether")));
}

/* Values made of what transformations look for, and of anything. */
static size_t random_value(char *bytes, size_t max, unsigned short seed[3])
{
    static const char *const pieces[] = {
        "%",
        "%u",
        "%41",
        "%uff1c",
        "%u0",
        "\\",
        "\\x4",
        "\\u00",
        "\\12",
        "&",
        "&#",
        "&#x3",
        "lt",
        ";",
        "60",
        "/",
        "..",
        ".",
        "/*",
        "*/",
        "--",
        "<!--",
        "-->",
        "#",
        " ",
        "\t",
        "\xa0",
        "0x",
        "41",
        "\"",
        "'",
        "^",
        ",",
        "(",
        "+",
        "=",
        "QUJ",
        "ff",
        "\xc3\xa4",
        "\xef\xbc",
        "\xf0\x9f\x98\x80",
        "\xc0\xbc",
        "amp",
        "A",
        "zZ",
        "\n",
        "aaaaaaaaaaaaaaaaaaaa",
    };
    size_t len = 0, wanted = (size_t)nrand48(seed) % max;
    while (len < wanted) {
        unsigned pick = (unsigned)nrand48(seed) % (ARRAY_LENGTH(pieces) + 6);
        if (pick >= ARRAY_LENGTH(pieces)) {
            bytes[len++] = pick == ARRAY_LENGTH(pieces) ? '\0' : (char)nrand48(seed);
            continue;
        }
        size_t piece = strlen(pieces[pick]);
        if (piece > wanted - len)
            piece = wanted - len;
        memcpy(bytes + len, pieces[pick], piece);
        len += piece;
    }
    return len;
}

TEST(a_value_may_be_cut_anywhere_and_needs_no_more_than_its_bound)
{
    unsigned short seed[3] = { 1, 2, 3 };
    for (unsigned round = 0; round < 400; round++) {
        char bytes[160];
        size_t len = random_value(bytes, sizeof bytes, seed);
        for (size_t i = 0; i < waf_transform_count; i++)
            transform_check(waf_transforms[i], slice_of(bytes, len), NULL);
    }
    for (size_t c = 0; c < ARRAY_LENGTH(cases); c++)
        transform_check(transform_find(slice_from(cases[c].name)), cases[c].in, NULL);
}

TEST(a_value_without_trigger_bytes_comes_out_as_it_is)
{
    unsigned short seed[3] = { 4, 5, 6 };
    for (size_t i = 0; i < waf_transform_count; i++) {
        const struct transform *t = waf_transforms[i];
        unsigned kept = 0;
        for (unsigned round = 0; t->triggers && round < 300; round++) {
            char bytes[100];
            size_t len = 0, all = random_value(bytes, sizeof bytes, seed);
            for (size_t b = 0; b < all; b++) {
                if (!byte_set_has(t->triggers, (unsigned char)bytes[b]))
                    bytes[len++] = bytes[b];
            }
            transform_check_unchanged(t, slice_of(bytes, len));
            kept += len > 0;
        }
        assert_true(!t->triggers || kept > 100);
    }
}

static bool count_down(void *context)
{
    unsigned *left = context;
    return (*left)-- > 0;
}

TEST(a_long_value_is_accounted_for_and_stops_when_nobody_wants_it)
{
    size_t len = 1 << 20;
    char *bytes = malloc(len);
    assert_non_null(bytes);
    memset(bytes, '%', len);
    for (size_t i = 0; i < waf_transform_count; i++) {
        const struct transform *t = transform_find(slice_from(waf_transforms[i]->name));
        struct arena arena;
        struct work work;
        slice out;
        unsigned pauses = 3;
        bool is_changed = !t->triggers || byte_set_has(t->triggers, '%');
        arena_open(&arena, NULL, 0, 4096, 8 << 20);
        work_open(&work, 0, count_down, &pauses);
        int result = transform_apply(t, slice_of(bytes, len), NULL, &arena, &work, &out);
        bool is_short = strcmp(t->name, "length") == 0 || strcmp(t->name, "base64Decode") == 0;
        if (is_changed && !is_short)
            assert_int_equal(result, -ECANCELED);
        work_open(&work, 1000, NULL, NULL);
        result = transform_apply(t, slice_of(bytes, len), NULL, &arena, &work, &out);
        assert_int_equal(result, -EDQUOT);
        arena_close(&arena);
    }
    free(bytes);
}

TEST(an_arena_that_is_full_is_said)
{
    char bytes[4096];
    memset(bytes, '%', sizeof bytes);
    struct arena arena;
    struct work work;
    slice out;
    arena_open(&arena, NULL, 0, 1024, 1024);
    work_open(&work, 0, NULL, NULL);
    assert_int_equal(transform_apply(transform_find(SLICE("urlEncode")),
                                     slice_of(bytes, sizeof bytes), NULL, &arena, &work, &out),
                     -ENOMEM);
    arena_close(&arena);
}

TEST(unicode_goes_through_the_map)
{
    struct arena arena;
    struct waf_problem problem;
    const struct unicode_map *map;
    slice text = SLICE("(Mac)\r\n1252 (ANSI)\r\n0100:41\r\n\r\n20127 (US-ASCII)\r\n"
                       "00a0:20 ff1c:3c\t2039:3c \r\n# more\n0141:4c\n\n437 (OEM)\n0100:42\n");
    arena_open(&arena, NULL, 0, 1 << 20, 1 << 20);
    assert_int_equal(unicode_map_parse(text, 20127, &arena, &map, &problem), 0);
    assert_int_equal(unicode_map_byte(map, 0xa0), ' ');
    assert_int_equal(unicode_map_byte(map, 0x141), 'L');
    assert_int_equal(unicode_map_byte(map, 0x100), UNICODE_MAP_NONE);
    assert_int_equal(unicode_map_byte(map, 0x10ffff), UNICODE_MAP_NONE);
    assert_int_equal(unicode_map_byte(NULL, 0xa0), UNICODE_MAP_NONE);
    const struct transform *t = transform_find(SLICE("urlDecodeUni"));
    assert_slice_equal(apply(t, SLICE("%u2039a%u0141%uff1e%u0100"), map, &arena),
                       slice_of("<aL>\0", 5));
    transform_check(t, SLICE("%u2039a%u0141%uff1e%u0100"), map);
    arena_close(&arena);
}

TEST(a_malformed_map_is_said_with_its_place)
{
    static const struct {
        slice text;
        unsigned line, column;
        const char *says;
    } bad[] = {
        { SLICE_OF("20127 x\n00a0:20 00zz:20\n"), 2, 9, "00zz:20" },
        { SLICE_OF("20127 x\n00a0:100\n"), 2, 1, "00a0:100" },
        { SLICE_OF("20127 x\n10000:20\n"), 2, 1, "10000:20" },
        { SLICE_OF("20127 x\n:20\n"), 2, 1, ":20" },
        { SLICE_OF("1252 x\n00zz:20\n"), 2, 1, "20127" },
        { SLICE_OF(""), 0, 1, "20127" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct arena arena;
        struct waf_problem problem = { 0 };
        const struct unicode_map *map;
        arena_open(&arena, NULL, 0, 1 << 20, 1 << 20);
        assert_int_equal(unicode_map_parse(bad[i].text, 20127, &arena, &map, &problem), -EINVAL);
        assert_int_equal(problem.line, bad[i].line);
        assert_int_equal(problem.column, bad[i].column);
        assert_non_null(strstr(problem.text, bad[i].says));
        arena_close(&arena);
    }
}

/* Debian's file, where it is installed. */
TEST(the_map_of_the_distribution_is_read)
{
    FILE *file = fopen("/etc/modsecurity/unicode.mapping", "re");
    if (!file)
        skip();
    size_t capacity = 1 << 20;
    char *bytes = malloc(capacity);
    assert_non_null(bytes);
    size_t len = fread(bytes, 1, capacity, file);
    fclose(file);
    struct arena arena;
    struct waf_problem problem;
    const struct unicode_map *map;
    arena_open(&arena, NULL, 0, 1 << 20, 1 << 20);
    assert_int_equal(unicode_map_parse(slice_of(bytes, len), 20127, &arena, &map, &problem), 0);
    assert_int_equal(unicode_map_byte(map, 0xff1c), '<');
    assert_int_equal(unicode_map_byte(map, 0x2039), '<');
    arena_close(&arena);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transformation_does_what_its_cases_say),
        cmocka_unit_test(every_transformation_has_cases_and_a_place_in_the_order_of_names),
        cmocka_unit_test(a_transformation_is_found_whatever_its_case_and_suggested_when_misspelt),
        cmocka_unit_test(a_value_may_be_cut_anywhere_and_needs_no_more_than_its_bound),
        cmocka_unit_test(a_value_without_trigger_bytes_comes_out_as_it_is),
        cmocka_unit_test(a_long_value_is_accounted_for_and_stops_when_nobody_wants_it),
        cmocka_unit_test(an_arena_that_is_full_is_said),
        cmocka_unit_test(unicode_goes_through_the_map),
        cmocka_unit_test(a_malformed_map_is_said_with_its_place),
        cmocka_unit_test(the_map_of_the_distribution_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
