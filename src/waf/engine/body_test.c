/* Bodies, exclusions at run time, persistent collections, reports: a sentence a case. */
#include "waf/engine/engine_test.h"
#include "waf/work_test.h"

#define POST(type, body) "POST /?q=0 HTTP/1.1\r\nHost: h\r\nContent-Type: " type "\r\n\r\n" body
#define FORM             POST("application/x-www-form-urlencoded", "a=1&b=2&a=3")
#define GET              "GET /?a=1&b=2 HTTP/1.1\r\nHost: h\r\nX-One: 1\r\n\r\n"
#define JSON_RULE                                                                                  \
    "SecRule REQUEST_HEADERS:Content-Type `@rx json` "                                             \
    "`id:900,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON`\n"
#define XML_RULE                                                                                   \
    "SecRule REQUEST_HEADERS:Content-Type `@rx xml` "                                              \
    "`id:901,phase:1,pass,nolog,ctl:requestBodyProcessor=XML`\n"
#define MULTIPART                                                                                  \
    POST("multipart/form-data; boundary=XX",                                                       \
         "--XX\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n"                     \
         "--XX\r\nContent-Disposition: form-data; name=\"up\"; filename=\"h.txt\"\r\n"             \
         "Content-Type: text/plain\r\n\r\nhello\r\n--XX--\r\n")

