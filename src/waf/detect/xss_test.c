#include "waf/detect/xss.h"

#include "base/test.h"
#include "base/writer.h"

static int detect(slice value, struct xss_result *ret)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    return xss_detect(value, ret, &work);
}

TEST(what_runs_script_is_found)
{
    static const char *const cases[] = {
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//x.example/a.js>",
        "<scr\1ipt x><script",
        "<x:script xmlns:x=\"http://www.w3.org/1999/xhtml\" src=\"data:,alert(1)\" />",
        "<img src=x onerror=alert(1)>",
        "<img/src=\"x\"/onerror=alert`1`",
        "<svg/onload=alert()",
        "<svg onload\n=\n'alert(1)'>",
        "<xss onbeforehellfreezes=alert(1)>",
        "\"><svg/onload=alert(1)>",
        "\" onmouseover=\"alert(1)",
        "' onfocus='alert(1)' autofocus='",
        "`onmouseover=alert(1)",
        "\"onmouseover='prompt(document.cookie)'\"",
        "x onerror=alert(1) ",
        "<a href=javascript:alert(1)>x</a>",
        "<a href=\" \x01 javascript:alert(1)\">x</a>",
        "<a href=\"java\nscript:alert(1)\">x</a>",
        "<a href=jav&#x61;script:alert(1)>x</a>",
        "<a href=jav&#0000097script:alert(1)>x</a>",
        "<a href=\"java&Tab;script&colon;alert(1)\">x</a>",
        "<a href=vbscript:msgbox(1)>x</a>",
        "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
        "<a xlink:href=\"javascript:alert(1)\">",
        "<form action=javascript:alert(1)>",
        "<button formaction=JaVaScRiPt:alert(1)>",
        "<iframe src=//x.example>",
        "<object data=x>",
        "<embed src=x>",
        "<base href=//x.example/>",
        "<link rel=stylesheet href=//x.example/>",
        "<meta http-equiv=refresh content=0;url=//x.example>",
        "<style>@import '//x.example'</style>",
        "<div style=\"width:expres\\sion(alert(1))\">",
        "<div style='background:url(javascript:alert(1))'>",
        "<svg><animate attributeName=href values=javascript:alert(1)>",
        "<svg><set attributeName=onmouseover to=alert(1)>",
        "<i srcdoc='&lt;b'>",
        "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
        "<!--a--!><img src=x onerror=alert(1)>",
        "<!--><img src=x onerror=alert(1)>",
        "<?import namespace=t implementation=#default#time2>",
        "<a title=\"><b\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "java\tscript:alert(1)",
        "&#106avascript&colon;alert(1)",
        "<meta charset=utf-7>",
        "<!DOCTYPE x [ <!ENTITY y SYSTEM 'http://x.example/'>",
        "<xi:include href=\"http://x.example/\"/>",
        "<style>*{background:url(//x.example)}</style>",
        "<math><mtext><script>x</script>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<svg><script href=data:,alert(1) />",
        "<svg><use href=\"data:image/svg+xml;base64,AAAA\"/>",
        "<iframe src=\"data:image/svg+xml;base64,AAAA\">",
        "<input onfocus=alert&lpar;1&rpar; autofocus>",
        "<body onload=alert(1)>",
        "<marquee onstart=alert(1)>",
        "<video><source onerror=alert(1)>",
        "<isindex action=javascript:alert(1) type=image>",
        "<table background=javascript:alert(1)>",
        "<a href=data:application/xhtml+xml,x>",
        "<a href=\"  \n javascript:alert(1)\">",
        "<img src=`x`onerror=alert(1)>",
        "<img \n\n src=x \t onerror \r = alert(1)>",
        "<bgsound src=javascript:alert(1)>",
        "<div style=\"behavior:url(x.htc)\">",
        "<div style=\"-moz-binding:url(x)\">",
        "style=background:url(javascript:alert(1))",
        "<frameset onload=alert(1)>",
        "<xml src=x id=y>",
        "<span datasrc=#y datafld=z>",
        "<a onfutureevent=alert(1)>",
        "javascript://%0aalert(1)",
        "javascript:/*--></title>*/alert(1)",
        "vbscript:msgbox(1)",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct xss_result result = { .because = NULL };
        slice value = slice_from(cases[i]);
        if (detect(value, &result) != 1)
            fail_msg("%s is not found", cases[i]);
        assert_non_null(result.because);
        assert_true(result.at <= value.len && result.len <= value.len - result.at);
        assert_int_equal(detect(value, NULL), 1);
    }
}

