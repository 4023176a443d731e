/* What strangers send costs the detectors in proportion to its bytes: eight times the value, eight
 * times the steps, whatever is repeated. Steps are counted, not timed, with a call at every branch;
 * the account that the detectors keep themselves is held against them. */
#include "base/count_steps.h"
#include "base/test.h"
#include "waf/detect/sqli.h"
#include "waf/detect/xss.h"

#define FEW       1024u
#define TIMES     8u
#define BYTES_MAX (FEW * TIMES)

/* What is repeated; what stands before it decides how far a walk goes. */
static const char *const units[] = {
    "'",       "\"",         "`",           "''",       "' ",         "\\",
    "\\'",     "/*",         "/*!",         "/*!0",     "*/",         "/**/",
    "--",      "--\n",       "-- x\n",      "#",        "#\n",        "(",
    "((",      ")",          "()",          "1",        "1 ",         "1+",
    "1,",      "1 or ",      "a.",          "a ",       "a,",         "a(",
    "f((",     "[",          "[a",          "]",        "@",          "@@",
    "@`",      "$",          "$$",          "$a$",      "$a",         ".",
    "..",      "1.e",        "1.e(",        "0x",       "x'",         "n'",
    "|",       "||",         "&&",          "=",        "<=>",        "+",
    "-",       "!",          ";",           ";begin ",  "not ",       "select ",
    "union ",  "union all ", "(select ",    "case ",    "case when ", "order by ",
    "top 1 ",  "as a ",      "in boolean ", "join ",    "\xa0",       "\x01",
    "{",       "{x ",        "a'b\"c`d",    "and a=b ", "or a(b) ",   "a between 1 and ",
    ", (a)",   "1d",         "<",           "<a",       "<a ",        "<a b",
    "<a b=",   "<a b=c ",    "<a b='",      "<a b=\">", "<!",         "<!-",
    "<!--",    "<!-->",      "<!---",       "-->",      "<?",         "</",
    "</a",     "</a>",       ">",           "<style>",  "<style",     "a=",
    "a=b ",    "a =",        "a = b ",      "on",       "on=",        "onx=y ",
    "onload=", "&",          "&#",          "&#0",      "&#x",        "&#x0",
    "&a",      "&tab;",      "href=",       "href=j",   "href=&#",    "href=\t",
    "style=e", "style=ex",   "e",           "ex",       "j",          "ja",
    ":",       "src=:",      "=",           "==",       "/",          " ",
    "\t",      "\n",         "<\n",         "a:b ",
};

static const char *const beginnings[] = {
    "",  "1 ",  "1 and ",  "x' ",      "x\" or ",   "x` ", "x] ",  "1 union select ",
    "(", "<a ", "<a b=\"", "<a href=", "<a style=", "\" ", "' a=", "javascript:"
};

static slice repeat(char *memory, size_t bytes, const char *beginning, const char *unit)
{
    size_t count = strlen(beginning), length = strlen(unit);
    memcpy(memory, beginning, count);
    while (count + length <= bytes)
        memcpy(memory + count, unit, length), count += length;
    return slice_of(memory, count);
}

static uint64_t cost(int (*detect)(slice value, struct work *work), slice value)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    steps_counted = 0;
    assert_true(detect(value, &work) >= 0);
    uint64_t counted = steps_counted;
    /* A step of the account is about one byte: a few dozen branches at the very most. */
    if (counted > 120 * work_spent(&work) + 20000)
        fail_msg("%lu steps for an account of %lu: %.20s …", (unsigned long)counted,
                 (unsigned long)work_spent(&work), value.ptr);
    return counted;
}

/* Between two pauses, as the account sees it, no more is done than it says. */
struct stretch {
    uint64_t began, longest;
};

static bool note_stretch(void *context)
{
    struct stretch *s = context;
    uint64_t steps = steps_counted - s->began;
    s->longest = steps > s->longest ? steps : s->longest;
    s->began = steps_counted;
    return true;
}

static void check_stretches(int (*detect)(slice value, struct work *work), const char *inside)
{
    enum { BYTES = 1 << 16, STEPS_EACH = 40 };
    static char memory[BYTES];
    const char *const begins[] = { "", inside };
    for (size_t b = 0; b < ARRAY_LENGTH(begins); b++)
        for (size_t u = 0; u < ARRAY_LENGTH(units); u++) {
            struct work work;
            struct stretch stretch = { .began = steps_counted };
            slice value = repeat(memory, BYTES, begins[b], units[u]);
            work_open(&work, 0, note_stretch, &stretch);
            assert_true(detect(value, &work) >= 0);
            note_stretch(&stretch);
            if (stretch.longest > STEPS_EACH * (uint64_t)(WORK_PAUSE_STEPS + WORK_BLOCK))
                fail_msg("%s%s…: %lu steps at a stretch", begins[b], units[u],
                         (unsigned long)stretch.longest);
        }
}

static int sqli(slice value, struct work *work)
{
    struct sqli_result result;
    return sqli_detect(value, &result, work);
}

static int xss(slice value, struct work *work)
{
    struct xss_result result;
    return xss_detect(value, &result, work);
}

static void check_linear(int (*detect)(slice value, struct work *work))
{
    static char memory[BYTES_MAX];
    for (size_t b = 0; b < ARRAY_LENGTH(beginnings); b++)
        for (size_t u = 0; u < ARRAY_LENGTH(units); u++) {
            uint64_t few = cost(detect, repeat(memory, FEW, beginnings[b], units[u]));
            uint64_t many = cost(detect, repeat(memory, BYTES_MAX, beginnings[b], units[u]));
            if (many > (few + 1000) * (TIMES + 1))
                fail_msg("%s%s…: %lu steps for %u bytes, %lu for %u", beginnings[b], units[u],
                         (unsigned long)few, FEW, (unsigned long)many, BYTES_MAX);
        }
}

TEST(injections_are_looked_for_in_linear_time)
{
    check_linear(sqli);
}

TEST(script_is_looked_for_in_linear_time)
{
    check_linear(xss);
}

TEST(large_values_are_looked_at_in_short_stretches)
{
    check_stretches(sqli, "x' or ");
    check_stretches(xss, "<a ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(injections_are_looked_for_in_linear_time),
        cmocka_unit_test(script_is_looked_for_in_linear_time),
        cmocka_unit_test(large_values_are_looked_at_in_short_stretches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