TEST(bodies_are_read_by_their_type)
{
    static const struct engine_case cases[] = {
        { "a form is arguments in their order, and REQUEST_BODY",
          "SecRule ARGS|REQUEST_BODY|REQBODY_PROCESSOR `@rx .` `id:1,phase:2,pass,log`", FORM,
          "pass | 1 ARGS:q=0 | 1 ARGS:a=1 | 1 ARGS:b=2 | 1 ARGS:a=3 | 1 REQUEST_BODY=a=1&b=2&a=3"
          " | 1 REQBODY_PROCESSOR=URLENCODED" },
        { "JSON is arguments and no REQUEST_BODY",
          JSON_RULE
          "SecRule ARGS_POST|REQUEST_BODY|REQBODY_PROCESSOR `@rx ^` `id:1,phase:2,pass,log`",
          POST("application/json", "{\"a\":{\"b\":[1,true]}}"),
          "pass | 1 ARGS_POST:json.a.b.array_0=1 | 1 ARGS_POST:json.a.b.array_1=true"
          " | 1 REQBODY_PROCESSOR=JSON" },
        { "the name of an array is looked at too, where no other name matches",
          JSON_RULE "SecRule ARGS_NAMES `@rx b$` `id:1,phase:2,pass,log`\n"
                    "SecRule &ARGS_NAMES `@eq 3` `id:2,phase:2,pass,log`",
          POST("application/json", "{\"a_b\":[1,2]}"),
          "pass | 1 ARGS_NAMES:json.a_b=json.a_b | 2 &ARGS_NAMES=3" },
        { "JSON that no rule asks for is not read",
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("application/json", "{\"a\":1}"), "pass" },
        { "malformed JSON is told",
          JSON_RULE "SecRule REQBODY_ERROR `!@eq 0` `id:1,phase:2,deny,status:400,log`",
          POST("application/json", "{\"a\":"), "deny 400 by 1 | 1 REQBODY_ERROR=1" },
        { "XML has its text and its attributes, and no arguments",
          XML_RULE "SecRule XML:/*|XML://@*|ARGS_POST `@rx .` `id:1,phase:2,pass,log`",
          POST("text/xml", "<r a=\"v1\"><b c=\"v2\">t1</b>t2</r>"),
          "pass | 1 XML:/*=t1t2 | 1 XML://@*=v1 | 1 XML://@*=v2" },
        { "multipart has arguments, files and the lines of its parts",
          "SecRule ARGS_POST|FILES|FILES_NAMES|FILES_SIZES|FILES_COMBINED_SIZE|"
          "MULTIPART_PART_HEADERS:up|MULTIPART_STRICT_ERROR|MULTIPART_UNMATCHED_BOUNDARY|REQUEST_"
          "BODY "
          "`@rx ^` `id:1,phase:2,pass,log`",
          MULTIPART,
          "pass | 1 ARGS_POST:f=value | 1 FILES:up=h.txt | 1 FILES_NAMES:up=up | 1 FILES_SIZES:up=5"
          " | 1 FILES_COMBINED_SIZE=5 | 1 MULTIPART_PART_HEADERS:up=Content-Disposition: form-data;"
          " name=\"up\"; filename=\"h.txt\" | 1 MULTIPART_PART_HEADERS:up=Content-Type: text/plain"
          " | 1 MULTIPART_STRICT_ERROR=0 | 1 MULTIPART_UNMATCHED_BOUNDARY=0" },
        { "plain text is no variable",
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("text/plain", "a=1"), "pass" },
        { "unless a rule forces it into REQUEST_BODY",
          "SecAction `id:2,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On`\n"
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("text/plain", "a=1"), "pass | 1 REQUEST_BODY=a=1" },
        { "what is no text is not read, whatever a rule wants",
          "SecAction `id:2,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On`\n"
          "SecRequestBodyLimit 2\n"
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("image/png", "a=1"), "pass" },
        { "what may be text is judged by its beginning, and refused for no length",
          "SecAction `id:2,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On`\n"
          "SecRequestBodyLimit 2\n"
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("application/x-own", "a=1"), "pass | 1 REQUEST_BODY=a=" },
        { "unless its first bytes are no text",
          "SecAction `id:2,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On`\n"
          "SecRule ARGS_POST|REQUEST_BODY `@rx ^` `id:1,phase:2,pass,log`",
          POST("application/x-own", "a=1\x01"), "pass" },
        { "access that is off reads nothing",
          "SecRequestBodyAccess Off\nSecRule ARGS_POST|REQUEST_BODY `@rx ^` "
          "`id:1,phase:2,pass,log`",
          FORM, "pass" },
        { "a rule of phase 1 may switch it",
          "SecAction `id:2,phase:1,pass,nolog,ctl:requestBodyAccess=Off`\n"
          "SecRule ARGS_POST `@rx ^` `id:1,phase:2,pass,log`",
          FORM, "pass" },
        { "a body beyond the limit is refused",
          "SecRequestBodyLimit 5\nSecRule ARGS_POST `@rx ^` `id:1,phase:2,pass,log`", FORM,
          "deny 413" },
        { "or its beginning is judged",
          "SecRequestBodyLimit 7\nSecRequestBodyLimitAction ProcessPartial\n"
          "SecRule ARGS_POST|INBOUND_DATA_ERROR `@rx ^` `id:1,phase:2,pass,log`",
          FORM, "pass | 1 ARGS_POST:a=1 | 1 ARGS_POST:b=2 | 1 INBOUND_DATA_ERROR=1" },
        { "detection refuses no length",
          "SecRuleEngine DetectionOnly\nSecRequestBodyLimit 3\n"
          "SecRule ARGS_POST|INBOUND_DATA_ERROR `@rx ^` `id:1,phase:2,pass,log`",
          FORM, "pass (deny 413) | 1 ARGS_POST:a=1 | 1 INBOUND_DATA_ERROR=1" },
        { "two types that differ can be read in two ways",
          "SecRule REQBODY_ERROR `@eq 1` `id:1,phase:2,log,deny`\n"
          "SecRule REQBODY_ERROR_MSG `@contains Content-Type` `id:2,phase:5,log`",
          "POST / HTTP/1.1\r\nContent-Type: image/png\r\nContent-Type: "
          "application/x-www-form-urlencoded\r\n\r\na=1",
          "deny 403 by 1 | 1 REQBODY_ERROR=1 | 2 REQBODY_ERROR_MSG=the request has two fields "
          "Content-Type that differ" },
        { "the same type twice is one", "SecRule REQBODY_ERROR `@eq 1` `id:1,phase:2,log,deny`",
          "POST / HTTP/1.1\r\nContent-Type: text/plain\r\ncontent-type:  text/plain\r\n\r\na=1",
          "pass" },
        { "compressed bodies are read, by all lines",
          "SecRule REQBODY_ERROR `@eq 1` `id:1,phase:2,deny,log`",
          "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
          "Content-Encoding: identity\r\ncontent-encoding: gzip\r\n\r\nnot gzip",
          "deny 403 by 1 | 1 REQBODY_ERROR=1" },
        { "chunks are undone", "SecRule ARGS_POST `@rx .` `id:1,phase:2,pass,log`",
          "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
          "Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n2;x\r\n23\r\n0\r\n\r\n",
          "pass | 1 ARGS_POST:a=123" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(text_of_xml_has_parts)
{
    static const struct engine_case cases[] = {
        { "the text of XML is parted where elements stand side by side",
          XML_RULE "SecRule XML:/*|XML://text() `@rx .` `id:1,phase:2,pass,log`",
          POST("text/xml", "<a>\n <b>t1</b>\n <b> t2 </b><c>t<i>3</i> t4</c><d/></a>"),
          "pass | 1 XML:/*=\n t1\n  t2 t3 t4 | 1 XML://text()=t1 | 1 XML://text()=t2 | 1 "
          "XML://text()=t3 t4" },
        { "what takes all text of XML away takes its parts",
          XML_RULE "SecRule XML:/*|XML://text()|XML://@*|!XML:/* `@rx .` `id:1,phase:2,pass,log`\n"
                   "SecRule XML:/*|XML://text()|XML://@*|!XML `@rx .` `id:2,phase:2,pass,log`\n"
                   "SecRule XML:/*|XML://text()|!XML://text() `@rx .` `id:3,phase:2,pass,log`\n"
                   "SecRule REQUEST_METHOD `@rx .` `id:4,phase:1,pass,nolog,"
                   "ctl:ruleRemoveTargetById=5;XML:/*`\n"
                   "SecRule XML://text()|XML://@* `@rx .` `id:5,phase:2,pass,log`",
          POST("text/xml", "<a x='v1'><b>t1</b><b>t2</b></a>"),
          "pass | 1 XML://@*=v1 | 3 XML:/*=t1t2 | 5 XML://@*=v1" },
        { "parts of XML are counted",
          XML_RULE "SecRule &XML://text() `@eq 2` `id:1,phase:2,pass,log`",
          POST("text/xml", "<a><b>t1</b><b>t2</b></a>"), "pass | 1 &XML://text()=2" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

TEST(multipart_may_come_in_pieces)
{
    static const char body[] =
        "--XX\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n"
        "--XX\r\nContent-Disposition: form-data; name=\"up\"; filename=\"h.txt\"\r\n\r\nhello\r\n"
        "--XX--\r\n";
    struct engine_run r;
    struct waf_world world = engine_world();
    struct waf_request request = { .line = SLICE("POST / HTTP/1.1"),
                                   .method = SLICE("POST"),
                                   .target = SLICE("/"),
                                   .protocol = SLICE("HTTP/1.1") };
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX "SecRule ARGS|FILES|REQUEST_BODY_LENGTH `@rx .` `id:1,phase:2,pass,log`\n");
    struct writer w;
    engine_begin(&r, rules, &world);
    assert_int_equal(waf_set_request(r.t, &request), 0);
    assert_int_equal(waf_add_request_field(r.t, SLICE("Content-Type"),
                                           SLICE("multipart/form-data; boundary=XX")),
                     0);
    assert_int_equal(waf_run(r.t, WAF_REQUEST_HEADERS), 0);
    assert_true(waf_wants_request_body(r.t).is_wanted);
    assert_true(waf_wants_request_body(r.t).may_stream);
    for (size_t at = 0; at < sizeof(body) - 1; at++) {
        char piece = body[at]; /* gone after the call */
        assert_int_equal(waf_request_body_part(r.t, slice_of(&piece, 1)), 0);
    }
    assert_int_equal(waf_request_body_end(r.t), 0);
    assert_int_equal(waf_run(r.t, WAF_REQUEST_BODY), 0);
    w = writer_over(r.outcome, sizeof(r.outcome));
    engine_outcome(r.t, &w);
    char expected[100];
    snprintf(expected, sizeof(expected),
             "pass | 1 ARGS:f=value | 1 FILES:up=h.txt | 1 REQUEST_BODY_LENGTH=%zu",
             sizeof(body) - 1);
    assert_string_equal(r.outcome, expected);
    engine_end(&r);
    ruleset_free(rules);
}

TEST(responses_are_looked_into_by_type)
{
    static const struct engine_case text = {
        "a type that is listed",
        "SecRule "
        "RESPONSE_BODY|RESPONSE_HEADERS:X|RESPONSE_CONTENT_TYPE|RESPONSE_STATUS|STATUS_LINE "
        "`@rx .` `id:1,phase:4,pass,log`",
        GET,
        "pass | 1 RESPONSE_BODY=secret | 1 RESPONSE_HEADERS:X=y"
        " | 1 RESPONSE_CONTENT_TYPE=text/html; charset=x | 1 RESPONSE_STATUS=500"
        " | 1 STATUS_LINE=HTTP/1.1 500 Oh No"
    };
    static const struct engine_case other = {
        "a type that is not", "SecRule RESPONSE_BODY `@rx ^` `id:1,phase:4,pass,log`", GET, "pass"
    };
    static const struct engine_case denied = {
        "a response may be refused",
        "SecRule RESPONSE_BODY `@contains secret` `id:1,phase:4,deny,log`", GET,
        "deny 403 by 1 | 1 RESPONSE_BODY=secret"
    };
    static const struct engine_case limited = {
        "beyond the limit the beginning is judged",
        "SecResponseBodyLimit 3\nSecResponseBodyLimitAction ProcessPartial\n"
        "SecRule RESPONSE_BODY|OUTBOUND_DATA_ERROR `@rx .` `id:1,phase:4,pass,log`",
        GET, "pass | 1 RESPONSE_BODY=sec | 1 OUTBOUND_DATA_ERROR=1"
    };
    static const char html[] =
        "HTTP/1.1 500 Oh No\r\nContent-Type: text/html; charset=x\r\nX: y\r\n\r\nsecret";
    engine_check(&text, html);
    engine_check(&denied, html);
    engine_check(&limited, html);
    engine_check(&other, "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nsecret");
}

TEST(what_rules_could_look_at_of_a_response_is_told)
{
    static const struct {
        const char *rules, *type, *seen;
    } cases[] = {
        { ENGINE_PREFIX, "text/html", "secret" },
        { ENGINE_PREFIX "SecResponseBodyAccess Off", "text/html", "" },
        { ENGINE_PREFIX, "image/png", "" },
        { ENGINE_PREFIX "SecRule RESPONSE_STATUS `@eq 200` `id:1,phase:3,deny`", "text/html", "" },
        { ENGINE_PREFIX "SecRule RESPONSE_STATUS `@eq 200` `id:1,phase:4,deny`", "text/html",
          "secret" },
        { ENGINE_PREFIX "SecResponseBodyLimit 3\n"
                        "SecResponseBodyLimitAction ProcessPartial",
          "text/html", "sec" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char response[128];
        struct waf_world world = engine_world();
        struct engine_run r;
        struct ruleset *rules = engine_rules(cases[i].rules);
        snprintf(response, sizeof response, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\nsecret",
                 cases[i].type);
        engine_begin(&r, rules, &world);
        assert_slice_equal(waf_seen_response_body(r.t), SLICE(""));
        engine_replay(&r, GET, response);
        assert_slice_equal(waf_seen_response_body(r.t), slice_from(cases[i].seen));
        engine_end(&r);
        ruleset_free(rules);
    }
}

#define THREE                                                                                      \
    "SecRule ARGS `@rx .` `id:10,phase:2,pass,log,tag:'attack-x',tag:'lang/php',msg:'First'`\n"    \
    "SecRule ARGS `@rx .` `id:11,phase:2,pass,log,tag:'attack-y'`\n"                               \
    "SecRule ARGS:a `@rx 1` `id:12,phase:2,pass,log,tag:'attack-y',chain`\nSecRule ARGS:b `@rx "   \
    "2`\n"
#define ACT(ctl) "SecAction `id:1,phase:1,pass,nolog,ctl:" ctl "`\n" THREE

TEST(ctl_takes_rules_and_targets_away)
{
    static const struct engine_case cases[] = {
        { "nothing taken", THREE, GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First} | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 "
          "ARGS:b=2" },
        { "by id", ACT("ruleRemoveById=10"), GET,
          "pass | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 ARGS:b=2" },
        { "by a range, chains as a whole", ACT("ruleRemoveById=11-12"), GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First}" },
        { "by a tag, which is a pattern", ACT("ruleRemoveByTag=attack-[yz]"), GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First}" },
        { "by a message", ACT("ruleRemoveByMsg=^Fir"), GET,
          "pass | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 ARGS:b=2" },
        { "a target by id", ACT("ruleRemoveTargetById=10;ARGS:a"), GET,
          "pass | 10 ARGS:b=2 {First} | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 ARGS:b=2" },
        { "a target by tag, its name a pattern", ACT("ruleRemoveTargetByTag=attack-.;ARGS:/^a$/"),
          GET, "pass | 10 ARGS:b=2 {First} | 11 ARGS:b=2" },
        { "a whole collection", ACT("ruleRemoveTargetById=10-11;ARGS"), GET, "pass | 12 ARGS:b=2" },
        { "several ids in quotes", ACT("'ruleRemoveById=10, 12'"), GET,
          "pass | 11 ARGS:a=1 | 11 ARGS:b=2" },
        { "several ids and targets", ACT("'ruleRemoveTargetById=10,11-12;ARGS:a,ARGS:c'"), GET,
          "pass | 10 ARGS:b=2 {First} | 11 ARGS:b=2" },
        { "a message in quotes", ACT("ruleRemoveByMsg='First'"), GET,
          "pass | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 ARGS:b=2" },
        { "a list of a directive", THREE "SecRuleRemoveById `10,12`\n", GET,
          "pass | 11 ARGS:a=1 | 11 ARGS:b=2" },
        { "targets of a list", THREE "SecRuleUpdateTargetById `10,11-12` `!ARGS:a,!ARGS:c`\n", GET,
          "pass | 10 ARGS:b=2 {First} | 11 ARGS:b=2" },
        { "a target of the second link", ACT("ruleRemoveTargetById=12;ARGS:b"), GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First} | 11 ARGS:a=1 | 11 ARGS:b=2" },
        { "rules that have run stay as they were",
          THREE "SecAction `id:1,phase:2,pass,nolog,ctl:ruleRemoveById=10`", GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First} | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 "
          "ARGS:b=2" },
        { "only where the rule that says so matches",
          "SecRule ARGS:a `@rx 9` `id:1,phase:1,pass,nolog,ctl:ruleRemoveById=10-12`\n" THREE, GET,
          "pass | 10 ARGS:a=1 {First} | 10 ARGS:b=2 {First} | 11 ARGS:a=1 | 11 ARGS:b=2 | 12 "
          "ARGS:b=2" },
    };
    engine_check_all(cases, ARRAY_LENGTH(cases));
}

static void no_others(void)
{
}

static void replay_at(struct ruleset *rules, struct waf_store *store, const char *client,
                      int64_t now_ms, const char *expected)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    world.store = store;
    world.client.text = slice_from(client);
    world.now_ms = now_ms;
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET, "");
    assert_string_equal(r.outcome, expected);
    engine_end(&r);
}

TEST(persistent_collections_count_over_transactions)
{
    static const struct siphash_key secret = { 1, 2 };
    static const struct store_sharing alone = { 0, no_others };
    static _Alignas(64) char memory[64 + 4 * STORE_SET_BYTES];
    struct store_table table;
    struct waf_store *store = &table.store;
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX
        "SecRule IP:count `@ge 0` `id:9,phase:1,pass,log`\n" /* not before initcol */
        "SecAction `id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR}`\n"
        "SecRule IP:count `@ge 2` `id:2,phase:1,deny,log,msg:'%{ip.count} of %{remote_addr}'`\n"
        "SecAction `id:3,phase:1,pass,nolog,setvar:ip.count=+1,expirevar:ip.count=60`\n"
        "SecRule &IP:count `@eq 1` `id:4,phase:5,pass,nolog,setvar:ip.seen=1`\n");
    store_table_open(&table, memory, sizeof memory, &secret, &alone);
    replay_at(rules, store, "192.0.2.1", 1000, "pass");
    replay_at(rules, store, "192.0.2.1", 2000, "pass");
    replay_at(rules, store, "192.0.2.1", 3000, "deny 403 by 2 | 2 IP:count=2 {2 of 192.0.2.1}");
    replay_at(rules, store, "192.0.2.2", 3000, "pass");
    replay_at(rules, store, "192.0.2.1", 62001, "pass");
    replay_at(rules, NULL, "192.0.2.1", 3000, "pass");
    ruleset_free(rules);
}

TEST(numbers_of_a_collection_are_lowered_by_the_time_without_an_update)
{
    static const struct siphash_key secret = { 1, 2 };
    static const struct store_sharing alone = { 0, no_others };
    static _Alignas(64) char memory[64 + 4 * STORE_SET_BYTES];
    struct store_table table;
    struct ruleset *lower = engine_rules(
        ENGINE_PREFIX "SecAction `id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},"
                      "deprecatevar:ip.score=60/300,deprecatevar:ip.none=1/1`\n"
                      "SecAction `id:2,phase:1,pass,log,msg:'%{ip.score} %{ip.update_counter}'`\n");
    struct ruleset *raise =
        engine_rules(ENGINE_PREFIX "SecAction `id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},"
                                   "setvar:ip.score=+100,deprecatevar:ip.score=60/300`\n"
                                   "SecAction `id:2,phase:1,pass,log,msg:'%{ip.score}'`\n");
    store_table_open(&table, memory, sizeof memory, &secret, &alone);
    struct waf_store *store = &table.store;
    replay_at(lower, store, "192.0.2.1", 1000, "pass | 2 { 0}");
    replay_at(raise, store, "192.0.2.1", 1000, "pass | 2 {100}");
    replay_at(lower, store, "192.0.2.1", 300999, "pass | 2 {100 1}"); /* not a whole span */
    replay_at(lower, store, "192.0.2.1", 301000, "pass | 2 {40 2}");
    replay_at(lower, store, "192.0.2.1", 302000, "pass | 2 {40 2}"); /* it was an update */
    replay_at(raise, store, "192.0.2.1", 902000, "pass | 2 {20}");   /* two spans, before its own */
    replay_at(lower, store, "192.0.2.1", 2000000, "pass | 2 {0 4}"); /* never below */
    replay_at(lower, store, "192.0.2.1", 3000000, "pass | 2 {0 4}"); /* nothing to change */
    replay_at(lower, NULL, "192.0.2.1", 3000000, "pass | 2 { }");
    ruleset_free(lower);
    ruleset_free(raise);
}

static void replay_of(struct ruleset *rules, struct waf_store *store, const char *application,
                      int64_t now_ms, const char *expected)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    world.store = store;
    world.application = slice_from(application);
    world.now_ms = now_ms;
    engine_begin(&r, rules, &world);
    engine_replay(&r, GET, "");
    assert_string_equal(r.outcome, expected);
    engine_end(&r);
}

