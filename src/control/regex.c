#include "control/regex.h"

#include <errno.h>
#include <stdio.h>

#include "waf/patterns/pattern.h"

#define GROUPS_MAX      64u
#define CACHE_BYTES_MAX (2u << 20)

/* One open group while a pattern is read. */
struct group {
    size_t at;
    uint32_t atoms;       /* in the branch that is being read */
    bool last_repeats;    /* the last atom has a quantifier without a bound */
    bool has_lone_repeat; /* a branch is one repeated atom and nothing else */
};

static void end_branch(struct group *g)
{
    if (g->atoms == 1 && g->last_repeats)
        g->has_lone_repeat = true;
    g->atoms = 0;
    g->last_repeats = false;
}

/* Bytes of the character class that begins at `at`. */
static size_t class_bytes(slice p, size_t at)
{
    size_t i = at + 1;
    if (i < p.len && p.ptr[i] == '^')
        i++;
    if (i < p.len && p.ptr[i] == ']') /* literal in the first place */
        i++;
    for (; i < p.len && p.ptr[i] != ']'; i++) {
        if (p.ptr[i] == '\\')
            i++;
        else if (p.ptr[i] == '[' && i + 1 < p.len && p.ptr[i + 1] == ':')
            i += slice_find(slice_after(p, i), SLICE(":]"));
    }
    return i < p.len ? i + 1 - at : p.len - at;
}

/* Bytes of the quantifier at `at`, 0: there is none. "{2,}" has no bound, "{2,5}" has. */
static size_t quantifier_bytes(slice p, size_t at, bool *ret_unlimited)
{
    *ret_unlimited = false;
    if (at >= p.len)
        return 0;
    size_t bytes = 0;
    char c = p.ptr[at];
    if (c == '*' || c == '+' || c == '?') {
        *ret_unlimited = c != '?';
        bytes = 1;
    } else if (c == '{') {
        size_t end = slice_find_byte(slice_after(p, at), '}');
        if (end < 2 || at + end >= p.len || p.ptr[at + 1] < '0' || p.ptr[at + 1] > '9')
            return 0;
        *ret_unlimited = p.ptr[at + end - 1] == ',';
        bytes = end + 1;
    }
    /* possessive: it gives nothing back, so there is only one way to match */
    if (bytes && at + bytes < p.len && (p.ptr[at + bytes] == '?' || p.ptr[at + bytes] == '+')) {
        if (p.ptr[at + bytes] == '+')
            *ret_unlimited = false;
        bytes++;
    }
    return bytes;
}

/* Bytes of "(", "(?:", "(?<name>", "(?i)" … up to where the content begins. */
static size_t group_open_bytes(slice p, size_t at)
{
    if (at + 1 >= p.len || p.ptr[at + 1] != '?')
        return 1;
    size_t i = at + 2;
    while (i < p.len && p.ptr[i] != ':' && p.ptr[i] != '>' && p.ptr[i] != ')' && p.ptr[i] != '=' &&
           p.ptr[i] != '!')
        i++;
    if (i >= p.len || p.ptr[i] == ')')
        return i - at;
    return i + 1 - at;
}

bool regex_is_explosive(slice p, size_t *ret_at)
{
    struct group groups[GROUPS_MAX] = { { 0 } };
    uint32_t depth = 0;
    for (size_t i = 0; i < p.len;) {
        struct group *g = &groups[depth];
        size_t group_at = i;
        bool closes_repeat = false;
        if (p.ptr[i] == '(') {
            if (depth + 1 == GROUPS_MAX) {
                *ret_at = i;
                return true;
            }
            groups[++depth] = (struct group){ .at = i };
            i += group_open_bytes(p, i);
            continue;
        }
        if (p.ptr[i] == '|') {
            end_branch(g);
            i++;
            continue;
        }
        if (p.ptr[i] == ')' && depth > 0) {
            end_branch(g);
            closes_repeat = g->has_lone_repeat;
            group_at = g->at;
            g = &groups[--depth];
            i++;
        } else if (p.ptr[i] == '^' || p.ptr[i] == '$') {
            i++; /* matches no character */
            continue;
        } else {
            i += p.ptr[i] == '[' ? class_bytes(p, i) : p.ptr[i] == '\\' ? 2 : 1;
        }
        bool is_unlimited;
        i += quantifier_bytes(p, i, &is_unlimited);
        if (closes_repeat && is_unlimited) {
            *ret_at = group_at;
            return true;
        }
        g->atoms++;
        g->last_repeats = is_unlimited || closes_repeat;
    }
    return false;
}

/* What all patterns of routes of a process know: it lives as long. */
static struct pattern_cache *cache;

int regex_compile(slice text, struct pattern **ret, struct regex_error *reterr)
{
    size_t at;
    if (regex_is_explosive(text, &at)) {
        snprintf(reterr->text, sizeof reterr->text,
                 "a repeated group that repeats its whole content can take exponential time");
        reterr->at = at;
        return -EINVAL;
    }
    struct pattern_problem problem = { .text = "" };
    if (!cache)
        TRY(pattern_cache_open(CACHE_BYTES_MAX, &cache));
    int result = pattern_compile(text, 0, cache, ret, &problem);
    if (result == -EINVAL) {
        snprintf(reterr->text, sizeof reterr->text, "%.*s", (int)sizeof reterr->text - 1,
                 problem.text);
        reterr->at = problem.at;
    }
    return result;
}

void regex_free(struct pattern *pattern)
{
    pattern_free(pattern);
}
