/* What rules become: defaults, chains, exclusions, jumps, transformations, variables. */
#include "base/test.h"

#include "waf/operators/operator.h"
#include "waf/seclang/memory_world.h"
#include "waf/transforms/transform.h"

static const struct memory_file files[] = {
    { "rules/1.conf", "SecAction id:1,nolog\n" },
    { "rules/2.conf", "Include more\nSecAction id:3\n" },
    { "more", "SecAction id:2\n" },
    { "words", "evil\nbad words\n" },
    { "map", "20127 (US-ASCII)\nff1c:3c\n" },
    { NULL, NULL },
};

static struct ruleset *load(const char *text)
{
    struct seclang_world world = memory_world(files);
    struct seclang *l;
    struct ruleset *rules = NULL;
    assert_int_equal(seclang_open(&world, &l), 0);
    int read = seclang_text(l, SLICE("t"), slice_from(text));
    unsigned kept, total;
    const struct waf_problem *p = seclang_errors(l, &kept, &total);
    if (total)
        fail_msg("%u:%u: %s", p->line, p->column, p->text);
    assert_int_equal(read, 0);
    assert_int_equal(seclang_finish(l, &rules), 0);
    seclang_close(l);
    return rules;
}

static const struct rule *by_id(const struct ruleset *rules, unsigned id)
{
    for (unsigned i = 0; i < rules->rule_count; i++)
        if (rules->rules[i].id == id)
            return &rules->rules[i];
    return NULL;
}

/* The names of the transformations of a node, from the raw value on. */
static const char *chain_of(const struct ruleset *rules, uint32_t node)
{
    static char text[512], rest[512];
    text[0] = '\0';
    for (; node; node = rules->nodes[node].parent) {
        snprintf(rest, sizeof(rest), "%s", text);
        snprintf(text, sizeof(text), "%s%s%.400s", rules->nodes[node].transform->name,
                 rest[0] ? "," : "", rest);
        assert_true(rules->nodes[node].parent < node);
    }
    return text;
}

TEST(a_rule_keeps_what_it_says)
{
    struct ruleset *rules = load(
        "\nSecRule ARGS|!ARGS:Foo|&TX:Bar|REQUEST_HEADERS:'/^x|y$/'|XML://@* \\\n"
        "  \"!@rx ^a\" \"id:42,phase:request,t:none,t:lowercase,t:urlDecode,deny,\\\n"
        "    msg:'It\\'s %{MATCHED_VAR}, really',logdata:'%{tx.0}',severity:critical,tag:a,\\\n"
        "    tag:'b/c',ver:'v',rev:2,accuracy:8,maturity:9,capture,multiMatch,status:406\"\n");
    const struct rule *r = by_id(rules, 42);
    assert_non_null(r);
    assert_int_equal(r->phase, 2);
    assert_int_equal(r->disruption, DISRUPT_DENY);
    assert_int_equal(r->status, 406);
    assert_int_equal(r->severity, 2);
    assert_int_equal(r->accuracy, 8);
    assert_int_equal(r->maturity, 9);
    assert_slice_equal(r->ver, SLICE("v"));
    assert_slice_equal(r->rev, SLICE("2"));
    assert_int_equal(r->tag_count, 2);
    assert_slice_equal(r->tags[1].source, SLICE("b/c"));
    assert_slice_equal(r->msg.source, SLICE("It's %{MATCHED_VAR}, really"));
    assert_int_equal(r->msg.count, 3);
    assert_int_equal(r->msg.pieces[1].variable, VARIABLE_MATCHED_VAR);
    assert_int_equal(r->logdata.pieces[0].slot, 0);
    assert_int_equal(r->line, 2);
    assert_slice_equal(r->file, SLICE("t"));
    assert_int_equal(r->skip_to, WAF_NONE);
    const struct link *k = &r->links[0];
    assert_int_equal(k->flags, LINK_CAPTURE | LINK_MULTI_MATCH | LINK_NEGATED);
    assert_int_equal(k->need, WAF_NONE);
    assert_string_equal(k->operator->name, "rx");
    assert_string_equal(chain_of(rules, k->node), "lowercase,urlDecode");
    assert_int_equal(k->stage_count, 3);
    assert_int_equal(k->stages[0], 0);
    assert_int_equal(k->stages[2], k->node);
    assert_int_equal(k->target_count, 5);
    assert_true(k->targets[1].is_excluded);
    assert_slice_equal(k->targets[1].name, SLICE("foo"));
    assert_true(k->targets[2].is_count);
    assert_slice_equal(rules->tx_names[k->targets[2].slot], SLICE("bar"));
    assert_int_equal(k->targets[3].selector, SELECT_PATTERN);
    assert_slice_equal(k->targets[3].name, SLICE("^x|y$"));
    assert_int_equal(k->targets[4].selector, SELECT_XML_VALUES);
    ruleset_free(rules);
}