#define COUNTING                                                                                   \
    "SecAction `id:1,phase:1,pass,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.count=+1,"             \
    "setvar:ip.twice=+1`\n"                                                                        \
    "SecAction `id:2,phase:1,pass,log,msg:'%{ip.key} %{ip.is_new} %{ip.update_counter} "           \
    "%{ip.update_rate} %{ip.create_time} %{ip.last_update_time} %{ip.timeout} %{ip.count}'`\n"

TEST(a_collection_tells_of_itself)
{
    static const struct siphash_key secret = { 1, 2 };
    static const struct store_sharing alone = { 0, no_others };
    static _Alignas(64) char memory[64 + 4 * STORE_SET_BYTES];
    struct store_table table;
    struct ruleset *rules = engine_rules(ENGINE_PREFIX "SecCollectionTimeout 600\n" COUNTING);
    store_table_open(&table, memory, sizeof memory, &secret, &alone);
    replay_of(rules, &table.store, "a", 1000, "pass | 2 {192.0.2.1 1 1 0 1 1 600 1}");
    replay_of(rules, &table.store, "a", 31000, "pass | 2 {192.0.2.1 0 2 4 1 31 600 2}");
    replay_of(rules, &table.store, "a", 630000, "pass | 2 {192.0.2.1 0 3 0 1 630 600 3}");
    replay_of(rules, &table.store, "a", 1230000, "pass | 2 {192.0.2.1 1 1 0 1230 1230 600 1}");
    ruleset_free(rules);
}

