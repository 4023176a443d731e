#include "waf/bodies/xml.h"
#include "waf/bodies/body_record.h"
#include "waf/bodies/xml_pieces.h"

struct xml_case {
    const char *text;
    size_t len;
    const char *items, *message; /* where expat places it is left to its version */
};

#define XML(text, items)                                                                           \
    {                                                                                              \
        text, sizeof text - 1, items, ""                                                           \
    }
#define BAD(text, items, message)                                                                  \
    {                                                                                              \
        text, sizeof text - 1, items, message                                                      \
    }

static const struct xml_case cases[] = {
    XML("", ""),
    XML("<a/>", "xml =\n"),
    XML("<a><b>t1</b><b>t2</b></a>", "xml =t1t2\n"),
    XML("<?xml version=\"1.0\"?>\n<a x=\"v1\"> 1 <b y='v2' z=\"\"/> 2 </a>\n",
        "attribute x=v1\nattribute y=v2\nattribute z=\nxml = 1  2 \n"),
    XML("<a><![CDATA[<script>&amp;]]></a>", "xml =<script>&amp;\n"),
    XML("<a b=\"&lt;&#x41;&#66;&quot;\">&lt;&gt;&amp;&apos;&#x20ac;</a>",
        "attribute b=<AB\"\nxml =<>&'\\xe2\\x82\\xac\n"),
    XML("<a><!-- hidden --><?pi hidden?>x</a>", "xml =x\n"),
    XML("<s:a xmlns:s=\"urn:x\" xmlns='urn:y' s:b=\"1\" xmlnsx='2'>t</s:a>",
        "attribute s:b=1\nattribute xmlnsx=2\nxml =t\n"),
    XML("<a>1\r\n2\r3</a>", "xml =1\\x0a2\\x0a3\n"),
    XML("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", "xml =\\xc3\\xa9\n"),
    XML("\xff\xfe<\0a\0>\0x\0<\0/\0a\0>\0", "xml =x\n"),
    XML("\xfe\xff\0<\0a\0>\0x\0<\0/\0a\0>", "xml =x\n"),
    XML("\xef\xbb\xbf<a>x</a>", "xml =x\n"),
    /* refused */
    BAD("<!DOCTYPE a><a>x</a>", "xml =\n", "XML: a document type declaration"),
    BAD("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "xml =\n",
        "XML: a document type declaration"),
    BAD("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "xml =\n",
        "XML: a document type declaration"),
    BAD("<a>x&b;y</a>", "xml =x\n", "XML: undefined entity"),
    BAD("<a>x", "xml =x\n", "XML: no element found"),
    BAD("<a>x</b>", "xml =x\n", "XML: mismatched tag"),
    BAD("<a b='1' b='2'/>", "xml =\n", "XML: duplicate attribute"),
    BAD("<a b=1/>", "xml =\n", "XML: not well-formed (invalid token)"),
    BAD("<a/><b/>", "xml =\n", "XML: junk after document element"),
    BAD("<a>\xff</a>", "xml =\n", "XML: not well-formed (invalid token)"),
    BAD("<a>\x01</a>", "xml =\n", "XML: not well-formed (invalid token)"),
    BAD("<a>&#0;</a>", "xml =\n", "XML: reference to invalid character number"),
    BAD("<?xml version='1.0' encoding='utf-7'?><a/>", "xml =\n", "XML: unknown encoding"),
    BAD("{\"a\":1}", "xml =\n", "XML: not well-formed (invalid token)"),
    BAD("<a x='1'><b y='2'>t<", "attribute x=1\nattribute y=2\nxml =t\n", "XML: unclosed token"),
};

