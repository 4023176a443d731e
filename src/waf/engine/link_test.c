/* Values, operators and what a match leaves behind: ModSecurity 2's behaviour, a sentence a case.
 */
#include "waf/engine/engine_test.h"

#define GET                                                                                        \
    "GET /p/q.php?a=1&b=2&A=3 HTTP/1.1\r\nHost: example.test:8080\r\nX-One: 1\r\nX-Two: 2\r\n"     \
    "Cookie: s=\"x%41\"; t=2\r\n\r\n"
#define BARE "GET /p HTTP/1.0\r\n\r\n"

TEST(targets_select_by_name_and_pattern)
{
    static const struct engine_case cases[] = {
        { "a name is exact and its case does not matter",
          "SecRule ARGS:a `@rx .` `id:1,phase:1,pass,log`", GET, "pass | 1 ARGS:a=1 | 1 ARGS:A=3" },
        { "a pattern is unanchored and its case does not matter",
          "SecRule REQUEST_HEADERS:/^x-/ `@rx .` `id:1,phase:1,pass,log`", GET,
          "pass | 1 REQUEST_HEADERS:X-One=1 | 1 REQUEST_HEADERS:X-Two=2" },
        { "a pattern in quotes may hold a bar",
          "SecRule ARGS:'/^b|^z/' `@rx .` `id:1,phase:1,pass,log`", GET, "pass | 1 ARGS:b=2" },
        { "an exclusion takes away what others selected, wherever it stands",
          "SecRule !ARGS:a|ARGS `@rx .` `id:1,phase:1,pass,log`", GET, "pass | 1 ARGS:b=2" },
        { "an exclusion may be a pattern",
          "SecRule ARGS|!ARGS:/^a/ `@rx .` `id:1,phase:1,pass,log`", GET, "pass | 1 ARGS:b=2" },
        { "an exclusion without a name takes the collection",
          "SecRule ARGS|REQUEST_METHOD|!ARGS `@rx .` `id:1,phase:1,pass,log`", GET,
          "pass | 1 REQUEST_METHOD=GET" },
        { "targets are looked at in their order",
          "SecRule ARGS_NAMES|ARGS_GET:b|REQUEST_METHOD `@rx .` `id:1,phase:1,pass,log`", GET,
          "pass | 1 ARGS_NAMES:a=a | 1 ARGS_NAMES:b=b | 1 ARGS_NAMES:A=A | 1 ARGS_GET:b=2"
          " | 1 REQUEST_METHOD=GET" },
        { "& counts", "SecRule &ARGS|&ARGS:a|&REQUEST_HEADERS:/^x/ `@rx .` `id:1,phase:1,pass,log`",
          GET, "pass | 1 &ARGS=3 | 1 &ARGS:a=2 | 1 &REQUEST_HEADERS:^x=2" },
        { "what is absent counts 0, and is compared",
          "SecRule &ARGS:z `@eq 0` `id:1,phase:1,pass,log`", GET, "pass | 1 &ARGS:z=0" },
        { "what is absent is not evaluated, not even by a negated operator",
          "SecRule ARGS:z `!@rx x` `id:1,phase:1,pass,log`\n"
          "SecRule REQUEST_HEADERS:User-Agent `!@streq x` `id:2,phase:1,pass,log`\n"
          "SecRule TX:nothing `!@eq 5` `id:3,phase:1,pass,log`\n"
          "SecRule TX:nothing `@lt 5` `id:4,phase:1,pass,log`",
          GET, "pass" },
        { "a negated operator matches what it does not find",
          "SecRule ARGS `!@rx 1` `id:1,phase:1,pass,log`", GET, "pass | 1 ARGS:b=2 | 1 ARGS:A=3" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(variables_of_the_request_are_as_sent)
{
    static const struct engine_case cases[] = {
        { "the parts of the line",
          "SecRule REQUEST_LINE|REQUEST_METHOD|REQUEST_URI|REQUEST_URI_RAW|REQUEST_FILENAME|"
          "REQUEST_BASENAME|QUERY_STRING|REQUEST_PROTOCOL `@rx .` `id:1,phase:1,pass,log`",
          "GET http://h.test/p%41/q%2b?a=%2b HTTP/1.1\r\nHost: h.test\r\n\r\n",
          "pass | 1 REQUEST_LINE=GET http://h.test/p%41/q%2b?a=%2b HTTP/1.1 | 1 REQUEST_METHOD=GET"
          " | 1 REQUEST_URI=/p%41/q%2b?a=%2b | 1 REQUEST_URI_RAW=http://h.test/p%41/q%2b?a=%2b"
          " | 1 REQUEST_FILENAME=/p%41/q%2b | 1 REQUEST_BASENAME=q%2b | 1 QUERY_STRING=a=%2b"
          " | 1 REQUEST_PROTOCOL=HTTP/1.1" },
        { "a query that is not there is not evaluated",
          "SecRule QUERY_STRING|REQUEST_BODY `@unconditionalMatch` `id:1,phase:2,pass,log`", BARE,
          "pass" },
        { "an empty one is", "SecRule QUERY_STRING `@unconditionalMatch` `id:1,phase:1,pass,log`",
          "GET /? HTTP/1.1\r\n\r\n", "pass | 1 QUERY_STRING=" },
        { "cookies are as sent, with their quotes",
          "SecRule REQUEST_COOKIES|REQUEST_COOKIES_NAMES `@rx .` `id:1,phase:1,pass,log`", GET,
          "pass | 1 REQUEST_COOKIES:s=\"x%41\" | 1 REQUEST_COOKIES:t=2"
          " | 1 REQUEST_COOKIES_NAMES:s=s | 1 REQUEST_COOKIES_NAMES:t=t" },
        { "arguments are decoded once, bad escapes stay and are told",
          "SecRule ARGS:x|URLENCODED_ERROR|ARGS_COMBINED_SIZE `@rx .` `id:1,phase:1,pass,log`",
          "GET /?q=1%2b2&x=%u0041%zz HTTP/1.1\r\n\r\n",
          "pass | 1 ARGS:x=%u0041%zz | 1 URLENCODED_ERROR=1 | 1 ARGS_COMBINED_SIZE=14" },
        { "the connection",
          "SecRule REMOTE_ADDR|REMOTE_PORT|SERVER_ADDR|SERVER_PORT|SERVER_NAME|UNIQUE_ID `@rx .` "
          "`id:1,phase:1,pass,log`",
          GET,
          "pass | 1 REMOTE_ADDR=192.0.2.1 | 1 REMOTE_PORT=40000 | 1 SERVER_ADDR=198.51.100.1"
          " | 1 SERVER_PORT=80 | 1 SERVER_NAME=example.test | 1 UNIQUE_ID=unique" },
        { "the clock",
          "SecRule "
          "TIME|TIME_EPOCH|TIME_DAY|TIME_MON|TIME_YEAR|TIME_WDAY|TIME_HOUR|TIME_MIN|TIME_SEC "
          "`@rx .` `id:1,phase:1,pass,log`",
          GET,
          "pass | 1 TIME=22:13:20 | 1 TIME_EPOCH=1700000000 | 1 TIME_DAY=14 | 1 TIME_MON=10"
          " | 1 TIME_YEAR=2023 | 1 TIME_WDAY=2 | 1 TIME_HOUR=22 | 1 TIME_MIN=13 | 1 TIME_SEC=20" },
        { "authorization", "SecRule AUTH_TYPE|REMOTE_USER `@rx .` `id:1,phase:1,pass,log`",
          "GET / HTTP/1.1\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n",
          "pass | 1 AUTH_TYPE=Basic | 1 REMOTE_USER=user" },
        { "a line that ends early",
          "SecRule REQUEST_LINE|REQUEST_PROTOCOL `@rx ^` `id:1,phase:1,pass,log`", "GET\r\n\r\n",
          "pass | 1 REQUEST_LINE=GET | 1 REQUEST_PROTOCOL=HTTP/0.9" },
        { "fields of one name are one, joined as RFC 9110 says",
          "SecRule REQUEST_HEADERS:X|&REQUEST_HEADERS:X|REQUEST_COOKIES `@rx .` "
          "`id:1,phase:1,pass,log`",
          "GET / HTTP/1.1\r\nX: a\r\nCookie: c=1\r\nx: b\r\nCookie: d=2\r\n\r\n",
          "pass | 1 REQUEST_HEADERS:X=a, b | 1 &REQUEST_HEADERS:x=1 | 1 REQUEST_COOKIES:c=1"
          " | 1 REQUEST_COOKIES:d=2" },
        { "each of their lines is looked at too where the whole does not match",
          "SecRule REQUEST_HEADERS:X `@rx ^b$` `id:1,phase:1,pass,log`\n"
          "SecRule REQUEST_HEADERS `@rx ^a$` `id:2,phase:1,pass,log`\n"
          "SecRule REQUEST_HEADERS:X `@rx b` `id:3,phase:1,pass,log`\n"
          "SecRule REQUEST_HEADERS:X `!@rx ,` `id:4,phase:1,pass,log`\n"
          "SecRule &REQUEST_HEADERS|&REQUEST_HEADERS_NAMES `@eq 1` `id:5,phase:1,pass,log`",
          "GET / HTTP/1.1\r\nX: a\r\nx: b\r\nX: c\r\n\r\n",
          "pass | 1 REQUEST_HEADERS:x=b | 2 REQUEST_HEADERS:X=a | 3 REQUEST_HEADERS:X=a, b, c"
          " | 5 &REQUEST_HEADERS=1 | 5 &REQUEST_HEADERS_NAMES=1" },
        { "a second type chooses no reader, and crumbs of cookies are one",
          "SecRule REQUEST_HEADERS:Content-Type `@rx ^text` `id:1,phase:1,pass,log`\n"
          "SecRule REQUEST_HEADERS:Cookie `@rx ^d` `id:2,phase:1,pass,log`",
          "GET / HTTP/1.1\r\nContent-Type: a/b\r\nContent-Type: text/xml\r\nCookie: c=1\r\n"
          "Cookie: d=1\r\n\r\n",
          "pass" },
        { "a path is looked at decoded where it does not match as sent",
          "SecRule REQUEST_FILENAME `@contains (` `id:1,phase:1,pass,log`\n"
          "SecRule REQUEST_FILENAME `@contains f` `id:2,phase:1,pass,log`",
          "GET /f%28 HTTP/1.1\r\n\r\n",
          "pass | 1 REQUEST_FILENAME=/f( | 2 REQUEST_FILENAME=/f%28" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(transformations_belong_to_the_link)
{
    static const struct engine_case cases[] = {
        { "MATCHED_VAR and the log hold the transformed value",
          "SecRule ARGS:a `@streq abc` `id:1,phase:1,pass,log,t:none,t:urlDecode,t:lowercase,"
          "logdata:'%{MATCHED_VAR} %{MATCHED_VAR_NAME}',msg:'m'`",
          "GET /?a=%2541BC HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=abc {m;abc ARGS:a}" },
        { "the next link begins from the raw value again",
          "SecRule ARGS:a `@streq abc` `id:1,phase:1,pass,log,t:lowercase,chain`\n"
          "SecRule ARGS:a `@streq ABC`",
          "GET /?a=ABC HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=ABC" },
        { "their order counts",
          "SecRule ARGS:a `@streq a` `id:1,phase:1,pass,log,t:urlDecode,t:lowercase`\n"
          "SecRule ARGS:a `@streq A` `id:2,phase:1,pass,log,t:lowercase,t:urlDecode`",
          "GET /?a=%2541 HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=a | 2 ARGS:a=A" },
        { "length is compared as a number",
          "SecRule ARGS:a `@gt 3` `id:1,phase:1,pass,log,t:none,t:length`",
          "GET /?a=abcd HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=4" },
        { "one value in several shapes does not disturb the others",
          "SecRule ARGS `@rx ^<b>$` `id:1,phase:1,pass,log,t:htmlEntityDecode,t:lowercase`\n"
          "SecRule ARGS `@rx ^<B>$` `id:2,phase:1,pass,log,t:htmlEntityDecode`\n"
          "SecRule ARGS `@rx ^&lt;B` `id:3,phase:1,pass,log`",
          "GET /?a=%26lt;B%26gt;&b=<b> HTTP/1.1\r\n\r\n",
          "pass | 1 ARGS:a=<b> | 1 ARGS:b=<b> | 2 ARGS:a=<B> | 3 ARGS:a=&lt;B&gt;" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(multi_match_looks_at_every_stage_that_changed)
{
    static const struct engine_case cases[] = {
        { "three transformations of which one changes the value are two runs",
          "SecRule ARGS:a `@rx .` `id:1,phase:1,pass,log,multiMatch,t:lowercase,t:removeNulls,"
          "t:trim,setvar:tx.n=+1`\n"
          "SecRule TX:n `@ge 0` `id:2,phase:1,pass,log`",
          "GET /?a=ABC HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=ABC | 1 ARGS:a=abc | 2 TX:n=2" },
        { "a stage in the middle may be the one that matches",
          "SecRule ARGS:a `@streq Abc` `id:1,phase:1,pass,log,multiMatch,t:urlDecode,t:lowercase`",
          "GET /?a=%2541bc HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=Abc" },
        { "a value that nothing changes is looked at once",
          "SecRule ARGS:a `@rx .` `id:1,phase:1,pass,log,multiMatch,t:lowercase,t:urlDecode`",
          "GET /?a=abc HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=abc" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(captures_stay_until_the_next_ones)
{
    static const struct engine_case cases[] = {
        { "groups are TX:1 to TX:9 in the rules that follow",
          "SecRule ARGS:a `@rx (x)(y)?` `id:1,phase:1,pass,nolog,capture`\n"
          "SecRule TX:0|TX:1 `@rx ^` `id:2,phase:1,pass,log`",
          "GET /?a=-xy- HTTP/1.1\r\n\r\n", "pass | 2 TX:0=xy | 2 TX:1=x" },
        { "a match with fewer groups unsets the others",
          "SecRule ARGS:a `@rx (x)(y)` `id:1,phase:1,pass,nolog,capture`\n"
          "SecRule ARGS:a `@rx (y)` `id:2,phase:1,pass,nolog,capture`\n"
          "SecRule TX:0|TX:1|TX:2 `@rx ^` `id:3,phase:1,pass,log`",
          "GET /?a=-xy- HTTP/1.1\r\n\r\n", "pass | 3 TX:0=y | 3 TX:1=y" },
        { "without capture they stay as they are",
          "SecRule ARGS:a `@rx (x)` `id:1,phase:1,pass,nolog,capture`\n"
          "SecRule ARGS:a `@rx (y)` `id:2,phase:1,pass,nolog`\n"
          "SecRule TX:1 `@rx ^` `id:3,phase:1,pass,log`",
          "GET /?a=-xy- HTTP/1.1\r\n\r\n", "pass | 3 TX:1=x" },
        { "a phrase is TX:0",
          "SecRule ARGS:a `@pm xyz abc` `id:1,phase:1,pass,log,capture,logdata:'%{TX.0}',msg:'m'`",
          "GET /?a=-ABC- HTTP/1.1\r\n\r\n", "pass | 1 ARGS:a=-ABC- {m;ABC}" },
        { "a finding of SQL is TX:0 too",
          "SecRule ARGS:a `@detectSQLi` `id:1,phase:1,pass,nolog,capture`\n"
          "SecRule &TX:0 `@eq 1` `id:2,phase:1,pass,log`",
          "GET /?a=1'+or+1=1--+ HTTP/1.1\r\n\r\n", "pass | 2 &TX:0=1" },
        { "the texts see this match's captures",
          "SecRule ARGS `@rx (\\d)` `id:1,phase:1,pass,log,capture,msg:'%{TX.1}'`", GET,
          "pass | 1 ARGS:a=1 {1} | 1 ARGS:b=2 {2} | 1 ARGS:A=3 {3}" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(matched_vars_are_those_of_the_previous_link)
{
    static const struct engine_case cases[] = {
        { "the values as that link saw them",
          "SecRule ARGS `@rx ^[a-z]+$` `id:1,phase:1,pass,log,t:lowercase,chain`\n"
          "SecRule MATCHED_VARS `@rx b`",
          "GET /?x=ABC&y=12&z=DEF HTTP/1.1\r\n\r\n", "pass | 1 MATCHED_VARS:ARGS:x=abc" },
        { "with transformations of its own",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,log,chain`\n"
          "SecRule MATCHED_VARS `@rx b` `t:lowercase`",
          "GET /?x=ABC&y=12 HTTP/1.1\r\n\r\n", "pass | 1 MATCHED_VARS:ARGS:x=abc" },
        { "the third link sees the second's",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,log,chain`\n"
          "SecRule MATCHED_VARS `@rx [AB]` `chain`\nSecRule MATCHED_VARS `@rx .`",
          "GET /?x=A&y=C&z=B HTTP/1.1\r\n\r\n",
          "pass | 1 MATCHED_VARS:MATCHED_VARS:ARGS:x=A | 1 MATCHED_VARS:MATCHED_VARS:ARGS:z=B" },
        { "not those of another rule",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,nolog`\n"
          "SecRule &MATCHED_VARS `@eq 0` `id:2,phase:1,pass,log`",
          GET, "pass | 2 &MATCHED_VARS=0" },
        { "MATCHED_VAR is the last match, of whichever rule",
          "SecRule ARGS `@rx .` `id:1,phase:1,pass,nolog`\n"
          "SecRule MATCHED_VAR|MATCHED_VAR_NAME `@rx .` `id:2,phase:1,pass,log`",
          "GET /?x=A&y=C HTTP/1.1\r\n\r\n",
          "pass | 2 MATCHED_VAR=C | 2 MATCHED_VAR_NAME=MATCHED_VAR" },
        { "names",
          "SecRule ARGS `@rx A` `id:1,phase:1,pass,log,chain`\n"
          "SecRule MATCHED_VARS_NAMES `@rx x$`",
          "GET /?x=A&y=A HTTP/1.1\r\n\r\n", "pass | 1 MATCHED_VARS_NAMES:ARGS:x=ARGS:x" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(variables_are_set_counted_and_deleted)
{
    static const struct engine_case cases[] = {
        { "assignment, and a name alone is 1",
          "SecAction "
          "`id:1,phase:1,pass,nolog,setvar:tx.a=text,setvar:tx.B,setvar:'tx.c=%{tx.a}!'`\n"
          "SecRule TX:A|TX:b|TX:c `@rx .` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:a=text | 2 TX:b=1 | 2 TX:c=text!" },
        { "what is missing or no number is 0",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.a=+2,setvar:tx.b=x,setvar:tx.b=+3,"
          "setvar:tx.c=+%{tx.nothing},setvar:tx.d=7,setvar:tx.d=-2`\n"
          "SecRule TX:a|TX:b|TX:c|TX:d `@rx .` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:a=2 | 2 TX:b=3 | 2 TX:c=0 | 2 TX:d=5" },
        { "counters never go below zero",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.a=1,setvar:tx.a=-5`\n"
          "SecRule TX:a `@eq 0` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:a=0" },
        { "the right side is expanded first",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.five=5,setvar:'tx.a=+%{tx.five}',"
          "setvar:'tx.a=+%{tx.five}'`\nSecRule TX:a `@ge %{tx.five}` `id:2,phase:1,pass,log`",
          GET, "pass | 2 TX:a=10" },
        { "names may be put together",
          "SecRule REQUEST_HEADERS_NAMES `@rx ^X-(.*)$` `id:1,phase:1,pass,nolog,capture,"
          "setvar:'tx.h_%{tx.1}=%{MATCHED_VAR}'`\n"
          "SecRule TX:/^h_/ `@rx .` `id:2,phase:1,pass,log`\n"
          "SecRule &TX:/^h_/ `@eq 2` `id:3,phase:1,pass,log`\n"
          "SecRule TX:h_one `@rx .` `id:4,phase:1,pass,log`",
          GET, "pass | 2 TX:h_one=X-One | 2 TX:h_two=X-Two | 3 &TX:^h_=2 | 4 TX:h_one=X-One" },
        { "deleted is absent",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.a=1,setvar:!tx.a`\n"
          "SecRule TX:a `@rx ^` `id:2,phase:1,pass,log`\n"
          "SecRule &TX:a `@eq 0` `id:3,phase:1,pass,log`",
          GET, "pass | 3 &TX:a=0" },
        { "environment",
          "SecAction `id:1,phase:1,pass,nolog,setenv:who=%{REMOTE_ADDR}`\n"
          "SecRule ENV:who `@rx .` `id:2,phase:1,pass,log`",
          GET, "pass | 2 ENV:who=192.0.2.1" },
        { "numbers compare as numbers and text as it is",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.a=010`\n"
          "SecRule TX:a `@eq 10` `id:2,phase:1,pass,log`\n"
          "SecRule TX:a `@streq 010` `id:3,phase:1,pass,log`",
          GET, "pass | 2 TX:a=010 | 3 TX:a=010" },
        { "all comparisons, both ways",
          "SecAction `id:1,phase:1,pass,nolog,setvar:tx.a=5`\n"
          "SecRule TX:a `@lt 5` `id:2,phase:1,pass,log`\nSecRule TX:a `!@lt 5` "
          "`id:3,phase:1,pass,log`\n"
          "SecRule TX:a `@le 5` `id:4,phase:1,pass,log`\nSecRule TX:a `@gt 5` "
          "`id:5,phase:1,pass,log`\n"
          "SecRule TX:a `@gt 4` `id:6,phase:1,pass,log`\nSecRule TX:a `!@eq 5` "
          "`id:7,phase:1,pass,log`",
          GET, "pass | 3 TX:a=5 | 4 TX:a=5 | 6 TX:a=5" },
        { "the gravest severity so far",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,nolog,severity:4`\n"
          "SecRule ARGS:a `@rx 1` `id:2,phase:1,pass,nolog,severity:CRITICAL`\n"
          "SecRule ARGS:a `@rx 1` `id:3,phase:1,pass,nolog,severity:5`\n"
          "SecRule HIGHEST_SEVERITY `@le 3` `id:4,phase:1,pass,log`",
          GET, "pass | 4 HIGHEST_SEVERITY=2" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(macros_fill_in_what_there_is)
{
    static const struct engine_case cases[] = {
        { "by dot or colon, whatever their case; nothing for what is not there",
          "SecRule ARGS:a `@rx 1` `id:1,phase:1,pass,log,msg:'%{REQUEST_HEADERS.host}-"
          "%{request_headers:X-One}-%{ARGS.b}-%{tx.none}-%{remote_addr}-%{rule.id}'`",
          GET, "pass | 1 ARGS:a=1 {example.test:8080-1-2--192.0.2.1-1}" },
        { "an operator's argument is expanded when it runs",
          "SecAction `id:1,phase:1,pass,nolog,setvar:'tx.list=GET POST'`\n"
          "SecRule REQUEST_METHOD `@within %{tx.list}` `id:2,phase:1,pass,log`\n"
          "SecRule REQUEST_METHOD `!@within %{tx.none}` `id:3,phase:1,pass,log`",
          GET, "pass | 2 REQUEST_METHOD=GET | 3 REQUEST_METHOD=GET" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_select_by_name_and_pattern),
        cmocka_unit_test(variables_of_the_request_are_as_sent),
        cmocka_unit_test(transformations_belong_to_the_link),
        cmocka_unit_test(multi_match_looks_at_every_stage_that_changed),
        cmocka_unit_test(captures_stay_until_the_next_ones),
        cmocka_unit_test(matched_vars_are_those_of_the_previous_link),
        cmocka_unit_test(variables_are_set_counted_and_deleted),
        cmocka_unit_test(macros_fill_in_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