TEST(sites_share_collections_only_where_the_rules_name_their_application)
{
    static const struct siphash_key secret = { 1, 2 };
    static const struct store_sharing alone = { 0, no_others };
    static _Alignas(64) char memory[64 + 4 * STORE_SET_BYTES];
    struct store_table table;
    struct ruleset *apart = engine_rules(ENGINE_PREFIX COUNTING);
    struct ruleset *together = engine_rules(ENGINE_PREFIX "SecWebAppId shop\n" COUNTING);
    store_table_open(&table, memory, sizeof memory, &secret, &alone);
    replay_of(apart, &table.store, "a", 1000, "pass | 2 {192.0.2.1 1 1 0 1 1 3600 1}");
    replay_of(apart, &table.store, "b", 1000, "pass | 2 {192.0.2.1 1 1 0 1 1 3600 1}");
    replay_of(apart, &table.store, "a", 1000, "pass | 2 {192.0.2.1 0 2 0 1 1 3600 2}");
    replay_of(together, &table.store, "a", 1000, "pass | 2 {192.0.2.1 1 1 0 1 1 3600 1}");
    replay_of(together, &table.store, "b", 1000, "pass | 2 {192.0.2.1 0 2 0 1 1 3600 2}");
    ruleset_free(apart);
    ruleset_free(together);
}