TEST(defaults_are_of_a_phase_and_of_what_follows)
{
    struct ruleset *rules =
        load("SecAction id:1,phase:1,block\n"
             "SecDefaultAction \"phase:1,nolog,deny,status:429,t:lowercase,tag:all\"\n"
             "SecAction \"id:2,phase:1,block\"\nSecAction \"id:3,phase:2,block\"\n"
             "SecAction \"id:4,phase:1,pass,log,auditlog,tag:own\"\n"
             "SecAction \"id:5,phase:1\"\nSecAction \"id:6,phase:1,block,status:500\"\n"
             "SecRule ARGS x \"id:7,phase:1,t:none,t:length,chain\"\nSecRule ARGS y t:length\n"
             "SecDefaultAction \"phase:1,log,pass\"\nSecAction id:8,phase:1,block\n"
             "SecDefaultAction \"phase:2,redirect:'http://%{request_headers.host}/'\"\n"
             "SecAction id:9,block\n");
    static const struct {
        unsigned id;
        enum disruption disruption;
        unsigned status, flags, tags;
    } wanted[] = {
        { 1, DISRUPT_PASS, 403, RULE_LOG | RULE_AUDIT_LOG, 0 },
        { 2, DISRUPT_DENY, 429, 0, 1 },
        { 3, DISRUPT_PASS, 403, RULE_LOG | RULE_AUDIT_LOG, 0 },
        { 4, DISRUPT_PASS, 429, RULE_LOG | RULE_AUDIT_LOG, 2 },
        { 5, DISRUPT_DENY, 429, 0, 1 },
        { 6, DISRUPT_DENY, 500, 0, 1 },
        { 8, DISRUPT_PASS, 403, RULE_LOG | RULE_AUDIT_LOG, 0 },
        { 9, DISRUPT_REDIRECT, 302, RULE_LOG | RULE_AUDIT_LOG, 0 },
    };
    for (unsigned i = 0; i < ARRAY_LENGTH(wanted); i++) {
        const struct rule *r = by_id(rules, wanted[i].id);
        assert_non_null(r);
        assert_int_equal(r->disruption, wanted[i].disruption);
        assert_int_equal(r->status, wanted[i].status);
        assert_int_equal(r->flags, wanted[i].flags);
        assert_int_equal(r->tag_count, wanted[i].tags);
    }
    const struct rule *chained = by_id(rules, 7);
    assert_int_equal(chained->link_count, 2);
    assert_string_equal(chain_of(rules, chained->links[0].node), "length");
    assert_string_equal(chain_of(rules, chained->links[1].node), "lowercase,length");
    assert_int_equal(by_id(rules, 9)->redirect.count, 3);
    ruleset_free(rules);
}

