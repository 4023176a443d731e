#include "waf/detect/sqli.h"

#include "waf/byte_set.h"
#include "waf/detect/sql_fold.h"
#include "waf/detect/sql_walk.h"

/* What a value holds that decides which places and dialects are worth a walk. */
struct traits {
    bool has[4];            /* what ends a place: ' " ` ] */
    bool has_other_dialect; /* \ # || /\*! and -- mean something else to MySQL */
    size_t behind_comment;  /* behind the last end of a comment; 0: none */
    bool is_name;           /* a word, or some with dots between: nothing to leave a place with */
};

enum byte_trait {
    LETTER = 1,    /* letters, digits and _ */
    NAME_PART = 2, /* of a name with dots: these, and the dot */
    PLACE_END = 4,
    DIALECT = 8,
    SLASH = 16
};

static const unsigned char byte_traits[256] = {
    ['0' ... '9'] = LETTER | NAME_PART,
    ['A' ... 'Z'] = LETTER | NAME_PART,
    ['a' ... 'z'] = LETTER | NAME_PART,
    ['_'] = LETTER | NAME_PART,
    ['.'] = NAME_PART | DIALECT,
    ['\''] = PLACE_END,
    ['"'] = PLACE_END,
    ['`'] = PLACE_END,
    [']'] = PLACE_END,
    ['\\'] = DIALECT,
    ['#'] = DIALECT,
    ['|'] = DIALECT,
    ['-'] = DIALECT,
    ['!'] = DIALECT,
    ['/'] = SLASH,
};

static bool is_letter(char c)
{
    return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_';
}

static char byte_at(slice value, size_t at)
{
    return at < value.len ? value.ptr[at] : '\0';
}

/* Whether MySQL reads what stands at `at` in another way. */
static bool is_of_dialect(slice value, size_t at)
{
    char c = value.ptr[at], next = byte_at(value, at + 1);
    switch (c) {
    case '\\':
    case '#':
        return true;
    case '-':
    case '|':
        return next == c;
    case '!':
        return at > 0 && value.ptr[at - 1] == '*';
    default: /* 1.e */
        return ascii_lower(next) == 'e';
    }
}

/* A byte that is no part of a plain text. */
static void note_sign(slice value, size_t at, struct traits *t)
{
    static const char ends[] = { '\'', '"', '`', ']' };
    unsigned char traits = byte_traits[(unsigned char)value.ptr[at]];
    if (traits & PLACE_END)
        for (unsigned i = 0; i < ARRAY_LENGTH(ends); i++)
            t->has[i] |= value.ptr[at] == ends[i];
    if (traits & DIALECT)
        t->has_other_dialect |= is_of_dialect(value, at);
    if (traits & SLASH && at > 0 && value.ptr[at - 1] == '*')
        t->behind_comment = at + 1;
}

static int find_traits(slice value, struct traits *ret, struct work *work)
{
    struct traits t = { 0 };
    unsigned all = LETTER | NAME_PART;
    for (size_t at = 0; at < value.len; at += WORK_BLOCK) {
        size_t end = value.len - at < WORK_BLOCK ? value.len : at + WORK_BLOCK;
        TRY(work_spend(work, end - at));
        for (size_t i = at; i < end; i++) {
            unsigned char traits = byte_traits[(unsigned char)value.ptr[i]];
            all &= traits;
            if (traits >= PLACE_END)
                note_sign(value, i, &t);
        }
    }
    /* One that has dots begins with a letter: behind a name stands a number at most, which nothing
     * joins to it; behind a number there may be a word. */
    t.is_name = (all & LETTER) || ((all & NAME_PART) && value.len && is_letter(value.ptr[0]));
    *ret = t;
    return 0;
}

/* A word has none of them. */
void sqli_required(struct byte_set *ret)
{
    *ret = (struct byte_set){ 0 };
    byte_set_add_range(ret, '0', '9');
    byte_set_add_range(ret, 'A', 'Z');
    byte_set_add_range(ret, 'a', 'z');
    byte_set_add(ret, '_');
    byte_set_invert(ret);
}

/* 1 with *ret filled in · 0 · -errno */
static int judge(slice value, enum sql_place place, bool is_mysql, struct sqli_result *ret,
                 struct work *work)
{
    struct sql_walk walk;
    TRY(sql_walk(&walk, value, place, is_mysql, work));
    if (!walk.because)
        return 0;
    if (ret) {
        TRY(sql_fold(value, place, is_mysql, work, ret->fingerprint));
        ret->because = walk.because;
    }
    return 1;
}

static int judge_dialects(slice value, enum sql_place place, const struct traits *t,
                          struct sqli_result *ret, struct work *work)
{
    int result = judge(value, place, false, ret, work);
    return result == 0 && t->has_other_dialect ? judge(value, place, true, ret, work) : result;
}

int sqli_detect(slice value, struct sqli_result *ret, struct work *work)
{
    struct traits traits;
    TRY(find_traits(value, &traits, work));
    if (traits.is_name)
        return 0;
    int result = judge_dialects(value, SQL_PLACE_PLAIN, &traits, ret, work);
    for (unsigned i = 0; i < ARRAY_LENGTH(traits.has) && result == 0; i++)
        if (traits.has[i])
            result = judge_dialects(value, SQL_PLACE_SINGLE + i, &traits, ret, work);
    if (result == 0 && traits.behind_comment)
        result = judge_dialects(slice_after(value, traits.behind_comment), SQL_PLACE_COMMENT,
                                &traits, ret, work);
    return result;
}