TEST(a_match_is_written_as_modsecurity_does)
{
    char line[REPORT_LINE_MAX];
    struct engine_run r;
    struct waf_world world = engine_world();
    struct writer w = writer_over(line, sizeof(line));
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX "SecRule ARGS:a `@rx x.` `id:942100,phase:2,deny,log,msg:'A \\'q\\'',"
                      "logdata:'Found %{TX.0} in %{MATCHED_VAR_NAME}',capture,severity:CRITICAL,"
                      "ver:'V/1',rev:'2',tag:'t1',tag:'t/%{TX.0}'`\n");
    engine_begin(&r, rules, &world);
    engine_replay(&r, "GET /p?a=-x%22%0a%ff HTTP/1.1\r\nHost: h.test:80\r\n\r\n", "");
    report_line(r.t, waf_matches(r.t), NULL, &w);
    assert_slice_equal(
        writer_slice(&w),
        SLICE(
            "[client 192.0.2.1] ModSecurity: Access denied with code 403 (phase 2). Pattern match "
            "\"x.\" at ARGS:a. [file \"test.conf\"] [line \"5\"] [id \"942100\"] [rev \"2\"]"
            " [msg \"A 'q'\"] [data \"Found x\\\" in ARGS:a\"] [severity \"CRITICAL\"] [ver "
            "\"V/1\"]"
            " [tag \"t1\"] [tag \"t/x\\\"\"] [hostname \"h.test\"] [uri \"/p\"] [unique_id "
            "\"unique\"]"));
    const struct waf_finding *f = &waf_matches(r.t)->finding[0];
    assert_int_equal(f->match.count, 1);
    assert_int_equal(f->match.spans[0].at, 1);
    assert_int_equal(f->match.spans[0].len, 2);
    engine_end(&r);
    ruleset_free(rules);
}

