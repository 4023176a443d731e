#include "waf/detect/sql_fold.h"

/* As many letters as are shown, and as many tokens as are read for them at most. */
enum { LETTERS = 5, TOKENS_MAX = 64 };

struct fold {
    char letters[LETTERS + 2];
    unsigned count;
};

static bool is_value(char letter)
{
    return letter == '1' || letter == 'n' || letter == 'v';
}

static bool wants_value(const struct fold *f)
{
    return f->count == 0 || memchr("o&(,EUkB", f->letters[f->count - 1], 8) != NULL;
}

/* Signs before a value, ALL behind UNION, BY behind ORDER, NOT before LIKE. */
static bool melts(const struct fold *f, const struct sql_token *t)
{
    char before = f->count ? f->letters[f->count - 1] : '\0';
    if (t->letter == 'o' && wants_value(f))
        return t->word == SQL_NOT || t->word == SQL_ARITHMETIC || before == 'o';
    return (before == 'U' && t->word == SQL_ALL) || (before == 'B' && t->letter == 'B') ||
           (before == 's' && t->letter == 's') || (before == 'c' && t->letter == 'c') ||
           (t->letter == '(' && f->count == 0);
}

static void fold_token(struct fold *f, const struct sql_token *t)
{
    if (melts(f, t))
        return;
    f->letters[f->count++] = t->letter;
    /* 1 + 1, a.b * 2: one value. */
    if (f->count >= 3 && is_value(f->letters[f->count - 1]) && f->letters[f->count - 2] == 'o' &&
        is_value(f->letters[f->count - 3]))
        f->count -= 2;
}

int sql_fold(slice value, enum sql_place place, bool is_mysql, struct work *work,
             char ret_fingerprint[SQLI_FINGERPRINT_MAX + 1])
{
    struct fold f = { .count = 0 };
    struct sql_token t = { .letter = '\0' };
    struct sql_reader reader;
    sql_reader_open(&reader, value, is_mysql, work);
    if (sql_is_quoted(place)) {
        TRY(sql_read_rest_of_string(&reader, sql_place_quote(place), &t));
        fold_token(&f, &t);
    }
    for (unsigned i = 0; i < TOKENS_MAX && f.count <= LETTERS; i++) {
        TRY(sql_read(&reader, &t));
        if (t.letter == '\0')
            break;
        if (t.letter == 'c' && !t.is_line && !t.is_open)
            continue;
        fold_token(&f, &t);
    }
    unsigned count = f.count < LETTERS ? f.count : LETTERS;
    memcpy(ret_fingerprint, f.letters, count);
    ret_fingerprint[count] = '\0';
    return 0;
}
