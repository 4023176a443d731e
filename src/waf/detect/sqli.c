#include "waf/detect/sqli.h"

#include "waf/byte_set.h"
#include "waf/detect/sql_fold.h"
#include "waf/detect/sql_walk.h"

/* What a value holds that decides which places and dialects are worth a walk. */
struct traits {
    bool has[4];            /* what ends a place: ' " ` ] */
    bool has_other_dialect; /* \ # || /\*! and -- mean something else to MySQL */
    size_t behind_comment;  /* behind the last end of a comment; 0: none */
    bool is_word;           /* letters and digits only: nothing to leave a place with */
};

static int find_traits(slice value, struct traits *ret, struct work *work)
{
    struct traits t = { .is_word = true };
    for (size_t at = 0; at < value.len; at += WORK_BLOCK) {
        slice block = slice_first(slice_after(value, at), WORK_BLOCK);
        TRY(work_spend(work, block.len));
        for (size_t i = 0; i < block.len; i++) {
            char c = block.ptr[i], lower = ascii_lower(c);
            if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9'))
                continue;
            t.is_word = false;
            t.has[0] |= c == '\'';
            t.has[1] |= c == '"';
            t.has[2] |= c == '`';
            t.has[3] |= c == ']';
            t.has_other_dialect |= (lower == '.' && at + i + 1 < value.len &&
                                    ascii_lower(value.ptr[at + i + 1]) == 'e') ||
                                   c == '\\' || c == '#' || c == '|' || c == '-' || c == '!';
            if (c == '/' && at + i > 0 && value.ptr[at + i - 1] == '*')
                t.behind_comment = at + i + 1;
        }
    }
    *ret = t;
    return 0;
}

/* What find_traits calls a word has none of them. */
void sqli_required(struct byte_set *ret)
{
    *ret = (struct byte_set){ 0 };
    byte_set_add_range(ret, '0', '9');
    byte_set_add_range(ret, 'A', 'Z');
    byte_set_add_range(ret, 'a', 'z');
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
    if (traits.is_word)
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