TEST(a_long_value_is_cut_around_what_matched)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS:a `@rx needle` `id:1,phase:1,pass,log`\n");
    static char request[20100];
    int len = snprintf(request, sizeof(request), "GET /?a=");
    memset(request + len, 'x', 20000);
    memcpy(request + len + 15000, "needle", 6);
    snprintf(request + len + 20000, 50, " HTTP/1.1\r\n\r\n");
    engine_begin(&r, rules, &world);
    engine_replay(&r, request, "");
    const struct waf_finding *f = &waf_matches(r.t)->finding[0];
    assert_int_equal(f->value_bytes, 20000);
    assert_int_equal(f->value.len, WAF_MATCH_BYTES_MAX);
    assert_true(f->value_at <= 15000 && f->value_at + f->value.len >= 15006);
    assert_slice_equal(slice_first(slice_after(f->value, f->match.spans[0].at - f->value_at), 6),
                       SLICE("needle"));
    engine_end(&r);
    ruleset_free(rules);
}

/* Of bodies of every kind, of many values and of one, of what the detectors look at: between two
 * pauses lies little more work than there may. */
TEST(large_bodies_are_judged_in_short_stretches)
{
    enum { BYTES = 1 << 20 };
    static const struct {
        const char *type, *begin, *unit, *end;
    } bodies[] = {
        { "application/x-www-form-urlencoded", "", "a=some+words&", "" },
        { "application/x-www-form-urlencoded", "", "abcdefghijklm", "" },
        { "application/x-www-form-urlencoded", "a=", "\n", "" },
        { "application/x-www-form-urlencoded", "a=", "+", "" },
        { "application/x-www-form-urlencoded", "a=x'+or+", "c.", "" },
        { "application/x-www-form-urlencoded", "a=", "1+or+b+", "" },
        { "application/x-www-form-urlencoded", "a=", "select+", "" },
        { "application/x-www-form-urlencoded", "a=/*", "x", "" },
        { "application/x-www-form-urlencoded", "a=<a+", "title=b+", "" },
        { "application/x-www-form-urlencoded", "a=<a+title='", "x", "" },
        { "application/x-www-form-urlencoded", "a=", "c29tZSB3b3Jkcy4g", "" },
        { "application/json", "[", "\"some words\",", "0]" },
        { "application/json", "[\"", "some words", "\"]" },
        { "application/xml", "<a>", "<b>some</b>", "</a>" },
        { "application/xml", "<a>", "<b c='d' e='f'/>", "</a>" },
        { "application/xml", "<a>", "some words", "</a>" },
        { "multipart/form-data; boundary=limit", "",
          "--limit\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", "--limit--\r\n" },
        { "multipart/form-data; boundary=limit",
          "--limit\r\nContent-Disposition: form-data; name=a\r\n\r\n", "some words\n",
          "\r\n--limit--\r\n" },
        { "multipart/form-data; boundary=limit",
          "--limit\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n", "--\n",
          "\r\n--limit--\r\n" },
        { "application/x-ndjson", "", "{\"a\":1}\n", "" },
    };
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX
        "SecArgumentsLimit 1000000\nSecRequestBodyLimit 4000000\n"
        "SecRequestBodyNoFilesLimit 4000000\n"
        "SecRule REQUEST_HEADERS:Content-Type `@contains /json` `id:1,phase:1,pass,"
        "nolog,ctl:requestBodyProcessor=JSON`\n"
        "SecRule REQUEST_HEADERS:Content-Type `@contains xml` `id:2,phase:1,pass,"
        "nolog,ctl:requestBodyProcessor=XML`\n"
        "SecRule ARGS|ARGS_NAMES|XML:/*|XML://text()|XML://@* `@rx attack|evil` `id:3,phase:2,"
        "deny,t:urlDecodeUni,t:lowercase,msg:'%{ARGS.none}'`\n"
        "SecRule ARGS|XML:/* `@detectSQLi` `id:4,phase:2,pass,log,"
        "t:removeWhitespace`\n"
        "SecRule ARGS|XML:/* `@detectSQLi` `id:5,phase:2,pass,log,"
        "logdata:'%{MATCHED_VAR} of %{MATCHED_VAR_NAME}'`\n"
        "SecRule ARGS|XML:/* `@detectXSS` `id:6,phase:2,pass,log`\n"
        "SecRule &ARGS:none `@gt 0` `id:7,phase:2,deny`\n"
        "SecRule REQBODY_ERROR `!@eq 0` `id:8,phase:2,deny`\n");
    char *request = malloc(BYTES + 4096);
    assert_non_null(request);
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        struct engine_run r;
        struct stretches stretches;
        struct waf_world world = engine_world();
        size_t one = strlen(bodies[i].unit);
        int len = snprintf(request, 1024, "POST / HTTP/1.1\r\nContent-Type: %s\r\n\r\n%s",
                           bodies[i].type, bodies[i].begin);
        for (size_t n = 0; n < BYTES / one; n++, len += (int)one)
            memcpy(request + len, bodies[i].unit, one);
        memcpy(request + len, bodies[i].end, strlen(bodies[i].end) + 1);
        world.decodes_base64 = true;
        engine_begin(&r, rules, &world);
        stretches_watch(&stretches, &r.work);
        engine_replay(&r, request, "");
        if (waf_decision(r.t)->disposition != WAF_PASS)
            fail_msg("%s%s is refused", bodies[i].begin, bodies[i].unit);
        assert_in_range(work_spent(&r.work), BYTES, UINT64_MAX);
        stretches_check(&stretches, bodies[i].unit);
        engine_end(&r);
    }
    free(request);
    ruleset_free(rules);
}