TEST(each_link_has_its_own_actions)
{
    struct ruleset *rules = load(
        "SecRule ARGS a \"id:1,chain,setvar:tx.One=1,ctl:ruleEngine=DetectionOnly\"\n"
        "SecRule ARGS b \"chain,capture,setvar:'tx.score=+%{tx.one}'\"\n"
        "SecAction \"initcol:ip=%{remote_addr}_%{MATCHED_VAR},setvar:!tx.one,setvar:ip.n,\\\n"
        "  setvar:tx.down=-2,expirevar:ip.n=60,setenv:X=%{tx.one},setvar:tx.%{tx.one}_z=3\"\n");
    const struct rule *r = by_id(rules, 1);
    assert_int_equal(rules->rule_count, 1);
    assert_int_equal(r->link_count, 3);
    assert_int_equal(r->links[0].ctls[0].kind, CTL_RULE_ENGINE);
    assert_int_equal(r->links[0].ctls[0].number, WAF_DETECT);
    assert_int_equal(r->links[0].sets[0].kind, SET_ASSIGN);
    assert_slice_equal(r->links[0].sets[0].name.pieces[0].text, SLICE("one"));
    assert_int_equal(r->links[1].sets[0].kind, SET_ADD);
    assert_int_equal(r->links[1].sets[0].value.pieces[0].slot, r->links[0].sets[0].slot);
    assert_int_equal(r->links[1].line, 2);
    const struct link *last = &r->links[2];
    assert_int_equal(last->flags, LINK_ALWAYS);
    assert_int_equal(last->initcols[0].collection, VARIABLE_IP);
    assert_int_equal(last->initcols[0].key.count, 3);
    static const struct {
        enum set_kind kind;
        enum variable_id collection;
        const char *value;
        bool is_expiry;
    } sets[] = {
        { SET_DELETE, VARIABLE_TX, "", false },           { SET_ASSIGN, VARIABLE_IP, "1", false },
        { SET_SUBTRACT, VARIABLE_TX, "2", false },        { SET_ASSIGN, VARIABLE_IP, "60", true },
        { SET_ASSIGN, VARIABLE_ENV, "%{tx.one}", false }, { SET_ASSIGN, VARIABLE_TX, "3", false },
    };
    assert_int_equal(last->set_count, ARRAY_LENGTH(sets));
    for (unsigned i = 0; i < ARRAY_LENGTH(sets); i++) {
        assert_int_equal(last->sets[i].kind, sets[i].kind);
        assert_int_equal(last->sets[i].collection, sets[i].collection);
        assert_slice_equal(last->sets[i].value.source, slice_from(sets[i].value));
        assert_int_equal(last->sets[i].is_expiry, sets[i].is_expiry);
    }
    assert_int_equal(last->sets[5].slot, WAF_NONE);
    assert_int_equal(last->sets[5].name.count, 2);
    ruleset_free(rules);
}

TEST(jumps_go_forward_within_the_phase)
{
    struct ruleset *rules = load("SecMarker BACK\n"
                                 "SecAction id:1,phase:1,skipAfter:END\n"
                                 "SecAction id:2,phase:2\nSecAction id:3,phase:1\n"
                                 "SecMarker end\n"
                                 "SecAction id:4,phase:1,skipAfter:BACK\n"
                                 "SecAction id:5,phase:1,skipAfter:6,skip:3\n"
                                 "SecAction id:6,phase:1\nSecAction id:7,phase:1\n"
                                 "SecMarker END\nSecRuleRemoveById 6\n");
    assert_int_equal(rules->phases[1].count, 5);
    assert_int_equal(rules->phases[2].count, 1);
    assert_int_equal(by_id(rules, 1)->skip_to, 2);
    assert_int_equal(by_id(rules, 3)->skip_to, WAF_NONE);
    assert_int_equal(by_id(rules, 4)->skip_to, 5);
    assert_int_equal(by_id(rules, 5)->skip_to, 4);
    assert_int_equal(by_id(rules, 5)->skip, 3);
    assert_ptr_equal(rules->phases[1].rules[2], by_id(rules, 4));
    ruleset_free(rules);
}

TEST(exclusions_change_the_rules_before_them)
{
    struct ruleset *rules =
        load("SecRule ARGS a \"id:1,tag:attack-x,msg:'One'\"\n"
             "SecRule ARGS a \"id:2,tag:attack-y,msg:'Two'\"\n"
             "SecRule ARGS a \"id:3,chain,tag:z,msg:'Three'\"\nSecRule ARGS b\n"
             "SecRule ARGS|REQUEST_URI a \"id:4,deny,tag:z,t:lowercase\"\n"
             "SecRule ARGS a id:5\nSecRule ARGS a id:6\nSecRule ARGS a id:7\n"
             "SecRuleRemoveByTag ^attack-x$\nSecRuleRemoveByMsg T.o\n"
             "SecRuleRemoveById \"5,7\" 6-6\nSecRule ARGS a id:8\n"
             "SecRuleUpdateTargetById 3-4 \"!ARGS:skip|REQUEST_HEADERS\"\n"
             "SecRuleUpdateTargetByTag z TX:x REQUEST_URI\n"
             "SecRuleUpdateTargetByMsg Three &ARGS\n"
             "SecRuleUpdateActionById 4 \"pass,t:none,t:urlDecode,setvar:tx.y=1\"\n"
             "SecRuleUpdateActionById 3:1 \"setvar:tx.y=2\"\n");
    assert_int_equal(rules->rule_count, 3);
    const struct rule *three = by_id(rules, 3), *four = by_id(rules, 4);
    assert_non_null(by_id(rules, 8));
    assert_int_equal(three->links[0].target_count, 5);
    assert_true(three->links[0].targets[4].is_count);
    assert_int_equal(three->links[1].target_count, 1);
    assert_int_equal(three->links[1].set_count, 1);
    assert_int_equal(four->disruption, DISRUPT_PASS);
    assert_string_equal(chain_of(rules, four->links[0].node), "urlDecode");
    assert_int_equal(four->links[0].target_count, 4);
    assert_true(four->links[0].targets[1].is_excluded);
    assert_int_equal(four->links[0].targets[3].variable, VARIABLE_TX);
    ruleset_free(rules);
}