TEST(text_and_attributes_are_seen_and_declarations_of_types_refused)
{
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        assert_int_equal(xml_read(&r.reader, slice_of(cases[i].text, cases[i].len)), 0);
        if (strcmp(r.text, cases[i].items) != 0 ||
            strncmp(r.reader.state.message, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("case %zu: %s\n%s\nfor\n%s\n%s", i, cases[i].text, r.text, cases[i].items,
                     r.reader.state.message);
        assert_int_equal(r.reader.state.flags, cases[i].message[0] ? BODY_ERROR : 0);
        body_record_close(&r);
    }
}

TEST(depth_attributes_and_tags_have_limits)
{
    static const struct {
        const char *text;
        struct body_limits limits;
        const char *items, *message;
    } limited[] = {
        { "<a><b>x</b></a>", { .depth_max = 2 }, "xml =x\n", "" },
        { "<a>y<b><c>x</c></b></a>",
          { .depth_max = 2 },
          "xml =y\n",
          "XML: it is nested too deeply, at most 2" },
        { "<a b='1'><c d='2'/></a>",
          { .attributes_max = 2 },
          "attribute b=1\nattribute d=2\nxml =\n",
          "" },
        { "<a b='1'>x<c d='2' e='3'/></a>",
          { .attributes_max = 2 },
          "attribute b=1\nattribute d=2\nxml =x\n",
          "XML: it has too many attributes, at most 2" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(limited); i++) {
        struct body_record r;
        body_record_open(&r, limited[i].limits, 0);
        assert_int_equal(xml_read(&r.reader, slice_from(limited[i].text)), 0);
        assert_string_equal(r.text, limited[i].items);
        assert_string_equal(r.reader.state.message, limited[i].message);
        assert_int_equal(r.reader.state.flags,
                         limited[i].message[0] ? BODY_ERROR | BODY_LIMITED : 0);
        body_record_close(&r);
    }
}

TEST(text_is_parted_where_elements_stand_side_by_side)
{
    static const struct {
        const char *text;
        uint32_t parts_max;
        const char *items;
    } documents[] = {
        { "<a><b>t1</b><b>t2</b></a>", 9, "xml =t1t2\npart =t1\npart =t2\n" },
        { "<a>\n\t<b> t1 </b>\r\n <b>t2\n</b>\n</a>", 9,
          "xml =\\x0a\\x09 t1 \\x0a t2\\x0a\\x0a\npart =t1\npart =t2\n" },
        { "<a>t1<b>t2</b>t3</a>", 9, "xml =t1t2t3\npart =t1t2t3\n" },
        { "<a>t1<b/>t2</a>", 9, "xml =t1t2\npart =t1t2\n" },
        { "<a><b>t1</b>&#32;<b>t2</b></a>", 9, "xml =t1 t2\npart =t1\npart =t2\n" },
        { "<a><b>t1</b>.<b>t2</b></a>", 9, "xml =t1.t2\npart =t1.t2\n" },
        { "<a><b>t1</b><!-- c --><b>t2</b></a>", 9, "xml =t1t2\npart =t1\npart =t2\n" },
        { "<a><b>t<!-- c -->1<![CDATA[ 2]]></b></a>", 9, "xml =t1 2\npart =t1 2\n" },
        { "<a>t1<b/><b/>t2<b>3</b> <b>4</b></a>", 9, "xml =t1t23 4\npart =t1t23 4\n" },
        { "<r><a>t<b/><b/>1</a><a>t2</a></r>", 9, "xml =t1t2\npart =t1\npart =t2\n" },
        { "<r><a><b>1</b><b>2</b>3</a><b>4</b></r>", 9, "xml =1234\npart =1\npart =23\npart =4\n" },
        { "<a><b/><b/><b></b>t</a>", 9, "xml =t\npart =t\n" },
        { "<a> \n</a>", 9, "xml = \\x0a\n" },
        { "<a><b>1</b><b>2</b><b>3</b><b>4</b></a>", 3, "xml =1234\npart =1\npart =2\npart =34\n" },
        { "<a><b>1</b><b>2</b></a>", 1, "xml =12\npart =12\n" },
        { "<a><b>1</b><b>2</b></a>", 0, "xml =12\n" },
        { "<a><b>1</b><b>2</c>", 9, "xml =12\npart =1\npart =2\n" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(documents); i++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ .text_parts_max = documents[i].parts_max }, 0);
        assert_int_equal(xml_read(&r.reader, slice_from(documents[i].text)), 0);
        if (strcmp(r.text, documents[i].items) != 0)
            fail_msg("%s\n%s\nfor\n%s", documents[i].text, r.text, documents[i].items);
        body_record_close(&r);
    }
}

static int drop_item(void *context, UNUSED enum body_item kind, UNUSED slice name,
                     UNUSED slice value)
{
    ++*(size_t *)context;
    return 0;
}

TEST(a_body_costs_steps_in_proportion)
{
    static const struct {
        const char *open, *unit;
        uint32_t flags;
    } bodies[] = {
        { "<a>", "x", BODY_ERROR },
        { "<a>", "&lt;", BODY_ERROR },
        { "<a>", "<b c='d'/>", BODY_ERROR },
        { "<a><![CDATA[", "x", BODY_ERROR },
        { "<a>", "\n", BODY_ERROR },
        { "", "<a>", BODY_ERROR | BODY_LIMITED },
        { "<a b='", "x", BODY_ERROR | BODY_LIMITED },
        { "<a><!--", "x", BODY_ERROR | BODY_LIMITED },
        { "<?x ", "x", BODY_ERROR | BODY_LIMITED },
        { "<", "a", BODY_ERROR | BODY_LIMITED },
    };
    enum { BYTES = 2 << 20 };
    char *text = malloc(BYTES);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        size_t len = strlen(bodies[i].open), unit = strlen(bodies[i].unit), items = 0;
        memcpy(text, bodies[i].open, len);
        for (size_t at = 0; len + at < BYTES; at++)
            text[len + at] = bodies[i].unit[at % unit];
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.reader.sink = (struct body_sink){ .context = &items, .item = drop_item };
        assert_int_equal(xml_read(&r.reader, slice_of(text, BYTES)), 0);
        if (r.reader.state.flags != bodies[i].flags)
            fail_msg("%s: flags %x, %s", bodies[i].unit, r.reader.state.flags,
                     r.reader.state.message);
        assert_true(work_spent(&r.work) <= (4 + BODY_ITEM_STEPS) * (uint64_t)BYTES);
        if (bodies[i].flags & BODY_LIMITED)
            assert_true(work_spent(&r.work) < 2u << 20);
        body_record_close(&r);
    }
    free(text);
}

