/* The page of SecLang has every word that there is (waf/seclang/words_test.c: every word of every
 * table is one). */
#include <stdlib.h>

#include "base/test.h"
#include "control/reference.h"

static slice page;

static int write_page(UNUSED void **state)
{
    char *memory = malloc(REFERENCE_BYTES_MAX);
    if (!memory)
        return -1;
    struct writer w = writer_over(memory, REFERENCE_BYTES_MAX);
    reference_write_seclang_markdown(&w);
    page = writer_slice(&w);
    return w.overflowed ? -1 : 0;
}

static int drop_page(UNUSED void **state)
{
    free((char *)(uintptr_t)page.ptr);
    return 0;
}

/* As it stands in the first column of a table. */
static void assert_told(const char *before, const char *name)
{
    char text[128];
    struct writer w = writer_over(text, sizeof text);
    writer_format(&w, "| `%s%s`", before, name);
    assert_false(w.overflowed);
    if (slice_find(page, writer_slice(&w)) == page.len)
        fail_msg("%s%s is not in the page", before, name);
}

TEST(every_word_is_in_the_page)
{
    for (unsigned kind = 0; kind < WORD_KINDS; kind++) {
        struct waf_word word;
        for (unsigned i = 0; waf_word_at((enum waf_word_kind)kind, i, &word); i++)
            if (kind != WORD_SELECTOR && kind != WORD_MACRO) /* a | in them is escaped */
                assert_told(word.before, word.name);
    }
}

TEST(a_row_has_as_many_cells_as_its_table)
{
    slice rest = page;
    unsigned rows = 0;
    while (rest.len) {
        slice line = slice_first(rest, slice_find_byte(rest, '\n'));
        unsigned bars = 0;
        rest = slice_after(rest, line.len + 1);
        for (size_t i = 0; i < line.len; i++)
            bars += line.ptr[i] == '|' && (i == 0 || line.ptr[i - 1] != '\\');
        if (line.len == 0 || line.ptr[0] != '|')
            continue;
        if (bars != 5)
            fail_msg("%.*s", SLICE_ARGUMENTS(line));
        rows++;
    }
    assert_true(rows > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_in_the_page),
        cmocka_unit_test(a_row_has_as_many_cells_as_its_table),
    };
    return cmocka_run_group_tests(tests, write_page, drop_page);
}