TEST(ctl_options_are_typed)
{
    struct ruleset *rules = load(
        "SecAction \"id:1,ctl:ruleRemoveById=5-9,ctl:ruleRemoveTargetById=7;ARGS:Foo,\\\n"
        "  ctl:ruleRemoveTargetByTag=attack.*;REQUEST_COOKIES:/^_ga/,ctl:auditLogParts=+E,\\\n"
        "  ctl:'ruleRemoveTargetById=8;ARGS:a,ARGS_NAMES',ctl:requestBodyProcessor=xml,\\\n"
        "  "
        "ctl:forceRequestBodyVariable=On,ctl:requestBodyLimit=10,ctl:ruleRemoveByMsg=%{tx.a}\"\n");
    const struct link *k = &by_id(rules, 1)->links[0];
    static const enum ctl_kind kinds[] = {
        CTL_RULE_REMOVE_BY_ID,      CTL_RULE_REMOVE_TARGET_BY_ID,    CTL_RULE_REMOVE_TARGET_BY_TAG,
        CTL_AUDIT_LOG_PARTS,        CTL_RULE_REMOVE_TARGET_BY_ID,    CTL_RULE_REMOVE_TARGET_BY_ID,
        CTL_REQUEST_BODY_PROCESSOR, CTL_FORCE_REQUEST_BODY_VARIABLE, CTL_REQUEST_BODY_LIMIT,
        CTL_RULE_REMOVE_BY_MSG,
    };
    assert_int_equal(k->ctl_count, ARRAY_LENGTH(kinds));
    for (unsigned i = 0; i < ARRAY_LENGTH(kinds); i++)
        assert_int_equal(k->ctls[i].kind, kinds[i]);
    assert_int_equal(k->ctls[0].ids.first, 5);
    assert_int_equal(k->ctls[0].ids.last, 9);
    assert_slice_equal(k->ctls[1].target.name, SLICE("foo"));
    assert_non_null(k->ctls[2].pattern);
    assert_int_equal(k->ctls[2].target.selector, SELECT_PATTERN);
    assert_int_equal(k->ctls[5].target.variable, VARIABLE_ARGS_NAMES);
    assert_slice_equal(k->ctls[6].text.source, SLICE("XML"));
    assert_int_equal(k->ctls[8].number, 10);
    assert_null(k->ctls[9].pattern);
    assert_int_equal(k->ctls[9].text.pieces[0].kind, MACRO_VARIABLE);
    ruleset_free(rules);
}

TEST(operators_are_shared_and_told_to_the_prefilter)
{
    struct ruleset *rules = load("SecRule ARGS \"@rx evil+\" id:1\nSecRule TX:x \"evil+\" id:2\n"
                                 "SecRule ARGS \"@pmFromFile words\" id:3\n"
                                 "SecRule ARGS \"@pm bad words\" id:4\n"
                                 "SecRule ARGS \"@eq 1\" id:5\nSecRule ARGS \"!@rx evil+\" id:6\n"
                                 "SecRule ARGS \"@rx a%{tx.x}%{y}\" id:7\n"
                                 "SecRule ARGS \"@within %{tx.x} b\" id:8\n");
    const struct link *link[9];
    for (unsigned i = 1; i < 9; i++)
        link[i] = &by_id(rules, i)->links[0];
    assert_ptr_equal(link[1]->prepared, link[2]->prepared);
    assert_ptr_equal(link[1]->prepared, link[6]->prepared);
    assert_int_equal(link[1]->need, link[2]->need);
    assert_true(link[1]->need != WAF_NONE && link[3]->need != WAF_NONE);
    assert_true(link[4]->need != WAF_NONE && link[4]->need != link[3]->need);
    assert_int_equal(link[5]->need, WAF_NONE);
    assert_int_equal(link[6]->need, WAF_NONE);
    assert_int_equal(link[7]->need, WAF_NONE);
    assert_int_equal(link[7]->argument.count, 3); /* "a", the variable, "%{y}" */
    assert_int_equal(link[8]->argument.count, 2);
    assert_int_equal(rules->need_count, 3);
    ruleset_free(rules);
}

