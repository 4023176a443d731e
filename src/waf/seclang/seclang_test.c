/* What is wrong is told exactly, and the load goes on. */
#include "waf/seclang/seclang.h"

#include "base/test.h"

#include "waf/seclang/memory_world.h"

static const struct memory_file files[] = {
    { "rules/a.conf", "SecRule ARGS a id:101\n" },
    { "rules/b.conf", "SecRule ARGS b id:102\nSecRule ARGS c id:102\n" },
    { "words", "# a list\nevil\n" },
    { "loop.conf", "Include loop.conf\n" },
    { "chain.conf", "SecRule ARGS a \"id:5,chain\"\n" },
    { "map", "20127 (US-ASCII)\nff1c:3c\n" },
    { "badmap", "20127 (US-ASCII)\nff1c:zz\n" },
    { NULL, NULL },
};

static int print_problem(char *into, size_t room, const struct waf_problem *p)
{
    return snprintf(into, room, "%.*s:%u:%u: %s\n", SLICE_ARGUMENTS(p->file), p->line, p->column,
                    p->text);
}

static bool is_password(slice name)
{
    return slice_equal(name, SLICE("password"));
}

/* All errors and, behind them, warnings, of a text; "" when it is good. */
static void load(const char *text, char *into, size_t room)
{
    struct seclang_world world = memory_world(files);
    world.is_masked = is_password;
    struct seclang *l;
    assert_int_equal(seclang_open(&world, &l), 0);
    int read = seclang_text(l, SLICE("t"), slice_from(text));
    struct ruleset *rules = NULL;
    int finished = seclang_finish(l, &rules);
    unsigned kept, total, used = 0;
    const struct waf_problem *p = seclang_errors(l, &kept, &total);
    assert_int_equal(read, total && kept ? read : 0);
    assert_int_equal(finished, total ? -EINVAL : 0);
    into[0] = '\0';
    for (unsigned i = 0; i < kept; i++)
        used += (unsigned)print_problem(into + used, room - used, &p[i]);
    p = seclang_warnings(l, &kept, &total);
    for (unsigned i = 0; i < kept; i++)
        used += (unsigned)print_problem(into + used, room - used, &p[i]);
    seclang_close(l);
    ruleset_free(rules);
}

struct problem_case {
    const char *text, *expected;
};