/* The first link's place is not asked for before the last one has matched. */
TEST(every_link_of_a_chain_says_where_it_matched)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS:a `@rx b+` `id:1,phase:1,pass,log,t:lowercase,"
                                   "chain`\nSecRule ARGS:c `!@rx z` `chain`\n"
                                   "SecRule ARGS:a `@contains B`\n");
    engine_begin(&r, rules, &world);
    engine_replay(&r, "GET /?a=aBBc&c=d HTTP/1.1\r\n\r\n", "");
    const struct waf_match *m = waf_matches(r.t);
    assert_int_equal(m->findings, 3);
    assert_slice_equal(m->finding[0].value, SLICE("abbc"));
    assert_int_equal(m->finding[0].match.count, 1);
    assert_int_equal(m->finding[0].match.spans[0].at, 1);
    assert_int_equal(m->finding[0].match.spans[0].len, 2);
    assert_int_equal(m->finding[1].match.count, 0);
    assert_int_equal(m->finding[2].match.spans[0].at, 1);
    assert_int_equal(m->finding[2].match.spans[0].len, 1);
    engine_end(&r);
    ruleset_free(rules);
}

/* What it found stays when later rules find other things. */
TEST(the_word_of_a_chained_link_outlives_the_rule)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct ruleset *rules =
        engine_rules(ENGINE_PREFIX "SecRule ARGS:a `@detectSQLi` `id:1,phase:1,pass,log,chain`\n"
                                   "SecRule ARGS:c `@streq d`\n"
                                   "SecRule ARGS:b `@detectSQLi` `id:2,phase:1,pass,log,chain`\n"
                                   "SecRule ARGS:c `@streq d`\n");
    engine_begin(&r, rules, &world);
    engine_replay(&r, "GET /?a=1+union+select+2&b=x'+or+1=1--+&c=d HTTP/1.1\r\n\r\n", "");
    const struct waf_match *first = waf_matches(r.t), *second = first->next;
    slice words[] = { first->finding[0].match.word, second->finding[0].match.word };
    assert_slice_equal(words[0], SLICE("1UE1"));
    assert_false(slice_equal(words[0], words[1]));
    engine_end(&r);
    ruleset_free(rules);
}