/* javascript: in an attribute, hidden as browsers still read it. */
TEST(schemes_are_found_however_they_are_written)
{
    static const char *const attributes[] = {
        "<a href=%c%s%c>",          "<form action=%c%s%c>",       "<button formaction=%c%s%c>",
        "<img src=%c%s%c>",         "<svg><a xlink:href=%c%s%c>", "x%c href=%c%s",
        "<iframe\nSRC\n=\n%c%s%c>", "<object data=%c%s%c>"
    };
    static const char *const formats[] = { "%c",   "&#%d;", "&#x%x;", "&#0000%d;", "&#X%X;",
                                           "%c\t", "\n%c",  "\r%c",   "%c&Tab;",   "%c&NewLine;" };
    static const char *const schemes[] = { "javascript", "JavaScript", "vbscript", "livescript" };
    char url[512], value[640];
    for (size_t s = 0; s < ARRAY_LENGTH(schemes); s++)
        for (size_t f = 0; f < ARRAY_LENGTH(formats); f++)
            for (size_t a = 0; a < ARRAY_LENGTH(attributes); a++) {
                struct writer w = writer_over(url, sizeof url - 1);
                for (const char *c = schemes[s]; *c; c++)
                    writer_format(&w, formats[f], *c);
                writer_text(&w, f % 2 ? ":alert(1)" : "&colon;alert(1)");
                assert_false(w.overflowed);
                url[w.len] = '\0';
                struct writer v = writer_over(value, sizeof value);
                if (strstr(attributes[a], "%c%s%c"))
                    writer_format(&v, attributes[a], '"', url, '"');
                else
                    writer_format(&v, attributes[a], '"', '"', url);
                assert_false(v.overflowed);
                if (detect(writer_slice(&v), NULL) != 1)
                    fail_msg("%.*s is not found", SLICE_ARGUMENTS(writer_slice(&v)));
            }
}

/* Each known handler, out of each place. */
TEST(handlers_are_found_from_every_place)
{
    static const char *const places[] = { "<x %s=alert(1)>",
                                          "<x/%s=alert(1)>",
                                          "<x a=b\n%s\n=\n'alert(1)'",
                                          "\" %s=\"alert(1)",
                                          "\"%s=alert(1) x=\"",
                                          "' %s='alert(1)",
                                          "x' autofocus %s=alert(1) y='",
                                          "\"><x %s=alert(1)>",
                                          "'><img src=x %s=alert(1)>",
                                          "a %s=alert(1)",
                                          "%s=alert(1)",
                                          "`%s=alert(1)",
                                          "--><x %s=alert`1`>",
                                          "</textarea><x %s=alert(1)>",
                                          "</script><x %s=alert(1)>",
                                          "<x x=\">\" %s=alert(1)>" };
    static const char *const handlers[] = { "onload",      "onerror", "onclick",
                                            "ONMOUSEOVER", "onFocus", "onanimationstart",
                                            "ontoggle",    "onbegin", "onpointerover",
                                            "onwheel",     "onsubmit" };
    char value[160];
    for (size_t p = 0; p < ARRAY_LENGTH(places); p++)
        for (size_t h = 0; h < ARRAY_LENGTH(handlers); h++) {
            struct writer w = writer_over(value, sizeof value);
            writer_format(&w, places[p], handlers[h]);
            assert_false(w.overflowed);
            if (detect(writer_slice(&w), NULL) != 1)
                fail_msg("%.*s is not found", SLICE_ARGUMENTS(writer_slice(&w)));
        }
}