TEST(files_are_read_in_order)
{
    struct ruleset *rules = load("Include rules/*\nSecAction id:4\n");
    assert_int_equal(rules->rule_count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(rules->rules[i].id, i + 1);
    assert_slice_equal(rules->rules[1].file, SLICE("more"));
    assert_slice_equal(rules->rules[2].file, SLICE("rules/2.conf"));
    assert_int_equal(rules->rules[2].line, 2);
    assert_int_equal(rules->file_count, 4);
    assert_slice_equal(rules->files[0], SLICE("t"));
    ruleset_free(rules);
}

TEST(directives_are_kept)
{
    struct ruleset *rules =
        load("SecRuleEngine DetectionOnly\nSecRequestBodyAccess Off\nSecRequestBodyLimit 1000\n"
             "SecRequestBodyNoFilesLimit 900\nSecRequestBodyLimitAction ProcessPartial\n"
             "SecRequestBodyJsonDepthLimit 20\nSecArgumentsLimit 30\nSecResponseBodyAccess Off\n"
             "SecResponseBodyLimit 40\nSecResponseBodyLimitAction Reject\nSecUploadFileLimit 7\n"
             "SecResponseBodyMimeTypesClear\nSecResponseBodyMimeType Text/HTML application/json\n"
             "SecArgumentSeparator ;\nSecCookieFormat 1\nSecUnicodeMapFile map 20127\n"
             "SecAuditEngine Off\nSecAuditLogParts ABZ\nSecAuditLogRelevantStatus \"^5(?!03)\"\n"
             "SecWebAppId shop\nSecCollectionTimeout 600\nSecComponentSignature one\n"
             "SecComponentSignature \"two 2\"\nSecPcreMatchLimit 1000\nSecTmpDir /tmp\n");
    const struct waf_directives *d = &rules->directives;
    assert_int_equal(d->mode, WAF_DETECT);
    assert_false(d->has_request_body || d->has_response_body);
    assert_int_equal(d->request_body_bytes_max, 1000);
    assert_int_equal(d->request_body_no_files_bytes_max, 900);
    assert_int_equal(d->request_body_action, BODY_PROCESS_PARTIAL);
    assert_int_equal(d->json_depth_max, 20);
    assert_int_equal(d->arguments_max, 30);
    assert_int_equal(d->response_body_bytes_max, 40);
    assert_int_equal(d->response_body_action, BODY_REJECT);
    assert_int_equal(d->upload_files_max, 7);
    assert_int_equal(d->response_type_count, 2);
    assert_slice_equal(d->response_types[0], SLICE("text/html"));
    assert_int_equal(d->argument_separator, ';');
    assert_int_equal(d->cookie_format, 1);
    assert_int_equal(unicode_map_byte(d->unicode_map, 0xff1c), '<');
    assert_int_equal(d->audit_engine, 0);
    assert_int_equal(d->audit_parts, AUDIT_PART('A') | AUDIT_PART('B') | AUDIT_PART('Z'));
    for (unsigned status = 0; status < AUDIT_STATUSES; status++)
        assert_int_equal(d->audit_statuses[status / 64] >> status % 64 & 1,
                         status >= 500 && status < 600 && status != 503);
    assert_slice_equal(d->web_app_id, SLICE("shop"));
    assert_int_equal(d->collection_timeout_s, 600);
    assert_slice_equal(d->component_signature, SLICE("one; two 2"));
    ruleset_free(rules);
}

TEST(nothing_is_a_ruleset_too)
{
    struct ruleset *rules = load("");
    assert_int_equal(rules->rule_count, 0);
    assert_int_equal(rules->node_count, 1);
    assert_int_equal(rules->tx_count, 10);
    assert_slice_equal(rules->tx_names[9], SLICE("9"));
    assert_int_equal(rules->directives.mode, WAF_ENFORCE);
    assert_true(rules->directives.has_request_body);
    ruleset_free(rules);
    ruleset_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_keeps_what_it_says),
        cmocka_unit_test(defaults_are_of_a_phase_and_of_what_follows),
        cmocka_unit_test(each_link_has_its_own_actions),
        cmocka_unit_test(jumps_go_forward_within_the_phase),
        cmocka_unit_test(exclusions_change_the_rules_before_them),
        cmocka_unit_test(ctl_options_are_typed),
        cmocka_unit_test(operators_are_shared_and_told_to_the_prefilter),
        cmocka_unit_test(files_are_read_in_order),
        cmocka_unit_test(directives_are_kept),
        cmocka_unit_test(nothing_is_a_ruleset_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
