/* Inheritance: settings are copied when a place first changes them, and shared until then. */
#include <errno.h>

#include "control/loader.h"
#include "filters/options.h"
#include "proxy/origin_tls.h"
#include "proxy/waf_settings.h"

static const size_t block_sizes[FEATURE_COUNT] = {
    [FEATURE_TIMEOUT] = sizeof(struct timeout_settings),
    [FEATURE_LIMITS] = sizeof(struct limits_settings),
    [FEATURE_TARGET] = sizeof(struct target_settings),
    [FEATURE_ANSWER] = sizeof(struct answer_settings),
    [FEATURE_ACCESS] = sizeof(struct access_settings),
    [FEATURE_HEADERS] = sizeof(struct headers_settings),
    [FEATURE_TLS] = sizeof(struct tls_settings),
    [FEATURE_AUTH] = sizeof(struct auth_settings),
    [FEATURE_WAF] = sizeof(struct waf_settings),
};

/* As the rows say in their defaults; a test compares both. */
static const struct timeout_settings builtin_timeout = { .connect_ms = 5000,
                                                         .head_ms = 30000,
                                                         .idle_ms = 60000,
                                                         .send_ms = 30000,
                                                         .total_ms = 86400000,
                                                         .header_ms = 10000,
                                                         .tunnel_ms = 3600000 };
static const struct limits_settings builtin_limits = { .body_bytes_max = 10u << 20,
                                                       .body_rate_min = 1024 };
static const struct target_settings builtin_target = { .slashes = SLASH_REFUSE };
static const struct answer_settings builtin_answer = { .kind = ANSWER_NONE };
static const struct access_settings builtin_access;
static const struct headers_settings builtin_headers;
static const struct auth_settings builtin_auth = { .depth_max = 3 };
static const struct waf_settings builtin_waf = { .level = WAF_LEVEL_BALANCED,
                                                 .mode = WAF_MODE_ENFORCE,
                                                 .body_bytes_max = 1u << 20,
                                                 .response_bytes_max = 512u << 10,
                                                 .response_ms = WAF_RESPONSE_MS,
                                                 .budget_ms = 200,
                                                 .inspects_base64 = true,
                                                 .inspects_headers = true,
                                                 .where = { "built in", 8 } };
static const struct tls_settings builtin_tls = { .kind = TLS_UNSET, .hsts_s = HSTS_UNWRITTEN };

static void *own_block(struct loader *l, struct blocks *b, enum feature_slot slot)
{
    if (b->is_own[slot])
        return (void *)b->all[slot]; /* ours, made below */
    void *copy = arena_take(&l->c->arena, block_sizes[slot]);
    if (!copy)
        return NULL;
    memcpy(copy, b->all[slot], block_sizes[slot]);
    b->all[slot] = copy;
    b->is_own[slot] = true;
    return copy;
}

int blocks_open(struct loader *l, struct blocks *b)
{
    static const void *const builtin[FEATURE_COUNT] = {
        [FEATURE_TIMEOUT] = &builtin_timeout, [FEATURE_LIMITS] = &builtin_limits,
        [FEATURE_TARGET] = &builtin_target,   [FEATURE_ANSWER] = &builtin_answer,
        [FEATURE_ACCESS] = &builtin_access,   [FEATURE_HEADERS] = &builtin_headers,
        [FEATURE_TLS] = &builtin_tls,         [FEATURE_AUTH] = &builtin_auth,
        [FEATURE_WAF] = &builtin_waf,
    };
    *b = (struct blocks){ 0 };
    memcpy(b->all, builtin, sizeof b->all);
    for (uint32_t slot = 0; slot < FEATURE_COUNT; slot++)
        if (!own_block(l, b, slot))
            return -ENOMEM;
    return 0;
}

struct blocks blocks_inherit(const struct blocks *b)
{
    struct blocks inherited = { 0 };
    memcpy(inherited.all, b->all, sizeof inherited.all);
    return inherited;
}

/* An origin has time limits of its own, but no other block; what it does not write stays 0. */
static void *origin_timeout(struct loader *l, struct origin *origin)
{
    if (!origin->timeout) {
        struct timeout_settings *own = arena_take(&l->c->arena, sizeof *own);
        if (own)
            *own = (struct timeout_settings){ 0 };
        origin->timeout = own;
    }
    return (void *)origin->timeout; /* ours, made above */
}

/* How TLS is spoken with its servers; all 0 is what is built in. */
static void *origin_tls(struct loader *l, struct origin *origin)
{
    if (!origin->tls)
        origin->tls = arena_take(&l->c->arena, sizeof *origin->tls);
    return (void *)origin->tls; /* ours, made above */
}

/* The structure that a row changes. NULL: no memory. */
static void *find_object(struct loader *l, const struct directive *row, struct apply_target *t)
{
    switch (row->object) {
    case OBJECT_CONFIGURATION:
        return l->c;
    case OBJECT_LIMITS_GLOBAL:
        return &l->c->limits;
    case OBJECT_ORIGIN:
        return t->origin;
    case OBJECT_ORIGIN_TLS:
        return origin_tls(l, t->origin);
    case OBJECT_ROUTE:
        return t->route;
    default:
        if (t->origin)
            return origin_timeout(l, t->origin);
        return own_block(l, t->blocks, (enum feature_slot)(row->object - OBJECT_FEATURE));
    }
}

static int apply_one(struct loader *l, struct statement *s, struct apply_target *t)
{
    const struct directive *row = s->directive;
    void *object = find_object(l, row, t);
    if (!object)
        return -ENOMEM;
    directive_store(row, s->values, object);
    if (!row->apply)
        return 0;
    struct option_apply a = { .arena = &l->c->arena,
                              .diagnostics = l->diagnostics,
                              .statement = s,
                              .values = s->values,
                              .object = object,
                              .depth = t->depth,
                              .names = &l->names };
    uint32_t errors = l->diagnostics->errors;
    int error = row->apply(&a);
    if (error == -ENOMEM)
        return error;
    if (error || l->diagnostics->errors > errors)
        statement_mark_broken(s);
    return 0;
}

static bool is_settings(const struct statement *s)
{
    return s->directive && s->directive->merges;
}

int blocks_apply(struct loader *l, struct statement *block, struct apply_target *t)
{
    struct statement *end = statement_following(block, true);
    uint8_t last_turn = 0;
    for (uint8_t turn = 0; turn <= last_turn; turn++) {
        struct statement *s = block->first;
        for (; s && s != end; s = statement_following(s, !is_settings(s))) {
            if (s->is_broken || !s->directive || s->directive->object == OBJECT_NONE)
                continue;
            if (s->directive->turn > last_turn)
                last_turn = s->directive->turn;
            if (s->directive->turn == turn)
                TRY(apply_one(l, s, t));
        }
    }
    return 0;
}

int blocks_finish(struct loader *l, struct blocks *b)
{
    if (b->is_own[FEATURE_ACCESS])
        TRY(access_finish(&l->c->arena, own_block(l, b, FEATURE_ACCESS)));
    return b->is_own[FEATURE_WAF] ? load_waf(l, own_block(l, b, FEATURE_WAF)) : 0;
}

const struct statement *statement_find(const struct statement *block, const char *name)
{
    for (const struct statement *s = block->first; s; s = s->next)
        if (!s->is_broken && statement_is(s, name))
            return s;
    return NULL;
}