static void check(const struct problem_case *cases, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        char text[8192];
        load(cases[i].text, text, sizeof(text));
        if (strcmp(text, cases[i].expected) == 0)
            continue;
        print_error("%s\n gives\n%s not\n%s\n", cases[i].text, text, cases[i].expected);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

TEST(wrong_directives_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRul ARGS a id:1", "t:1:1: unknown directive \"SecRul\"; did you mean SecRule?\n" },
        { "Something else", "t:1:1: unknown directive \"Something\"\n" },
        { "\n  <Location /x>", "t:2:3: <Location is Apache's: rules for a part of the requests "
                               "belong in a site or route "
                               "of the proxy's configuration\n" },
        { "<IfModule security2_module>", "t:1:1: <IfModule is Apache's: what it encloses is read "
                                         "without it; take the line out\n" },
        { "modsecurity_rules_file /x;", "t:1:1: modsecurity_rules_file is nginx's: this file "
                                        "should hold rules; 'waf { rules FILE "
                                        "}' of the proxy's configuration names it\n" },
        { "SecRule ARGS @rx foo id:1", "t:1:1: 4 arguments of SecRule: SecRule TARGETS "
                                       "\"OPERATOR\" \"ACTIONS\" was expected; an "
                                       "operator and its argument stand in quotes together\n" },
        { "SecRule ARGS a \"id:1,\\ \nphase:2\"",
          "t:1:16: the quote (\") that begins here is not closed: in line 1 white space stands "
          "behind "
          "the backslash, which joins no lines then\nt:2:1: unknown directive \"phase:2\"\"\n" },
        { "SecRule ARGS",
          "t:1:1: 1 argument of SecRule: SecRule TARGETS \"OPERATOR\" \"ACTIONS\" was expected\n" },
        { "SecRule ARGS a id:1 more", "t:1:1: 4 arguments of SecRule: SecRule TARGETS \"OPERATOR\" "
                                      "\"ACTIONS\" was expected\n" },
        { "SecResponseBodyMimeTypesClear x",
          "t:1:1: 1 argument of SecResponseBodyMimeTypesClear: SecResponseBodyMimeTypesClear was "
          "expected\n" },
        { "SecRuleScript x.lua", "t:1:1: SecRuleScript does not exist here: there is no Lua\n" },
        { "SecRuleEngine Maybe",
          "t:1:15: SecRuleEngine Maybe: Off, DetectionOnly or On was expected\n" },
        { "SecRequestBodyAccess 1", "t:1:22: SecRequestBodyAccess 1: Off or On was expected\n" },
        { "SecRequestBodyLimit 12MB", "t:1:21: SecRequestBodyLimit 12MB: a number from 0 to "
                                      "9223372036854775807 was expected\n" },
        { "SecRequestBodyJsonDepthLimit 10001",
          "t:1:30: SecRequestBodyJsonDepthLimit 10001: a number from 0 to 10000 was expected\n" },
        { "SecRequestBodyLimitAction Drop",
          "t:1:27: SecRequestBodyLimitAction Drop: Reject or ProcessPartial was expected\n" },
        { "SecCookieFormat 2", "t:1:17: SecCookieFormat 2: 0 or 1 was expected\n" },
        { "SecAuditEngine Some",
          "t:1:16: SecAuditEngine Some: Off, On or RelevantOnly was expected\n" },
        { "SecAuditLogParts AB1",
          "t:1:20: SecAuditLogParts AB1: the letters A to K and Z were expected\n" },
        { "SecAuditLogRelevantStatus ^(5",
          "t:1:30: in the regular expression: missing closing parenthesis\n" },
        { "SecArgumentSeparator ;;", "t:1:22: SecArgumentSeparator needs one character\n" },
        { "SecUploadKeepFiles On", "t:1:20: SecUploadKeepFiles can only be Off here: nothing is "
                                   "written to files: bodies are held in memory\n" },
        { "SecDebugLogLevel high",
          "t:1:18: SecDebugLogLevel high: a number from 0 to 9223372036854775807 was expected\n" },
        { "SecUnicodeMapFile nothing 20127",
          "t:1:19: cannot read \"nothing\": No such file or directory\n" },
        { "SecUnicodeMapFile map 70000",
          "t:1:23: the code page 70000: a number from 0 to 65535 was expected\n" },
        { "Include nothing", "t:1:9: there is no file \"nothing\"\n" },
        { "IncludeOptional nothing", "" },
        { "Include loop.conf", "loop.conf:1:1: \"loop.conf\" includes itself\n" },
        { "Include rules/*",
          "rules/b.conf:2:19: the id 102 is that of a rule already (rules/b.conf:1)\n" },
        { "Include chain.conf\nSecRule ARGS b id:6",
          "chain.conf:1:1: the chain of this rule has no end: a rule was expected after the last "
          "one with \"chain\"\n" },
        { "SecMarker A\nSecRule ARGS a \"id:1", "t:2:16: the quote (\") that begins here is not "
                                                "closed\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(wrong_targets_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRule ARG a id:1", "t:1:9: unknown variable \"ARG\"; did you mean ARGS?\n" },
        { "SecRule ARGS|FOO|BARBAZ a id:1", "t:1:14: unknown variable \"FOO\"; did you mean "
                                            "GEO?\nt:1:18: unknown variable \"BARBAZ\"\n" },
        { "SecRule FILES_TMPNAMES a id:1",
          "t:1:9: the variable FILES_TMPNAMES does not exist here: uploads are not written to "
          "files\n" },
        { "SecRule ARGS| a id:1", "t:1:14: a variable is missing\n" },
        { "SecRule &!ARGS a id:1", "t:1:9: ! and & exclude each other\n" },
        { "SecRule ARGS: a id:1", "t:1:14: a name is missing behind \"ARGS:\"\n" },
        { "SecRule REQUEST_URI:x a id:1",
          "t:1:21: REQUEST_URI is one value and cannot be narrowed by \"x\"\n" },
        { "SecRule ARGS:/a|b/ a id:1",
          "t:1:14: the regular expression /a has no / at its end; one with | or , in it is written "
          "ARGS:'/…/'\nt:1:17: unknown variable \"b/\"\n" },
        { "SecRule ARGS:'/a|b a id:1", "t:1:14: the quote (') that begins here is not closed\n" },
        { "SecRule XML:/a/b a id:1",
          "t:1:13: XML:/a/b: of XPath only XML:/* (all text), XML://text() (its parts) and "
          "XML://@* (the values of all attributes) are understood\n" },
        { "SecRule XML a id:1",
          "t:1:9: XML needs XML:/* (all text), XML://text() (its parts) or XML://@* (the values of "
          "all attributes)\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(wrong_operators_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRule ARGS \"@beginWith x\" id:1",
          "t:1:16: there is no operator @beginWith; did you mean @beginsWith?\n" },
        { "SecRule ARGS \"!@detectSQLi x\" id:1", "t:1:28: @detectSQLi takes no argument\n" },
        { "SecRule ARGS \"@gt many\" id:1", "t:1:19: \"many\": a number was expected\n" },
        { "SecRule ARGS \"@regex a\" id:1",
          "t:1:16: there is no operator @regex; did you mean @rx?\n" },
        { "SecRule ARGS \"@rx a(\" id:1",
          "t:1:19: @rx: missing closing parenthesis at byte 2 of the expression\n" },
        { "SecRule ARGS \"@streq %{ARG.x}\" id:1",
          "t:1:24: unknown variable \"ARG\" in a macro; did you mean ARGS?\n" },
        { "SecRule ARGS \"@streq %{TX}\" id:1",
          "t:1:24: a macro of TX needs a name: %{tx.name}\n" },
        { "SecRule ARGS \"@streq %{REQUEST_URI.x}\" id:1",
          "t:1:36: REQUEST_URI is one value and has no \"x\"\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(wrong_actions_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRule ARGS a", "t:1:1: a rule needs an id\n" },
        { "SecRule ARGS a \"phase:1\"", "t:1:1: a rule needs an id\n" },
        { "SecRule ARGS a \"id:0\"", "t:1:20: id:0: a number from 1 to 4294967294 was expected\n" },
        { "SecRule ARGS a \"id:1,phase:6\"",
          "t:1:28: phase:6: 1 to 5, request (2), response (4) or logging (5) was expected\n" },
        { "SecRule ARGS a \"id:1,sev:2\"", "t:1:22: unknown action \"sev\"; did you mean rev?\n" },
        { "SecRule ARGS a \"id:1,\\\n  nolgo\"",
          "t:2:3: unknown action \"nolgo\"; did you mean nolog?\n" },
        { "SecRule ARGS a \"id:1,severity:BAD\"",
          "t:1:31: severity:BAD: 0 to 7, or EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, "
          "INFO or DEBUG was expected\n" },
        { "SecRule ARGS a \"id:1,msg\"", "t:1:22: msg needs a value: what a match means\n" },
        { "SecRule ARGS a \"id:1,deny:yes\"", "t:1:22: deny takes no value\n" },
        { "SecRule ARGS a \"id:1,status:99\"",
          "t:1:29: status:99: a number from 200 to 599 was expected\n" },
        { "SecRule ARGS a \"id:1,allow:all\"",
          "t:1:28: allow:all: phase or request was expected, or nothing\n" },
        { "SecRule ARGS a \"id:1,exec:/bin/x\"",
          "t:1:22: the action exec does not exist here: rules run no programs\n" },
        { "SecRule ARGS a \"id:1,pause:100\"",
          "t:1:22: the action pause does not exist here: a held request costs more than a refused "
          "one\n" },
        { "SecRule ARGS a \"id:1,msg:'a\"",
          "t:1:26: the quote (') that begins here is not closed\n" },
        { "SecRule ARGS a \"id:1,msg:'a\\d'\"",
          "t:1:28: in the quotes of an action a backslash stands only before ' or \\\n" },
        { "SecRule ARGS a \"id:1,msg:'a'b,pass\"",
          "t:1:29: a comma was expected behind the action msg\n" },
        { "SecRule ARGS a \"id:1,pass nolog\"",
          "t:1:27: a comma was expected behind the action pass\n" },
        { "SecRule ARGS a \"id:1,t:lowercsae\"",
          "t:1:24: unknown transformation \"lowercsae\"; did you mean lowercase?\n" },
        { "SecRule ARGS a \"id:1,skip:0\"",
          "t:1:27: skip:0: a number from 1 to 16000 was expected\n" },
        { "SecAction \"id:1,setvar:x\"", "t:1:24: \"x\" names no variable: a collection and a name "
                                         "were expected, as in tx.name\n" },
        { "SecAction \"id:1,setvar:args.x=1\"",
          "t:1:24: \"args\" is no collection that can be written: tx, ip, global, session, user or "
          "resource were expected\n" },
        { "SecAction \"id:1,setvar:ip.Update_Counter=1\"",
          "t:1:24: \"ip.Update_Counter\" is kept by the engine and cannot be set\n" },
        { "SecAction \"id:1,setvar:!tx.x=1\"",
          "t:1:24: setvar:!… deletes a variable and takes no value\n" },
        { "SecAction \"id:1,setvar:tx.x=%{FOO.y}\"",
          "t:1:31: unknown variable \"FOO\" in a macro; did you mean GEO?\n" },
        { "SecAction \"id:1,expirevar:ip.x\"",
          "t:1:27: expirevar needs the seconds after which the variable is deleted, as in "
          "ip.name=60\n" },
        { "SecAction \"id:1,deprecatevar:ip.x=60\"",
          "t:1:30: deprecatevar needs an amount and the seconds after which it is taken off, as in "
          "ip.score=60/300\n" },
        { "SecAction \"id:1,deprecatevar:ip.x=60/0\"",
          "t:1:30: deprecatevar needs an amount and the seconds after which it is taken off, as in "
          "ip.score=60/300\n" },
        { "SecAction \"id:1,deprecatevar:tx.x=60/300\"",
          "t:1:30: deprecatevar is about what outlives a request: ip, global, session, user or "
          "resource were expected\n" },
        { "SecAction \"id:1,initcol:ip\"",
          "t:1:25: initcol needs a collection and a key, as in ip=%{remote_addr}\n" },
        { "SecAction \"id:1,initcol:session=1\"",
          "t:1:25: \"session\" is no collection of initcol: ip, global or resource were expected "
          "(session and user come with setsid and setuid)\n" },
        { "SecAction \"id:1,setenv:=1\"",
          "t:1:24: setenv needs name=value, or !name to delete it\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(wrong_options_of_ctl_are_told)
{
    static const struct problem_case cases[] = {
        { "SecAction \"id:1,ctl:ruleEngin=On\"",
          "t:1:21: unknown option \"ruleEngin\" of ctl; did you mean ruleEngine?\n" },
        { "SecAction \"id:1,ctl:ruleEngine\"", "t:1:21: ctl:ruleEngine needs =value\n" },
        { "SecAction \"id:1,ctl:ruleEngine=1\"",
          "t:1:32: ctl:ruleEngine=1: Off, DetectionOnly or On was expected\n" },
        { "SecAction \"id:1,ctl:requestBodyAccess=1\"",
          "t:1:39: ctl:requestBodyAccess=1: Off or On was expected\n" },
        { "SecAction \"id:1,ctl:'ruleRemoveById=1,x'\"",
          "t:1:39: \"x\" is neither the id of a rule nor a range such as 942100-942199\n" },
        { "SecAction \"id:1,ctl:debugLogLevel=10\"",
          "t:1:35: ctl:debugLogLevel=10: a number from 0 to 9 was expected\n" },
        { "SecAction \"id:1,ctl:requestBodyProcessor=YAML\"",
          "t:1:42: ctl:requestBodyProcessor=YAML: URLENCODED, MULTIPART, JSON, XML or TEXT was "
          "expected\n" },
        { "SecAction \"id:1,ctl:auditLogParts=+E!\"",
          "t:1:37: ctl:auditLogParts E!: the letters A to K and Z were expected\n" },
        { "SecAction \"id:1,ctl:hashEngine=On\"",
          "t:1:32: ctl:hashEngine does not exist here: pages are not rewritten\n" },
        { "SecAction \"id:1,ctl:ruleRemoveById=x\"",
          "t:1:36: \"x\" is neither the id of a rule nor a range such as 942100-942199\n" },
        { "SecAction \"id:1,ctl:ruleRemoveById=9-5\"",
          "t:1:36: the range 9-5 ends before it begins\n" },
        { "SecAction \"id:1,ctl:ruleRemoveTargetById=9\"",
          "t:1:42: ctl:ruleRemoveTargetById needs a target behind a semicolon, as in "
          "942100;ARGS:name\n" },
        { "SecAction \"id:1,ctl:ruleRemoveTargetById=9;ARG:x\"",
          "t:1:44: unknown variable \"ARG\"; did you mean ARGS?\n" },
        { "SecAction \"id:1,ctl:ruleRemoveTargetById=9;!ARGS:x\"",
          "t:1:44: a target to leave out takes neither ! nor &\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(wrong_chains_and_defaults_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRule ARGS a \"id:1,chain\"\nSecRule ARGS b \"id:2\"",
          "t:2:17: id belongs to the first rule of a chain, not to one chained to it\n" },
        { "SecRule ARGS a \"id:1,chain\"\nSecRule ARGS b \"deny\"",
          "t:2:17: deny belongs to the first rule of a chain, not to one chained to it\n" },
        { "SecRule ARGS a \"id:1,chain\"\nSecRule ARGS b \"skipAfter:X\"",
          "t:2:17: skipAfter belongs to the first rule of a chain, not to one chained to it\n" },
        { "SecRule ARGS a \"id:1,chain\"\nSecMarker X\nSecRule ARGS b",
          "t:2:11: a marker inside a chain\n" },
        { "SecRule ARGS a \"id:1,chain\"",
          "t:1:1: the chain of this rule has no end: a rule was expected after the last one with "
          "\"chain\"\n" },
        { "SecDefaultAction \"pass\"",
          "t:1:19: SecDefaultAction needs the phase that it is for\n" },
        { "SecDefaultAction \"phase:1,log\"",
          "t:1:19: SecDefaultAction needs a disruptive action: pass, deny, drop, redirect or "
          "allow\n" },
        { "SecDefaultAction \"phase:1,block\"",
          "t:1:27: block means what SecDefaultAction says and cannot stand in it\n" },
        { "SecDefaultAction \"phase:1,id:5,pass\"",
          "t:1:27: id cannot be a default for all rules\n" },
        { "SecDefaultAction \"phase:1,chain,pass\"",
          "t:1:27: chain cannot be a default for all rules\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(what_is_not_masked_for_a_rule_is_told)
{
    static const struct problem_case cases[] = {
        { "SecAction \"id:1,sanitiseArg:password,sanitizeRequestHeader:password\"", "" },
        { "SecAction \"id:1,sanitiseArg:card\"",
          "t:1:29: sanitiseArg has no effect here: records mask what stands under names of secrets "
          "(password, token, api_key), whatever rules say, and \"card\" is no such name; where no "
          "request may be kept, write `recent off`\n" },
        { "SecAction \"id:1,sanitizeResponseHeader:'X-Card'\"",
          "t:1:41: sanitizeResponseHeader has no effect here: records mask what stands under names "
          "of secrets (password, token, api_key), whatever rules say, and \"X-Card\" is no such "
          "name; where no request may be kept, write `recent off`\n" },
        { "SecRule ARGS a \"id:1,sanitiseMatched\"",
          "t:1:22: sanitiseMatched has no effect here: records mask what stands under names of "
          "secrets (password, token, api_key), whatever rules say; where no request may be kept, "
          "write `recent off`\n" },
        { "SecRule ARGS a \"id:1,sanitiseMatchedBytes:1/4\"",
          "t:1:43: sanitiseMatchedBytes has no effect here: records mask what stands under names "
          "of "
          "secrets (password, token, api_key), whatever rules say; where no request may be kept, "
          "write `recent off`\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(exclusions_that_have_no_effect_are_told)
{
    static const struct problem_case cases[] = {
        { "SecRuleRemoveById 7",
          "t:1:19: no rule before this one has the id \"7\": nothing is removed\n" },
        { "SecRuleRemoveById 5-", "t:1:19: \"5-\" is neither the id of a rule nor a range such as "
                                  "942100-942199\n" },
        { "SecRuleRemoveByTag a", "t:1:20: no rule before this one has a tag that matches \"a\": "
                                  "nothing is removed\n" },
        { "SecRuleRemoveByMsg a", "t:1:20: no rule before this one has a msg that matches \"a\": "
                                  "nothing is removed\n" },
        { "SecRule ARGS a id:6\nSecRuleUpdateTargetById 6,7 !ARGS:x",
          "t:2:27: no rule before this one has the id \"7\": no targets are changed\n" },
        { "SecRuleUpdateTargetByTag a !ARGS:x", "t:1:26: no rule before this one has a tag that "
                                                "matches \"a\": no targets are changed\n" },
        { "SecRule ARGS a id:7\nSecRuleUpdateTargetById 7 ARGS:x ARGS:y",
          "t:2:34: rule 7 has no target \"ARGS:y\" to replace\n" },
        { "SecRuleUpdateActionById 7 pass",
          "t:1:25: no rule before this one has the id 7: no actions are changed\n" },
        { "SecRule ARGS a id:7\nSecRuleUpdateActionById 7:1 nolog",
          "t:2:25: rule 7 has 1 in its chain, none has the number 1\n" },
        { "SecRule ARGS a id:7\nSecRuleUpdateActionById 7 id:8",
          "t:2:27: id of a rule cannot be changed afterwards\n" },
        { "SecRule ARGS a id:7\nSecRuleUpdateActionById 7 phase:1",
          "t:2:27: phase of a rule cannot be changed afterwards\n" },
        { "SecAction id:7,skipAfter:X",
          "t:1:1: rule 7: no marker \"X\" follows: skipAfter ends the phase\n" },
        { "SecAction id:7,skipAfter:END_SQL\nSecMarker END-XSS\nSecMarker END-SQL\nSecMarker OTHER",
          "t:1:1: rule 7: no marker \"END_SQL\" follows: skipAfter ends the phase; did you mean "
          "END-SQL?\n" },
        { "SecMarker END\nSecAction id:7,skipAfter:END",
          "t:2:1: rule 7: the marker \"END\" stands before the rule: skipAfter ends the phase\n" },
        { "SecMarker ENDS\nSecAction id:7,skipAfter:END\nSecMarker "
          "END-OF-A-VERY-LONG-NAME-THAT-GOES-ON-FOR-MORE-THAN-FORTY-EIGHT-LETTERS",
          "t:2:1: rule 7: no marker \"END\" follows: skipAfter ends the phase\n" },
    };
    check(cases, ARRAY_LENGTH(cases));
}

TEST(all_errors_of_a_load_are_told_up_to_a_bound)
{
    char text[4096] = "", printed[32768];
    for (unsigned i = 0; i < 60; i++)
        strncat(text, "SecRule ARG a id:1\n", sizeof(text) - strlen(text) - 1);
    struct seclang_world world = memory_world(NULL);
    struct seclang *l;
    assert_int_equal(seclang_open(&world, &l), 0);
    assert_int_equal(seclang_text(l, SLICE("t"), slice_from(text)), -EINVAL);
    unsigned kept, total;
    const struct waf_problem *p = seclang_errors(l, &kept, &total);
    assert_int_equal(kept, SECLANG_ERRORS_MAX);
    assert_int_equal(total, 60 + 59); /* and the id, each time but once */
    assert_int_equal(p[0].line, 1);
    assert_int_equal(p[2].line, 2);
    seclang_close(l);
    load("SecRul\nSecRule ARGS a id:1\nSecRule ARG a id:2,sev:1\nInclude nothing\n", printed,
         sizeof(printed));
    assert_string_equal(printed, "t:1:1: unknown directive \"SecRul\"; did you mean SecRule?\n"
                                 "t:3:9: unknown variable \"ARG\"; did you mean ARGS?\n"
                                 "t:3:20: unknown action \"sev\"; did you mean rev?\n"
                                 "t:4:9: there is no file \"nothing\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_directives_are_told),
        cmocka_unit_test(wrong_targets_are_told),
        cmocka_unit_test(wrong_operators_are_told),
        cmocka_unit_test(wrong_actions_are_told),
        cmocka_unit_test(wrong_options_of_ctl_are_told),
        cmocka_unit_test(wrong_chains_and_defaults_are_told),
        cmocka_unit_test(what_is_not_masked_for_a_rule_is_told),
        cmocka_unit_test(exclusions_that_have_no_effect_are_told),
        cmocka_unit_test(all_errors_of_a_load_are_told_up_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
