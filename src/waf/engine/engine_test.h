/* For tests: rules as text, a request as text, and what came of it as text.
 *
 * In rules and requests a backtick stands for the quotation mark. The outcome is the decision (in
 * brackets what it would have been) and then each logged match as `id name=value`:
 *
 *     deny 403 by 1 | 1 ARGS:a=x
 *
 * With `msg` or `logdata` the match ends in {msg} or {msg;logdata}. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "base/test.h"
#include "waf/engine/known.h"
#include "waf/engine/replay.h"
#include "waf/engine/report.h"
#include "waf/engine/store.h"
#include "waf/seclang/seclang.h"

enum { OUTCOME_MAX = 8192, TEST_ARENA_MAX = 64 << 20 };

struct engine_case {
    const char *says; /* what the case shows */
    const char *rules;
    const char *request;
    const char *expected;
};

/* What stands before the rules of a case, so that they need not say it. */
#define ENGINE_PREFIX                                                                              \
    "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n"                        \
    "SecResponseBodyMimeType text/plain text/html\n"

static inline char *engine_text(const char *text)
{
    char *copy = strdup(text);
    ASSERT(copy);
    for (char *at = copy; *at; at++)
        if (*at == '`')
            *at = '"';
    return copy;
}

static inline struct ruleset *engine_rules(const char *text)
{
    static const struct seclang_world nothing = { 0 };
    struct seclang *load = NULL;
    struct ruleset *rules = NULL;
    char *copy = engine_text(text);
    assert_int_equal(seclang_open(&nothing, &load), 0);
    int read = seclang_text(load, SLICE("test.conf"), slice_from(copy));
    int finished = read ? read : seclang_finish(load, &rules);
    if (finished != 0) {
        unsigned count, total;
        const struct waf_problem *problems = seclang_errors(load, &count, &total);
        fail_msg("%s\n%u:%u: %s", copy, count ? problems[0].line : 0,
                 count ? problems[0].column : 0, count ? problems[0].text : "");
    }
    seclang_close(load);
    free(copy);
    assert_int_equal(waf_prepare(rules), 0);
    return rules;
}

static inline void engine_decision(struct writer *w, const struct waf_decision *d)
{
    writer_text(w, report_disposition(d->disposition));
    if (d->status)
        writer_format(w, " %u", d->status);
    if (d->location.len)
        writer_format(w, " to %.*s", SLICE_ARGUMENTS(d->location));
    if (d->rule)
        writer_format(w, " by %u", d->rule->id);
}

static inline void engine_outcome(const struct waf_transaction *t, struct writer *w)
{
    engine_decision(w, waf_decision(t));
    if (waf_would_be(t)->disposition != WAF_PASS) {
        writer_literal(w, " (");
        engine_decision(w, waf_would_be(t));
        writer_byte(w, ')');
    }
    for (const struct waf_match *m = waf_matches(t); m; m = m->next) {
        const struct waf_finding *f = &m->finding[m->findings - 1];
        if (!m->is_logged)
            continue;
        writer_format(w, " | %u", m->rule->id);
        if (f->name.len)
            writer_format(w, " %.*s=%.*s", SLICE_ARGUMENTS(f->name), SLICE_ARGUMENTS(f->value));
        if (m->msg.len)
            writer_format(w, " {%.*s%s%.*s}", SLICE_ARGUMENTS(m->msg), m->logdata.len ? ";" : "",
                          SLICE_ARGUMENTS(m->logdata));
    }
    writer_byte(w, '\0');
}

/* A transaction and what it lies in. */
struct engine_run {
    struct ruleset *rules;
    struct arena arena;
    struct work work;
    struct waf_transaction *t;
    char *request, *response;
    char outcome[OUTCOME_MAX];
};

static inline struct waf_world engine_world(void)
{
    return (struct waf_world){ .now_ms = 1700000000000, /* Tuesday, 14 November 2023, 22:13:20 */
                               .unique_id = SLICE("unique"),
                               .client = { SLICE("192.0.2.1"), 40000 },
                               .server = { SLICE("198.51.100.1"), 80 } };
}

static inline void engine_begin(struct engine_run *r, struct ruleset *rules,
                                const struct waf_world *world)
{
    *r = (struct engine_run){ .rules = rules };
    arena_open(&r->arena, NULL, 0, 65536, TEST_ARENA_MAX);
    work_open(&r->work, 0, NULL, NULL);
    assert_int_equal(waf_open(rules, world, &r->arena, &r->work, &r->t), 0);
}

/* The request with a Content-Length, when it has a body and does not say how long. */
static inline char *engine_request(const char *request)
{
    char *text = engine_text(request), *body = strstr(text, "\r\n\r\n");
    if (!body || !body[4] || strstr(text, "\r\nTransfer-Encoding:") ||
        strstr(text, "\r\nContent-Length:"))
        return text;
    size_t room = strlen(text) + 100;
    char *framed = malloc(room);
    ASSERT(framed);
    snprintf(framed, room, "%.*s\r\nContent-Length: %zu%s", (int)(body - text), text,
             strlen(body + 4), body);
    free(text);
    return framed;
}

static inline void engine_replay(struct engine_run *r, const char *request, const char *response)
{
    struct writer w = writer_over(r->outcome, sizeof(r->outcome));
    r->request = engine_request(request);
    r->response = engine_text(response);
    assert_int_equal(
        replay_run(r->t, &r->arena, &r->work, slice_from(r->request), slice_from(r->response)), 0);
    engine_outcome(r->t, &w);
}

static inline void engine_end(struct engine_run *r)
{
    arena_close(&r->arena);
    free(r->request);
    free(r->response);
}

static inline void engine_check_once(const struct engine_case *c, struct ruleset *rules,
                                     const struct waf_world *world, const char *response,
                                     const char *which)
{
    struct engine_run r;
    engine_begin(&r, rules, world);
    engine_replay(&r, c->request, response);
    if (strcmp(r.outcome, c->expected) != 0)
        fail_msg("%s%s:\n     is %s\n wanted %s\n%s", c->says, which, r.outcome, c->expected,
                 c->rules);
    engine_end(&r);
}

/* Once, and as often as it takes until all about its values is known: that changes nothing. */
static inline void engine_check(const struct engine_case *c, const char *response)
{
    enum { UNTIL_ALL_IS_KNOWN = 5 };
    char text[16384];
    struct waf_world world = engine_world();
    snprintf(text, sizeof(text), ENGINE_PREFIX "%s", c->rules);
    struct ruleset *rules = engine_rules(text);
    engine_check_once(c, rules, &world, response, "");
    world.remembers = true;
    for (unsigned i = 0; i < UNTIL_ALL_IS_KNOWN; i++)
        engine_check_once(c, rules, &world, response, " (with what is known)");
    ruleset_free(rules);
}

static inline void engine_check_all(const struct engine_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        engine_check(&cases[i], "");
}
