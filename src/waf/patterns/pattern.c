#include "waf/patterns/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "waf/patterns/compiled.h"

/* Of a tree while a pattern is compiled: some 80 bytes for each byte of its text. */
enum { TREE_BLOCK_BYTES = 65536, TREE_BYTES_MAX = 64 << 20 };

static void free_pattern(struct pattern **pattern)
{
    pattern_free(*pattern);
}

int pattern_tree(const struct pattern *pattern, struct arena *arena, struct node **ret_root)
{
    struct syntax syntax;
    TRY(syntax_parse(pattern->text, pattern->is_caseless, arena, &syntax));
    *ret_root = node_trim(syntax.root);
    return 0;
}

static bool is_assertion(const struct node *node, enum assertion assertion)
{
    return node && node->kind == NODE_ASSERT && node->assertion == assertion;
}

/* ^…$ without groups, and without \K, which moves the beginning of a match. */
static bool is_whole(slice text, const struct node *root, const pcre2_code *code)
{
    uint32_t groups = 1;
    return slice_find(text, SLICE("\\K")) == text.len && root->kind == NODE_CONCAT &&
           is_assertion(root->first, AT_TEXT_BEGIN) && is_assertion(root->last, AT_TEXT_END) &&
           pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups) == 0 && groups == 0;
}

static int build_automaton(struct pattern *p)
{
    OWNS(arena_close) struct arena arena;
    struct syntax syntax;
    arena_open(&arena, NULL, 0, TREE_BLOCK_BYTES, TREE_BYTES_MAX);
    TRY(syntax_parse(p->text, p->is_caseless, &arena, &syntax));
    bool matches_whole = is_whole(p->text, syntax.root, p->code);
    int result = program_build(node_trim(syntax.root), &p->program);
    if (result == -E2BIG)
        return 0; /* PCRE2 decides alone */
    TRY(result);
    p->is_exact = syntax.is_exact && p->program->is_exact;
    p->is_whole = p->is_exact && matches_whole;
    return dfa_new(p->program, p->cache, &p->dfa);
}

int pattern_compile(slice text, unsigned flags, struct pattern_cache *cache,
                    struct pattern **ret_pattern, struct pattern_problem *ret_problem)
{
    OWNS(free_pattern) struct pattern *p = NULL;
    if (text.len > PATTERN_TEXT_MAX) {
        if (ret_problem) {
            ret_problem->at = PATTERN_TEXT_MAX;
            snprintf(ret_problem->text, sizeof ret_problem->text,
                     "a regular expression of %zu bytes; at most %d are read", text.len,
                     PATTERN_TEXT_MAX);
        }
        return -EINVAL;
    }
    p = calloc(1, sizeof(*p));
    char *copy = malloc(text.len + 1);
    if (!p || !copy) {
        free(copy);
        return -ENOMEM;
    }
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    p->text = slice_of(copy, text.len);
    p->is_caseless = flags & PATTERN_CASELESS;
    p->cache = cache;
    TRY(pcre_compile(p->text, p->is_caseless, &p->code, ret_problem));
    TRY(build_automaton(p));
    *ret_pattern = p;
    p = NULL;
    return 0;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    dfa_free(pattern->dfa);
    program_free(pattern->program);
    if (pattern->code)
        pcre2_code_free(pattern->code);
    free((char *)pattern->text.ptr);
    free(pattern);
}

slice pattern_text(const struct pattern *pattern)
{
    return pattern->text;
}

bool pattern_is_linear(const struct pattern *pattern)
{
    return pattern->is_exact;
}

int pattern_matches(struct pattern *pattern, slice value, struct work *work)
{
    size_t end;
    int result = pattern->dfa ? dfa_search(pattern->dfa, value, work, &end) : 1;
    if (result <= 0 || pattern->is_exact)
        return result;
    result = pcre_match(pattern->code, pattern->cache, value, &pcre_decide, NULL, work);
    return result == -ENOBUFS ? -EDQUOT : result;
}

int pattern_capture(struct pattern *pattern, slice value, struct operator_match *ret,
                    struct work *work)
{
    size_t end = value.len;
    if (pattern->is_whole) {
        *ret = (struct operator_match){ .count = 1, .spans = { { 0, (uint32_t)end } } };
        return 1;
    }
    int result = pcre_match(pattern->code, pattern->cache, value, &pcre_capture, ret, work);
    if (result != -ENOBUFS)
        return result;
    if (pattern->dfa) {
        result = dfa_search(pattern->dfa, value, work, &end);
        if (result <= 0)
            return result;
    }
    *ret = (struct operator_match){ .count = 1, .spans = { { 0, (uint32_t)end } } };
    return 1;
}