/* What expat could not be stopped in: each is refused, and what stood before it has been seen. */
TEST(tags_and_names_that_would_take_too_long_are_refused)
{
    static const struct {
        const char *begin, *unit, *end, *message;
        unsigned times;
        bool is_numbered;
    } refused[] = {
        { "<a b='1'>t<c ", "d%06u='' ", "/></a>",
          "XML: one tag has too many attributes, at most 1024", XML_TAG_ATTRIBUTES_MAX + 1, true },
        { "<a b='1'>t<c d='", "&lt;", "'/></a>",
          "XML: one tag has too many references, at most 16384", XML_TAG_REFERENCES_MAX + 1,
          false },
        { "<a b='1'>t<c d='", "x", "'/></a>", "XML: one tag or comment is too long, at most 131072",
          XML_TAG_BYTES_MAX + 1, false },
        { "<a b='1'>t", "<n%06u/>", "</a>", "XML: it has too many different names, at most 4096",
          3 * XML_NAMES_MAX, true },
        { "<a b='1'>t", "<n c%06u=''/>", "</a>",
          "XML: it has too many different names, at most 4096", 3 * XML_NAMES_MAX, true },
    };
    char *text = malloc(1 << 20);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        int len = snprintf(text, 100, "%s", refused[i].begin);
        for (unsigned n = 0; n < refused[i].times; n++) {
            if (refused[i].is_numbered)
                len += snprintf(text + len, 100, refused[i].unit, n);
            else
                len += snprintf(text + len, 100, "%s", refused[i].unit);
        }
        len += snprintf(text + len, 100, "%s", refused[i].end);
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        assert_int_equal(xml_read(&r.reader, slice_of(text, (size_t)len)), 0);
        assert_string_equal(r.reader.state.message, refused[i].message);
        assert_int_equal(r.reader.state.flags, BODY_ERROR | BODY_LIMITED);
        assert_int_equal(strncmp(r.text, "attribute b=1\n", 14), 0);
        assert_non_null(strstr(r.text, "xml =t\n"));
        body_record_close(&r);
    }
    free(text);
}

