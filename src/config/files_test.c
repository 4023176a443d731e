#include "base/test.h"
#include "config/files.h"
#include "config/memory_reader.h"

static struct diagnostics diagnostics;
static struct arena arena;
static struct files files;

static int open(UNUSED void **state)
{
    diagnostics_open(&diagnostics);
    arena_open(&arena, NULL, 0, 4096, 256u << 20);
    return 0;
}

static int close(UNUSED void **state)
{
    diagnostics_close(&diagnostics);
    arena_close(&arena);
    return 0;
}

static void read_files(const struct memory_file *table)
{
    static struct memory_reader memory;
    static struct reader reader;
    memory.files = table;
    reader = memory_reader(&memory);
    files = (struct files){ .arena = &arena, .reader = &reader, .diagnostics = &diagnostics };
    assert_int_equal(files_read(&files, SLICE("etc/main.conf")), 0);
}

TEST(includes_are_relative_and_sorted_by_the_reader)
{
    static const struct memory_file table[] = {
        { "etc/main.conf", "include sites/*.conf more.conf\nlisten :80\n" },
        { "etc/more.conf", "workers 1\n" },
        { "etc/sites/a.conf", "site a { }\n" },
        { "etc/sites/b.conf", "site b { }\n" },
        { NULL, NULL },
    };
    read_files(table);
    assert_int_equal(diagnostics.errors, 0);
    assert_int_equal(files.count, 4);
    assert_slice_equal(files.first->next->source.name, SLICE("etc/sites/a.conf"));
    assert_slice_equal(files.last->source.name, SLICE("etc/more.conf"));
}

TEST(a_file_that_includes_itself_is_an_error)
{
    static const struct memory_file table[] = {
        { "etc/main.conf", "include b.conf\n" },
        { "etc/b.conf", "include main.conf\n" },
        { NULL, NULL },
    };
    read_files(table);
    assert_int_equal(diagnostics.errors, 1);
    assert_int_equal(diagnostics.items[0].code, E0502);
    assert_slice_equal(diagnostics.items[0].file, SLICE("etc/b.conf"));
}

TEST(a_missing_file_is_an_error_and_an_empty_pattern_a_warning)
{
    static const struct memory_file table[] = {
        { "etc/main.conf", "include none.conf\ninclude none/*.conf\ninclude ${env:no}\n" },
        { NULL, NULL },
    };
    read_files(table);
    assert_int_equal(diagnostics.count, 3);
    assert_int_equal(diagnostics.items[0].code, E0501);
    assert_int_equal(diagnostics.items[1].code, W0703);
    assert_int_equal(diagnostics.items[2].code, E0503);
}

TEST(includes_nest_so_deep_and_no_deeper)
{
    static char names[40][16], texts[40][32];
    static struct memory_file table[41];
    for (int i = 0; i < 40; i++) {
        struct writer name = writer_over(names[i], 15), text = writer_over(texts[i], 31);
        writer_format(&name, "etc/%d.conf", i);
        writer_format(&text, "include %d.conf\n", i + 1);
        table[i] = (struct memory_file){ i ? names[i] : "etc/main.conf", texts[i] };
    }
    read_files(table);
    assert_int_equal(diagnostics.errors, 1);
    assert_int_equal(diagnostics.items[0].code, E0110);
}

static slice expand(slice text)
{
    struct source source = { .name = SLICE("t"), .text = text };
    struct tree tree;
    slice value = SLICE("?");
    assert_int_equal(tree_parse(&tree, &source, &arena, &diagnostics), 0);
    struct memory_reader memory = { 0 };
    struct reader reader = memory_reader(&memory);
    const struct word *word = &tree.root.first->arguments[0];
    if (word_expand(word, &reader, &arena, &diagnostics, &value) != 0)
        return SLICE("refused");
    return value;
}

TEST(references_are_replaced_once_and_never_split)
{
    assert_slice_equal(expand(SLICE("a b${env:X}c")), SLICE("bthe {value} \\ of ${env:other}c"));
    assert_slice_equal(expand(SLICE("a \"\\t${env:no:-x y}\\n\"")), SLICE("\tx y\n"));
    assert_slice_equal(expand(SLICE("a ${env:nothing:-}")), SLICE(""));
    assert_slice_equal(expand(SLICE("a `${env:X}`")), SLICE("${env:X}"));
    assert_int_equal(expand(SLICE("a ${cred:long}")).len, 100u << 10);
    assert_int_equal(diagnostics.errors, 0);
}

TEST(references_that_give_nothing_are_errors)
{
    static const struct {
        slice text;
        enum diagnostic_code code;
    } cases[] = {
        { SLICE("a ${env:no}"), E0503 },
        { SLICE("a ${file:no}"), E0503 },
        { SLICE("a ${cred:no}"), E0503 },
        { SLICE("a ${none:x}"), E0108 },
        { SLICE("a ${env:}"), E0108 },
        { SLICE("a ${}"), E0108 },
        { SLICE("a \"${env\""), E0108 },
        { SLICE("a ${cred:long}${cred:long}${cred:long}${cred:long}${cred:long}${cred:long}"
                "${cred:long}${cred:long}${cred:long}${cred:long}${cred:long}"),
          E0503 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        diagnostics_close(&diagnostics);
        diagnostics_open(&diagnostics);
        assert_slice_equal(expand(cases[i].text), SLICE("refused"));
        assert_int_equal(diagnostics.errors, 1);
        assert_int_equal(diagnostics.items[0].code, cases[i].code);
    }
}

#define IN_ORDER(test) cmocka_unit_test_setup_teardown(test, open, close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ORDER(includes_are_relative_and_sorted_by_the_reader),
        IN_ORDER(a_file_that_includes_itself_is_an_error),
        IN_ORDER(a_missing_file_is_an_error_and_an_empty_pattern_a_warning),
        IN_ORDER(includes_nest_so_deep_and_no_deeper),
        IN_ORDER(references_are_replaced_once_and_never_split),
        IN_ORDER(references_that_give_nothing_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
