#include "waf/bodies/multipart.h"
#include "base/writer.h"
#include "waf/bodies/body_record.h"

#define TYPE                        "multipart/form-data; boundary=Xy"
#define HEAD(parameters)            "--Xy\r\nContent-Disposition: form-data; " parameters "\r\n\r\n"
#define HEAD_LINE(name, parameters) "head " name "=Content-Disposition: form-data; " parameters "\n"
#define END                         "\r\n--Xy--\r\n"

/* Feeds in pieces of `piece` bytes, the first of them of `first`. */
static int read_in_pieces(struct body_record *r, const char *type, slice body, size_t first,
                          size_t piece)
{
    struct multipart *m;
    TRY(multipart_open(&r->reader, slice_from(type), &m));
    for (size_t at = 0; at < body.len;) {
        size_t count = at == 0 ? first : piece;
        if (count > body.len - at)
            count = body.len - at;
        /* a copy of exact size that is gone afterwards, as a buffer of the network would be */
        char *copy = malloc(count);
        assert_non_null(copy);
        memcpy(copy, body.ptr + at, count);
        int result = multipart_feed(m, slice_of(copy, count));
        memset(copy, '~', count);
        free(copy);
        if (result != 0)
            return result;
        at += count;
    }
    return multipart_end(m);
}

static void read_whole(struct body_record *r, const char *type, slice body)
{
    assert_int_equal(read_in_pieces(r, type, body, body.len ? body.len : 1, 1), 0);
}

struct body_case {
    const char *type, *body, *items;
    uint32_t flags;
    const char *message;
};