/* A vocabulary of thousands of names, each used often, is read. */
TEST(many_different_names_are_read)
{
    enum { NAMES = XML_NAMES_MAX / 2 - 100, TIMES = 3 };
    char *text = malloc(1 << 20);
    assert_non_null(text);
    int len = snprintf(text, 100, "<a>");
    for (unsigned n = 0; n < TIMES * NAMES; n++)
        len += snprintf(text + len, 100, "<e%u b%u='1'>t</e%u>", n % NAMES, n % NAMES, n % NAMES);
    len += snprintf(text + len, 100, "</a>");
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    assert_int_equal(xml_read(&r.reader, slice_of(text, (size_t)len)), 0);
    assert_string_equal(r.reader.state.message, "");
    assert_int_equal(r.items, TIMES * NAMES + 1);
    body_record_close(&r);
    free(text);
}

/* A tag of nearly the limit, whole, is read. */
TEST(a_long_tag_is_read)
{
    enum { VALUE = XML_TAG_BYTES_MAX - 100 };
    char *text = malloc(VALUE + 100);
    assert_non_null(text);
    memcpy(text, "<a b='", 6);
    memset(text + 6, 'x', VALUE);
    memcpy(text + 6 + VALUE, "'>t</a>", 7);
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    assert_int_equal(xml_read(&r.reader, slice_of(text, VALUE + 13)), 0);
    assert_int_equal(r.reader.state.flags, 0);
    assert_string_equal(r.text + r.len - 7, "xml =t\n");
    assert_int_equal(r.len, 7 + VALUE + 13);
    body_record_close(&r);
    free(text);
}

TEST(an_arena_that_is_full_is_told_and_the_sink_may_end_it)
{
    slice text = SLICE("<a x='v1'><b y='v2'/>t<c/></a>");
    int result = -ENOMEM;
    for (size_t limit = 16; result != 0; limit += 16) {
        assert_true(limit < 65536);
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, limit);
        result = xml_read(&r.reader, text);
        assert_true(result == 0 || result == -ENOMEM);
        body_record_close(&r);
    }
    for (int at = 0; at < 3; at++) {
        struct body_record r;
        body_record_open(&r, (struct body_limits){ 0 }, 0);
        r.refuse_at = at;
        assert_int_equal(xml_read(&r.reader, text), -EPIPE);
        body_record_close(&r);
    }
    struct body_record r;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    work_open(&r.work, 1, NULL, NULL);
    r.work.until_pause = 0;
    assert_int_equal(xml_read(&r.reader, text), -EDQUOT);
    body_record_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_attributes_are_seen_and_declarations_of_types_refused),
        cmocka_unit_test(depth_attributes_and_tags_have_limits),
        cmocka_unit_test(text_is_parted_where_elements_stand_side_by_side),
        cmocka_unit_test(a_body_costs_steps_in_proportion),
        cmocka_unit_test(tags_and_names_that_would_take_too_long_are_refused),
        cmocka_unit_test(many_different_names_are_read),
        cmocka_unit_test(a_long_tag_is_read),
        cmocka_unit_test(an_arena_that_is_full_is_told_and_the_sink_may_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
