#include "waf/detect/xss.h"

#include "base/test.h"

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
        cmocka_unit_test(what_only_looks_like_markup_is_let_be),
        cmocka_unit_test(the_evidence_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