static const struct body_case cases[] = {
    { TYPE, "", "", 0, "" },
    { TYPE, HEAD("name=\"a\"") "1" END, HEAD_LINE("a", "name=\"a\"") "arg a=1\n", BODY_CRLF_LINE,
      "" },
    { TYPE, HEAD("name=\"a\"") "1\r\n--Xy--", HEAD_LINE("a", "name=\"a\"") "arg a=1\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=\"a\"") "1\r\n" HEAD("name=\"a\"") "2" END,
      HEAD_LINE("a", "name=\"a\"") "arg a=1\n" HEAD_LINE("a", "name=\"a\"") "arg a=2\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=a") END, HEAD_LINE("a", "name=a") "arg a=\n", BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=a") "--Xy--\r\n", HEAD_LINE("a", "name=a") "arg a=\n",
      BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    { TYPE, HEAD("name=a") "1--Xy\r\n2" END, HEAD_LINE("a", "name=a") "arg a=1--Xy\\x0d\\x0a2\n",
      BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY, "" },
    { TYPE, HEAD("name=a") "--1--Xy\r\n2" END,
      HEAD_LINE("a", "name=a") "arg a=--1--Xy\\x0d\\x0a2\n",
      BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY | BODY_DASHED_LINE, "" },
    { TYPE, HEAD("name=a") "x\r\n\r\ny\n" END,
      HEAD_LINE("a", "name=a") "arg a=x\\x0d\\x0a\\x0d\\x0ay\\x0a\n", BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=a") "x\r" END, HEAD_LINE("a", "name=a") "arg a=x\\x0d\n", BODY_CRLF_LINE,
      "" },
    { TYPE, HEAD("name=a") "%41+\\\r\n--Xy--\r\n", HEAD_LINE("a", "name=a") "arg a=%41+\\x5c\n",
      BODY_CRLF_LINE, "" },
    { TYPE, "--Xy--\r\n", "", BODY_CRLF_LINE, "" },
    /* files */
    { TYPE, HEAD("name=\"up\"; filename=\"h.txt\"") "abc\r\ndef" END,
      HEAD_LINE("up", "name=\"up\"; filename=\"h.txt\"") "file up=h.txt\nsize up=8\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=\"up\"; filename=\"\"") END,
      HEAD_LINE("up", "name=\"up\"; filename=\"\"") "file up=\nsize up=0\n", BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=\"up\"; filename=\"\"") "evil" END,
      HEAD_LINE("up", "name=\"up\"; filename=\"\"") "file up=\nsize up=4\narg up=evil\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("filename=\"a\\\"b\\\\c\\d\"; name=up") "x" END,
      HEAD_LINE(
          "up",
          "filename=\"a\\x5c\"b\\x5c\\x5cc\\x5cd\"; name=up") "file up=a\"b\\x5cc\\x5cd\nsize "
                                                              "up=1\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=\"up\"; filename=\"C:\\x\\y.php;.jpg\"") "x" END,
      HEAD_LINE("up", "name=\"up\"; filename=\"C:\\x5cx\\x5cy.php;.jpg\"") "file "
                                                                           "up=C:\\x5cx\\x5cy.php;."
                                                                           "jpg\nsize up=1\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=\"up\"; filename=\"l'x.txt\"") "x" END,
      HEAD_LINE("up", "name=\"up\"; filename=\"l'x.txt\"") "file up=l'x.txt\nsize up=1\n",
      BODY_CRLF_LINE, "" },
    { TYPE, HEAD("name=u; filename*=UTF-8''%e2%82%ac.php; filename=x") "x" END,
      HEAD_LINE(
          "u",
          "name=u; filename*=UTF-8''%e2%82%ac.php; filename=x") "file u=x\nsize u=1\n"
                                                                "file u=\\xe2\\x82\\xac.php\nsize "
                                                                "u=1\n",
      BODY_CRLF_LINE, "" }, /* of .NET and aiohttp */
    { TYPE, HEAD("name=u; filename*=utf-7''x.p+AGg-p; filename=x") "x" END,
      HEAD_LINE("u",
                "name=u; filename*=utf-7''x.p+AGg-p; filename=x") "file u=x\nsize u=1\n"
                                                                  "file u=x.p+AGg-p\nsize u=1\n",
      BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    { TYPE, HEAD("name=u; filename*=UTF-8''x.php; filename=\"\"") "x" END,
      HEAD_LINE("u",
                "name=u; filename*=UTF-8''x.php; filename=\"\"") "file u=\nsize u=1\nfile u=x.php\n"
                                                                 "size u=1\narg u=x\n",
      BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    { TYPE, HEAD("name=u; filename*=x%zz%4") "evil" END,
      HEAD_LINE("u", "name=u; filename*=x%zz%4") "file u=x%zz%4\nsize u=4\narg u=evil\n",
      BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    /* heads: whole lines, charset and transfer coding are left to rules */
    { TYPE,
      "--Xy\r\ncontent-disposition:form-data; name=a\r\nContent-Type: text/plain; charset=utf-7\r\n"
      "Content-Transfer-Encoding: base64 \r\n\r\nQQ==" END,
      "head a=content-disposition:form-data; name=a\nhead a=Content-Type: text/plain; "
      "charset=utf-7\n"
      "head a=Content-Transfer-Encoding: base64 \narg a=QQ==\n",
      BODY_CRLF_LINE, "" },
    { TYPE, "--Xy\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1" END,
      "head a=Content-Disposition: form-data; name=a\narg a=1\n",
      BODY_CRLF_LINE | BODY_HEADER_FOLDING, "" },
    { TYPE, "--Xy\r\nContent-Disposition: form-data;\r\n \t\x0bname=a\r\n\r\n1" END,
      "head a=Content-Disposition: form-data; name=a\narg a=1\n",
      BODY_CRLF_LINE | BODY_HEADER_FOLDING | BODY_INVALID_HEADER_FOLDING, "" },
    { TYPE,
      "--Xy\r\n\x0c"
      "x: y\r\n\r\n1" END,
      "", BODY_ERROR | BODY_CRLF_LINE | BODY_HEADER_FOLDING | BODY_INVALID_PART,
      "multipart: a folded line without one before it at byte 13" },
    { TYPE, "--Xy\r\nContent-Type: x\r\n\r\n1" END, "head =Content-Type: x\n",
      BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: a part without Content-Disposition at byte 25" },
    { TYPE, "--Xy\r\nhello\r\n\r\n1" END, "", BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: a line without a colon in the head of a part at byte 13" },
    { TYPE, "--Xy\r\n: x\r\n\r\n1" END, "", BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: a line without a name in the head of a part at byte 11" },
    { TYPE, "--Xy\r\nA: 1\r\na: 2\r\n\r\n1" END, "head =A: 1\n",
      BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: the same field twice in the head of a part at byte 18" },
    { TYPE, "--Xy\r\n--Xy--\r\n", "", BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    { TYPE, "--Xy\r\nA: 1\r\n--Xy--\r\n", "head =A: 1\n", BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    /* Content-Disposition */
    { TYPE, HEAD("name='a'") "1" END, HEAD_LINE("a", "name='a'") "arg a=1\n",
      BODY_CRLF_LINE | BODY_INVALID_QUOTING, "" },
    { TYPE, HEAD("name=a'b") "1" END, HEAD_LINE("a'b", "name=a'b") "arg a'b=1\n",
      BODY_CRLF_LINE | BODY_INVALID_QUOTING, "" },
    { TYPE, HEAD("name = \"a\" ; filename=x") "1" END,
      HEAD_LINE("a", "name = \"a\" ; filename=x") "file a=x\nsize a=1\n", BODY_CRLF_LINE, "" },
#define BAD_DISPOSITION(parameters, line, more, what)                                              \
    {                                                                                              \
        TYPE, HEAD(parameters) "1" END, "head =Content-Disposition: form-data; " line "\n",        \
            BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART | more,                                \
            "multipart: Content-Disposition has " what                                             \
    }
    BAD_DISPOSITION("name=a; filename =x", "name=a; filename =x", 0,
                    "a file name that others do not see"),
    BAD_DISPOSITION("name=a; name=b", "name=a; name=b", 0, "two names"),
    BAD_DISPOSITION("name=a; filename=x; filename=y", "name=a; filename=x; filename=y", 0,
                    "two file names"),
    BAD_DISPOSITION("name=a; size=3", "name=a; size=3", 0, "an unknown parameter"),
    BAD_DISPOSITION("Name=a", "Name=a", 0, "an unknown parameter"),
    BAD_DISPOSITION("name=\"a\"x", "name=\"a\"x", BODY_INVALID_QUOTING, "something behind a value"),
    BAD_DISPOSITION("name=a,b", "name=a,b", 0, "something behind a value"),
    BAD_DISPOSITION("name=\"a", "name=\"a", 0, "a quoted value that does not end"),
    BAD_DISPOSITION("name=\"a\\", "name=\"a\\x5c", 0, "a backslash at its end"),
    BAD_DISPOSITION("name", "name", 0, "a parameter without ="),
    BAD_DISPOSITION("name x", "name x", 0, "a parameter without ="),
    BAD_DISPOSITION("name=", "name=", 0, "a parameter without a value"),
    BAD_DISPOSITION("name=a;", "name=a;", 0, "a semicolon at its end"),
    BAD_DISPOSITION("filename=a", "filename=a", 0, "no name"),
    { TYPE, "--Xy\r\nContent-Disposition: form-data\r\n\r\n1" END,
      "head =Content-Disposition: form-data\n", BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: Content-Disposition has no name" },
    { TYPE, "--Xy\r\nContent-Disposition: attachment; name=a\r\n\r\n1" END,
      "head =Content-Disposition: attachment; name=a\n",
      BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: Content-Disposition has another type than form-data" },
    { TYPE, "--Xy\r\nContent-Disposition: form-datax; name=a\r\n\r\n1" END,
      "head =Content-Disposition: form-datax; name=a\n",
      BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: Content-Disposition has something unexpected before a semicolon" },
    /* lines: what some would take for the end of a head */
    { TYPE, "--Xy\r\nContent-Disposition: form-data; name=a\r\nX\rY: z\r\n\r\n1" END,
      "head =Content-Disposition: form-data; name=a\n",
      BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: a CR without its LF in the head of a part at byte 54" },
    { TYPE, "--Xy\r\nContent-Disposition: form-data; name=a\r\nX Y: z\r\n\r\n1" END,
      "head a=Content-Disposition: form-data; name=a\nhead a=X Y: z\narg a=1\n",
      BODY_CRLF_LINE | BODY_INVALID_PART, "" },
    { TYPE, "--Xy\nContent-Disposition: form-data; name=a\n\n1\n--Xy--\n",
      "head a=Content-Disposition: form-data; name=a\narg a=1\n", BODY_LF_LINE, "" },
    { TYPE, "--Xy\r\nContent-Disposition: form-data; name=a\n\r\n1" END,
      "head a=Content-Disposition: form-data; name=a\narg a=1\n", BODY_LF_LINE | BODY_CRLF_LINE,
      "" },
    { TYPE, "x\r\n" HEAD("name=a") "1" END, HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_CRLF_LINE | BODY_DATA_BEFORE, "" },
    { TYPE, HEAD("name=a") "1" END "\r\n", HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_CRLF_LINE | BODY_DATA_AFTER, "" },
    { TYPE, HEAD("name=a") "1" END "x", HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_CRLF_LINE | BODY_DATA_AFTER, "" },
    { TYPE, HEAD("name=a") "1" END HEAD("name=b") "2" END, HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_CRLF_LINE | BODY_DATA_AFTER, "" },
    /* boundaries */
    { TYPE, HEAD("name=a") "1\r\n--xy--\r\n2" END,
      HEAD_LINE("a", "name=a") "arg a=1\\x0d\\x0a--xy--\\x0d\\x0a2\n",
      BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY, "" },
    { TYPE, HEAD("name=a") "1 --Xy\r\n2" END, HEAD_LINE("a", "name=a") "arg a=1 --Xy\\x0d\\x0a2\n",
      BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY, "" },
    { TYPE, HEAD("name=a") "----Xy\r\n2" END, HEAD_LINE("a", "name=a") "arg a=----Xy\\x0d\\x0a2\n",
      BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY, "" },
    { TYPE, HEAD("name=a") "-- comment of SQL\r\n--- a/x" END,
      HEAD_LINE("a", "name=a") "arg a=-- comment of SQL\\x0d\\x0a--- a/x\n",
      BODY_CRLF_LINE | BODY_DASHED_LINE, "" },
    { TYPE, HEAD("name=a") "1\r\n--Xyz\r\n", HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_ERROR | BODY_CRLF_LINE, "multipart: something behind a boundary at byte 58" },
    { TYPE, HEAD("name=a") "1\r\n--Xy-- \r\n", HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_ERROR | BODY_CRLF_LINE, "multipart: something behind a boundary at byte 60" },
    { TYPE, HEAD("name=a") "1\r\n-- Xy\r\n", HEAD_LINE("a", "name=a") "arg a=1\n",
      BODY_ERROR | BODY_CRLF_LINE, "multipart: white space before a boundary at byte 58" },
    { "multipart/form-data; boundary=\"Xy\"", HEAD("name=a") "1\r\n--\"Xy\"\r\n",
      HEAD_LINE("a", "name=a") "arg a=1\n", BODY_ERROR | BODY_CRLF_LINE | BODY_BOUNDARY_QUOTED,
      "multipart: a boundary in quotes at byte 59" },
    { TYPE, HEAD("name=a") "1", HEAD_LINE("a", "name=a") "arg a=1\n", BODY_ERROR | BODY_CRLF_LINE,
      "multipart: no last boundary at byte 49" },
    { TYPE, HEAD("name=a") "1\r\n--Xy", HEAD_LINE("a", "name=a") "arg a=1\\x0d\\x0a--Xy\n",
      BODY_ERROR | BODY_CRLF_LINE, "multipart: no last boundary at byte 55" },
    { TYPE, "--Xy\r\nContent-Dispo", "", BODY_ERROR | BODY_CRLF_LINE | BODY_INVALID_PART,
      "multipart: no last boundary at byte 19" },
    { TYPE, "a=1&b=2", "", BODY_ERROR | BODY_DATA_BEFORE, "multipart: no boundary at byte 7" },
};

TEST(a_body_is_read_as_modsecurity_2_reads_it)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_whole(&r, cases[i].type, slice_from(cases[i].body));
        if (strcmp(r.text, cases[i].items) != 0 || r.reader.state.flags != cases[i].flags ||
            strcmp(r.reader.state.message, cases[i].message) != 0)
            fail_msg("case %zu: %s\nflags %x for %x\n%s\n%s\nfor\n%s", i, cases[i].body,
                     r.reader.state.flags, cases[i].flags, r.reader.state.message, r.text,
                     cases[i].items);
        body_record_close(&r);
    }
}

TEST(a_boundary_is_found_anywhere_in_a_long_line)
{
    static char body[3 * MULTIPART_LINE_MAX];
    static const char head[] = HEAD("name=a; filename=f");
    for (size_t at = 0; at < 2 * MULTIPART_LINE_MAX; at += at < 4000 || at > 4200 ? 97 : 1) {
        struct body_record r;
        struct writer w = writer_over(body, sizeof body);
        writer_text(&w, head);
        for (size_t i = 0; i < at; i++)
            writer_byte(&w, 'x');
        writer_text(&w, "x--Xy\r\n2" END);
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_whole(&r, TYPE, writer_slice(&w));
        assert_int_equal(r.reader.state.flags, BODY_CRLF_LINE | BODY_UNMATCHED_BOUNDARY);
        body_record_close(&r);
    }
}

static void compare_cut(const char *type, slice body, size_t first, size_t piece)
{
    struct body_record whole, cut;
    body_record_open(&whole, (struct body_limits){ 0 }, 0);
    body_record_open(&cut, (struct body_limits){ 0 }, 0);
    read_whole(&whole, type, body);
    assert_int_equal(read_in_pieces(&cut, type, body, first, piece), 0);
    if (strcmp(whole.text, cut.text) != 0 || whole.reader.state.flags != cut.reader.state.flags ||
        strcmp(whole.reader.state.message, cut.reader.state.message) != 0 ||
        whole.reader.state.files_bytes != cut.reader.state.files_bytes)
        fail_msg("cut at %zu by %zu: %.*s\n%s\nfor\n%s", first, piece, SLICE_ARGUMENTS(body),
                 cut.text, whole.text);
    body_record_close(&whole);
    body_record_close(&cut);
}

TEST(every_cut_of_a_body_gives_the_same)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        slice body = slice_from(cases[i].body);
        for (size_t first = 1; first < body.len; first++)
            compare_cut(cases[i].type, body, first, body.len);
        for (size_t piece = 1; piece <= 7 && piece < body.len; piece++)
            compare_cut(cases[i].type, body, piece, piece);
    }
}

/* Around the end of the room for a line: content of every such length, ended by CRLF or LF. */
TEST(long_lines_are_no_different)
{
    static char body[3 * MULTIPART_LINE_MAX + 200];
    static const char *const ends[] = { "\r\n--Xy--\r\n", "\n--Xy--\r\n", "\r\r\n--Xy--\r\n" };
    static const char head[] = HEAD("name=a; filename=f");
    for (size_t length = MULTIPART_LINE_MAX - 4; length < 2 * MULTIPART_LINE_MAX + 4; length++) {
        if (length > MULTIPART_LINE_MAX + 4 && length < 2 * MULTIPART_LINE_MAX - 4)
            continue;
        for (size_t e = 0; e < ARRAY_LENGTH(ends); e++) {
            size_t head_len = sizeof head - 1, end_len = strlen(ends[e]);
            memcpy(body, head, head_len);
            memset(body + head_len, 'x', length);
            memcpy(body + head_len + length, ends[e], end_len);
            slice whole = slice_of(body, head_len + length + end_len);
            struct body_record r;
            body_record_open(&r, (struct body_limits){ 0 }, 0);
            read_whole(&r, TYPE, whole);
            assert_int_equal(r.reader.state.flags, BODY_CRLF_LINE);
            assert_int_equal(r.reader.state.files_bytes, length + (e == 2));
            assert_int_equal(r.reader.state.files, 1);
            body_record_close(&r);
            compare_cut(TYPE, whole, length, 1000);
        }
    }
}

TEST(the_boundary_is_read_strictly)
{
    static const struct {
        const char *type;
        uint32_t flags;
        const char *message;
    } types[] = {
        { "multipart/form-data; boundary=Xy", 0, "" },
        { "Multipart/Form-Data;boundary=Xy", 0, "" },
        { "multipart/form-data; boundary=\"Xy\"", BODY_BOUNDARY_QUOTED, "" },
        { "multipart/form-data; charset=utf-8; boundary=Xy", 0, "" },
        { "multipart/form-data; boundary=Xy; charset=utf-8", 0, "" },
        { "multipart/form-data boundary=Xy", BODY_MISSING_SEMICOLON, "" },
        { "multipart/form-data; boundary =Xy", BODY_BOUNDARY_WHITESPACE, "" },
        { "multipart/form-data; boundary= Xy", BODY_BOUNDARY_WHITESPACE, "" },
        { "multipart/form-data; boundary=\"X y\"", BODY_BOUNDARY_QUOTED | BODY_BOUNDARY_WHITESPACE,
          "" },
        { "multipart/form-data;; boundary=Xy", BODY_ERROR,
          "something unexpected before the boundary" },
        { "multipart/form-data; x boundary=Xy", BODY_ERROR,
          "something unexpected before the boundary" },
        { "multipart/form-datax; boundary=Xy", BODY_ERROR,
          "something unexpected before the boundary" },
        { "multipart/form-data; boundary", BODY_ERROR, "no = behind the word boundary" },
        { "multipart/form-data; boundaryx=Xy", BODY_ERROR, "no boundary" },
        { "multipart/form-data; boundary=", BODY_ERROR, "an empty boundary" },
        { "multipart/form-data; boundary=\"\"", BODY_ERROR | BODY_BOUNDARY_QUOTED,
          "an empty boundary" },
        { "multipart/form-data; boundary=\"Xy", BODY_ERROR, "one quote alone at the boundary" },
        { "multipart/form-data; boundary=Xy\"", BODY_ERROR, "one quote alone at the boundary" },
        { "multipart/form-data; boundary=X;y", BODY_ERROR, "an invalid character in the boundary" },
        { "multipart/form-data; boundary=\"X\\y\"", BODY_ERROR | BODY_BOUNDARY_QUOTED,
          "an invalid character in the boundary" },
        { "multipart/form-data; boundary=X\xffy", BODY_ERROR,
          "an invalid character in the boundary" },
        { "multipart/form-data; boundary=A; boundary=B", BODY_ERROR, "several boundaries" },
        { "multipart/form-data; boundary=A; BOUNDARY=B", BODY_ERROR, "several boundaries" },
        { "multipart/form-data; x=\"boundary=A\"; boundary=B", BODY_ERROR, "several boundaries" },
        { "multipart/form-data; Boundary=Xy", BODY_ERROR, "the word boundary in another case" },
        { "multipart/form-data", BODY_ERROR, "no boundary" },
        { "multipart/mixed; boundary=Xy", BODY_ERROR, "another type than multipart/form-data" },
        { "", BODY_ERROR, "another type than multipart/form-data" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        struct multipart *m;
        assert_int_equal(multipart_open(&r.reader, slice_from(types[i].type), &m), 0);
        char expected[BODY_MESSAGE_MAX] = "";
        if (types[i].message[0])
            (void)snprintf(expected, sizeof expected, "multipart: %s in Content-Type",
                           types[i].message);
        if (r.reader.state.flags != types[i].flags || strcmp(r.reader.state.message, expected) != 0)
            fail_msg("%s: flags %x, %s", types[i].type, r.reader.state.flags,
                     r.reader.state.message);
        assert_int_equal(multipart_feed(m, SLICE("--Xy\r\n")), 0);
        assert_int_equal(multipart_end(m), 0);
        body_record_close(&r);
    }
    char type[1200] = "multipart/form-data; boundary=";
    memset(type + strlen(type), 'x', sizeof type - strlen(type) - 1);
    static const size_t lengths[] = { 1100, 300 };
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        size_t len = lengths[i];
        type[len] = '\0';
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        struct multipart *m;
        assert_int_equal(multipart_open(&r.reader, slice_from(type), &m), 0);
        assert_string_equal(r.reader.state.message,
                            len > 1024 ? "multipart: too many bytes in Content-Type"
                                       : "multipart: a boundary that is too long in Content-Type");
        body_record_close(&r);
    }
}

TEST(parts_fields_files_and_heads_have_limits)
{
    static const char two[] =
        HEAD("name=a; filename=f") "1\r\n" HEAD("name=b; filename=g") "22" END;
    static const char fields[] = HEAD("name=a") "1234\r\n" HEAD("name=b") "5" END;
    static const struct {
        const char *body;
        struct body_limits limits;
        uint32_t flags;
        const char *message;
        unsigned items;
    } limited[] = {
        { two, { .parts_max = 2, .files_max = 2 }, 0, "", 6 },
        { two,
          { .parts_max = 1 },
          BODY_ERROR | BODY_LIMITED,
          "multipart: it has too many parts, at most 1",
          3 },
        { two, { .files_max = 1 }, BODY_FILE_LIMIT_EXCEEDED, "", 6 },
        { fields, { .arguments_max = 1 }, BODY_ERROR | BODY_LIMITED, "more than 1 arguments", 3 },
        { fields, { .fields_bytes_max = 81 }, 0, "", 4 },
        { fields,
          { .fields_bytes_max = 80 },
          BODY_ERROR | BODY_LIMITED | BODY_FIELDS_EXCEEDED,
          "multipart: the fields have too many bytes, at most 80",
          4 },
        { fields,
          { .fields_bytes_max = 39 },
          BODY_ERROR | BODY_LIMITED | BODY_FIELDS_EXCEEDED,
          "multipart: the fields have too many bytes, at most 39",
          2 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(limited); i++) {
        struct body_record r;
        body_record_open(&r, limited[i].limits, 0);
        read_whole(&r, TYPE, slice_from(limited[i].body));
        assert_int_equal(r.reader.state.flags, limited[i].flags | BODY_CRLF_LINE);
        assert_string_equal(r.reader.state.message, limited[i].message);
        assert_int_equal(r.items, limited[i].items);
        body_record_close(&r);
    }
}

TEST(heads_of_parts_are_bounded)
{
    static const struct {
        const char *open, *unit;
        const char *message;
    } heads[] = {
        { "--Xy\r\nA: ", "x", "multipart: a line in the head of a part is too long, at most 4096" },
        { "--Xy\r\nA: 1\r\n", " folded\r\n",
          "multipart: the head of a part has too many bytes, at most 16384" },
    };
    enum { BYTES = 65536 };
    char *body = malloc(BYTES);
    assert_non_null(body);
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        size_t len = strlen(heads[i].open), unit = strlen(heads[i].unit);
        memcpy(body, heads[i].open, len);
        for (size_t at = 0; len + at < BYTES; at++)
            body[len + at] = heads[i].unit[at % unit];
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_whole(&r, TYPE, slice_of(body, BYTES));
        assert_string_equal(r.reader.state.message, heads[i].message);
        assert_true(r.arena.total < 262144);
        body_record_close(&r);
    }
    size_t len = (size_t)snprintf(body, BYTES, "--Xy\r\n");
    for (unsigned i = 0; i <= MULTIPART_HEADERS_MAX; i++)
        len += (size_t)snprintf(body + len, BYTES - len, "A%u: 1\r\n", i);
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    read_whole(&r, TYPE, slice_of(body, len));
    assert_string_equal(r.reader.state.message,
                        "multipart: the head of a part has too many lines, at most 32");
    body_record_close(&r);
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    read_whole(&r, TYPE, SLICE("--Xy\r\nA: \0\r\n"));
    assert_string_equal(r.reader.state.message,
                        "multipart: a NUL byte in the head of a part at byte 12");
    body_record_close(&r);
    free(body);
}

TEST(the_content_of_a_file_costs_steps_and_no_memory)
{
    static const char *const units[] = { "x",  "\r\n",  "\n",      "\r",   "-",
                                         "--", "--X\n", "\r\n--X", "a\r\n" };
    enum { BYTES = 1 << 20 };
    char *body = malloc(BYTES);
    assert_non_null(body);
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        static const char head[] = HEAD("name=a; filename=f");
        size_t len = sizeof head - 1, unit = strlen(units[i]);
        memcpy(body, head, len);
        for (size_t at = 0; len + at < BYTES; at++)
            body[len + at] = units[i][at % unit];
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        read_whole(&r, TYPE, slice_of(body, BYTES));
        /* A line with dashes may be a boundary. */
        unsigned steps = strchr(units[i], '-') ? 2 + BODY_ITEM_STEPS : 3;
        assert_true(work_spent(&r.work) <= steps * (uint64_t)BYTES);
        assert_true(r.arena.total < 65536);
        assert_true(r.reader.state.files_bytes + 2 >= BYTES - len);
        body_record_close(&r);
    }
    free(body);
}

TEST(an_arena_that_is_full_is_told_and_the_sink_may_end_it)
{
    slice body = SLICE(
        HEAD("name=\"a\"") "1\r\n" HEAD("name=\"up\"; filename='h.txt'; filename*=x") "abc" END);
    int result = -ENOMEM;
    for (size_t limit = 16; result != 0; limit += 64) {
        assert_true(limit < 65536);
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, limit);
        result = read_in_pieces(&r, TYPE, body, 7, 7);
        assert_true(result == 0 || result == -ENOMEM);
        body_record_close(&r);
    }
    for (int at = 0; at < 7; at++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.refuse_at = at;
        assert_int_equal(read_in_pieces(&r, TYPE, body, 7, 7), -EPIPE);
        body_record_close(&r);
    }
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1, NULL, NULL);
    r.work.until_pause = 0;
    assert_int_equal(read_in_pieces(&r, TYPE, body, body.len, 1), -EDQUOT);
    body_record_close(&r);
}

TEST(name_and_file_name_of_the_last_part_are_told)
{
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    read_whole(&r, TYPE, SLICE(HEAD("name=up; filename=f") "abc\r\n" HEAD("name=b") "1" END));
    assert_slice_equal(r.reader.state.part_name, SLICE("b"));
    assert_slice_equal(r.reader.state.part_filename, SLICE("f"));
    assert_int_equal(r.reader.state.parts, 2);
    assert_int_equal(r.reader.state.files, 1);
    assert_int_equal(r.reader.state.arguments, 1);
    body_record_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_read_as_modsecurity_2_reads_it),
        cmocka_unit_test(a_boundary_is_found_anywhere_in_a_long_line),
        cmocka_unit_test(every_cut_of_a_body_gives_the_same),
        cmocka_unit_test(long_lines_are_no_different),
        cmocka_unit_test(the_boundary_is_read_strictly),
        cmocka_unit_test(parts_fields_files_and_heads_have_limits),
        cmocka_unit_test(heads_of_parts_are_bounded),
        cmocka_unit_test(the_content_of_a_file_costs_steps_and_no_memory),
        cmocka_unit_test(an_arena_that_is_full_is_told_and_the_sink_may_end_it),
        cmocka_unit_test(name_and_file_name_of_the_last_part_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