TEST(the_canonical_path_is_looked_at_where_the_one_sent_does_not_match)
{
    struct engine_run r;
    struct waf_world world = engine_world();
    struct waf_request request = { .line = SLICE("GET /a/%2e%2e/admin HTTP/1.1"),
                                   .method = SLICE("GET"),
                                   .target = SLICE("/a/%2e%2e/admin"),
                                   .protocol = SLICE("HTTP/1.1"),
                                   .path = SLICE("/admin") };
    struct ruleset *rules = engine_rules(
        ENGINE_PREFIX "SecRule REQUEST_FILENAME `@rx ^/admin` `id:1,phase:1,pass,log`\n"
                      "SecRule REQUEST_FILENAME `@rx admin` `id:2,phase:1,pass,log`\n"
                      "SecRule &REQUEST_FILENAME `@eq 1` `id:3,phase:1,pass,log`\n");
    engine_begin(&r, rules, &world);
    assert_int_equal(waf_set_request(r.t, &request), 0);
    assert_int_equal(waf_run(r.t, WAF_REQUEST_HEADERS), 0);
    struct writer w = writer_over(r.outcome, sizeof(r.outcome));
    engine_outcome(r.t, &w);
    assert_string_equal(r.outcome, "pass | 1 REQUEST_FILENAME=/admin | 2 "
                                   "REQUEST_FILENAME=/a/%2e%2e/admin | 3 &REQUEST_FILENAME=1");
    engine_end(&r);
    ruleset_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_read_by_their_type),
        cmocka_unit_test(text_of_xml_has_parts),
        cmocka_unit_test(multipart_may_come_in_pieces),
        cmocka_unit_test(responses_are_looked_into_by_type),
        cmocka_unit_test(what_rules_could_look_at_of_a_response_is_told),
        cmocka_unit_test(ctl_takes_rules_and_targets_away),
        cmocka_unit_test(persistent_collections_count_over_transactions),
        cmocka_unit_test(a_collection_tells_of_itself),
        cmocka_unit_test(sites_share_collections_only_where_the_rules_name_their_application),
        cmocka_unit_test(numbers_of_a_collection_are_lowered_by_the_time_without_an_update),
        cmocka_unit_test(a_match_is_written_as_modsecurity_does),
        cmocka_unit_test(a_long_value_is_cut_around_what_matched),
        cmocka_unit_test(large_bodies_are_judged_in_short_stretches),
        cmocka_unit_test(every_link_of_a_chain_says_where_it_matched),
        cmocka_unit_test(the_word_of_a_chained_link_outlives_the_rule),
        cmocka_unit_test(the_canonical_path_is_looked_at_where_the_one_sent_does_not_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