TEST(what_only_looks_like_markup_is_let_be)
{
    static const char *const cases[] = {
        "",
        "<",
        "a < b and c > d",
        "<3 you all",
        "if (a<b && c>d) x=1;",
        "List<String> names = new ArrayList<>();",
        "std::vector<int> v(10);",
        "#include <stdio.h>",
        "John Doe <john@example.org>",
        "<https://example.org/?a=b&c=d>",
        "<b>bold</b> and <i class=\"x\">italic</i>",
        "<a href=\"https://example.org/?on=1&click=2\">link</a>",
        "<a href=\"/data:x\">link</a>",
        "<img src=\"/a.png\" alt=\"a picture\">",
        "<img src=\"data:image/png;base64,AAAA\">",
        "<p style=\"color: red; background: url(/a.png)\">x</p>",
        "<div once=1 on=2 only=\"x\">",
        "<!DOCTYPE html>",
        "<!-- a comment -->",
        "<?xml version=\"1.0\"?>",
        "<svg width=\"24\"><path d=\"M0 0h24\"/></svg>",
        "<img src=\"data:image/svg+xml;base64,PHN2ZyB4\" alt=\"dot\">",
        "<form action=\"/search\"><input name=q></form>",
        "<meta charset=utf-8>",
        "</div>",
        "JavaScript: the good parts (book)",
        "javascript: an introduction",
        "data: 5, more data: 6",
        "the button's onclick = handler in the page",
        "he said \"turn it on\" and left",
        "\"on time=5\"",
        "x = \"a\" onboarding=yes",
        "SELECT * FROM t WHERE a<5 AND b>'x'",
        "{\"a\": \"<b>\", \"on\": true}",
        "it's 5 o'clock & we're \"off\"",
        "&lt;script&gt; in text",
        "C:\\> dir <dir>",
        "The <object> is malformed",
        "git replace -d <object>...",
        "TMP_DIR = <base>/tmp/<name>",
        "void f(Local<Object> exports);",
        "use <import> or <link> here",
        "just below the <style> tag",
        "map<string, int> frame;",
        "Promise<Object>",
        "<comment xml:lang=\"de\">x</comment>",
        "<link rel=\"up\" href=\"index.html\">",
        "<table><tr><td align=left>1</td></tr></table>",
        "<h1>Title</h1><p>Text with <em>emphasis</em>, <code>code</code> &amp; more.</p>",
        "<ul><li>one<li>two</ul>",
        "<video src=\"/a.webm\" controls></video>",
        "<input type=\"text\" value=\"on\" onfoo>",
        "<blockquote cite=\"https://example.org/\">x</blockquote>",
        "<a href=\"mailto:o'neil@example.org\">x</a>",
        "<a href='#javascript'>x</a>",
        "<a href='/javascript:x'>x</a>",
        "<a name=javascript:x>x</a>",
        "<br/>",
        "x <= y >= z",
        "a<-b",
        "1<2>0",
        "<<EOF",
        "<%= x %>",
        "-->",
        "/* <not> */",
        "key=\"value\" other='x'",
        "once=1&only=2&online=yes",
        "position: absolute; content: 'on'",
        "https://example.org/?next=/a&onload=1",
        "onion=1",
        "on=1",
        "ontario = 'x'",
        "turn on=off",
        "SUBJECT: Re: <none>",
        "<O'Reilly> & \"friends\"",
        "\\sqrt{x} < \\frac{a}{b}",
        "f<a, b>(c)",
        "array<int>(5) = {1}",
        "<T extends Comparable<T>>",
        "2 << 3 == 16",
        "\xe2\x9d\xa4 <3 <3",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct xss_result result = { .because = "" };
        if (detect(slice_from(cases[i]), &result) != 0)
            fail_msg("%s is taken for: %s", cases[i], result.because);
    }
}

TEST(the_evidence_is_pointed_at)
{
    struct xss_result result;
    assert_int_equal(detect(SLICE("hello <img src=x onerror=alert(1)> there"), &result), 1);
    assert_int_equal(result.at, 17);
    assert_int_equal(result.len, sizeof "onerror=alert(1)" - 1);
    assert_int_equal(detect(SLICE("a<script>"), &result), 1);
    assert_int_equal(result.at, 1);
    assert_int_equal(result.len, sizeof "<script" - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_script_is_found),
        cmocka_unit_test(schemes_are_found_however_they_are_written),
        cmocka_unit_test(handlers_are_found_from_every_place),
        cmocka_unit_test(what_only_looks_like_markup_is_let_be),
        cmocka_unit_test(the_evidence_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
