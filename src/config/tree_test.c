#include "base/test.h"
#include "config/format.h"
#include "config/tree.h"

static struct diagnostics diagnostics;
static struct arena arena;
static struct source source;
static struct tree tree;

static int open(UNUSED void **state)
{
    diagnostics_open(&diagnostics);
    arena_open(&arena, NULL, 0, 4096, 64u << 20);
    return 0;
}

static int close(UNUSED void **state)
{
    diagnostics_close(&diagnostics);
    arena_close(&arena);
    return 0;
}

static void parse(slice text)
{
    source = (struct source){ .name = SLICE("test.conf"), .text = text };
    assert_int_equal(tree_parse(&tree, &source, &arena, &diagnostics), 0);
}

/* What a text looks like after formatting. */
static slice format(slice text)
{
    parse(text);
    size_t room = text.len * FORMAT_GROWTH + 4096;
    struct writer w = writer_over(arena_take(&arena, room), room);
    tree_format(&w, &tree);
    assert_false(w.overflowed);
    return writer_slice(&w);
}

TEST(statements_words_and_blocks_become_a_tree)
{
    parse(SLICE("listen :80\nsite a b { to \"x y\"; route /x/* { to `z` } }\nworkers 2"));
    const struct statement *listen = tree.root.first, *site = listen->next, *to = site->first,
                           *route = to->next;
    assert_slice_equal(listen->name.text, SLICE("listen"));
    assert_int_equal(site->argument_count, 2);
    assert_true(site->has_block);
    assert_slice_equal(to->arguments[0].text, SLICE("x y"));
    assert_slice_equal(route->first->arguments[0].text, SLICE("z"));
    assert_ptr_equal(route->first->parent, route);
    assert_int_equal(route->first->depth, 3);
    assert_slice_equal(site->next->name.text, SLICE("workers"));
    assert_null(site->next->next);
    assert_int_equal(diagnostics.errors, 0);
}

TEST(strings_are_decoded)
{
    parse(SLICE("a \"q\\\"b\\\\s\\nn\\tt\\u{e4}\\u{1F512}\\{x\" \"\""));
    assert_slice_equal(tree.root.first->arguments[0].text,
                       SLICE("q\"b\\s\nn\tt\xc3\xa4\xf0\x9f\x94\x92\\{x"));
    assert_int_equal(tree.root.first->arguments[1].text.len, 0);
}

TEST(walking_the_tree_visits_every_statement_in_order)
{
    parse(SLICE("a { b { c }; d }\ne"));
    char names[16] = "";
    size_t count = 0;
    for (struct statement *s = tree.root.first; s; s = statement_following(s, false))
        names[count++] = s->name.text.ptr[0];
    assert_string_equal(names, "abcde");
    struct statement *a = tree.root.first;
    assert_ptr_equal(statement_following(a, true), a->next);
}

TEST(the_block_that_is_never_closed_is_found_by_indentation)
{
    parse(SLICE("site a {\n  route /x {\n    to b\n}\nsite c { to d }\n"));
    assert_int_equal(diagnostics.errors, 1);
    const struct diagnostic *d = &diagnostics.items[0];
    assert_int_equal(d->code, E0102);
    assert_int_equal(d->line, 2);
    assert_slice_equal(d->help, SLICE("add a '}' after line 3 (judging by indentation)"));
}

TEST(structural_errors_are_found_together)
{
    parse(SLICE("a\n{\n b\n}\n}\n\"c\" d\ne \"f\"g\n5 x\n"));
    static const enum diagnostic_code codes[] = { E0104, E0105, E0111, E0109, E0111 };
    assert_int_equal(diagnostics.errors, ARRAY_LENGTH(codes));
    diagnostics_sort(&diagnostics);
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
        assert_int_equal(diagnostics.items[i].code, codes[i]);
    assert_slice_equal(tree.root.first->first->name.text, SLICE("b"));
}

TEST(depth_is_bounded)
{
    char text[4096];
    struct writer w = writer_over(text, sizeof text);
    for (int i = 0; i < 100; i++)
        writer_text(&w, "a { ");
    parse(writer_slice(&w));
    assert_int_equal(diagnostics.errors, 1);
    assert_int_equal(diagnostics.items[0].code, E0110);
}

TEST(arguments_of_one_statement_are_bounded)
{
    size_t room = (TREE_ARGUMENTS_MAX + 10) * 2 + 16;
    struct writer w = writer_over(arena_take(&arena, room), room);
    writer_text(&w, "a");
    for (uint32_t i = 0; i < TREE_ARGUMENTS_MAX + 5; i++)
        writer_text(&w, " b");
    writer_text(&w, "\nc\n");
    parse(writer_slice(&w));
    assert_int_equal(diagnostics.errors, 1);
    assert_int_equal(diagnostics.items[0].code, E0110);
    assert_slice_equal(tree.root.last->name.text, SLICE("c"));
}

/* Every byte that is not white space, ';', '\' or a byte-order mark belongs to a span. */
static void cover(char *covered, const struct span *s)
{
    if (s->source)
        memset(covered + s->offset, 1, s->length);
}

static void cover_comments(char *covered, const struct comment_list *list)
{
    for (const struct comment *c = list->first; c; c = c->next)
        cover(covered, &c->span);
}

TEST(nothing_in_the_text_is_lost)
{
    slice text = SLICE("# first\n\nlisten :80 \\\n  :81 # end\n# own\nsite a { # open\n  # in\n"
                       "  to b; limits { body 1M }\n  # last\n} # close\n# at the end\n");
    parse(text);
    char covered[512] = { 0 };
    for (const struct statement *s = tree.root.first; s;
         s = statement_following((struct statement *)s, false)) {
        cover(covered, &s->name.span);
        cover(covered, &s->open);
        cover(covered, &s->close);
        for (uint32_t i = 0; i < s->argument_count; i++)
            cover(covered, &s->arguments[i].span);
        cover_comments(covered, &s->before);
        cover_comments(covered, &s->before_close);
        if (s->after)
            cover(covered, &s->after->span);
        if (s->after_open)
            cover(covered, &s->after_open->span);
    }
    cover_comments(covered, &tree.root.before_close);
    for (size_t i = 0; i < text.len; i++)
        if (!covered[i] && !strchr(" \n;\\", text.ptr[i]))
            fail_msg("byte %zu '%c' is in no span", i, text.ptr[i]);
}

TEST(layout_is_one_and_stays)
{
    static const struct {
        slice in, out;
    } cases[] = {
        { SLICE(""), SLICE("") },
        { SLICE("\n\n\n"), SLICE("") },
        { SLICE("a   b\tc ;d"), SLICE("a b c\nd\n") },
        { SLICE("a\r\nb\r\n"), SLICE("a\nb\n") },
        { SLICE("a\n\n\n\nb"), SLICE("a\n\nb\n") },
        { SLICE("site a {to b }"), SLICE("site a { to b }\n") },
        { SLICE("site a {\nto b\n\n\n}"), SLICE("site a {\n  to b\n}\n") },
        { SLICE("site a {}"), SLICE("site a { }\n") },
        { SLICE("site a {\n}"), SLICE("site a {\n}\n") },
        { SLICE("a { b { c; d }; e }"), SLICE("a { b { c; d }; e }\n") },
        { SLICE("a { b { } }"), SLICE("a { b { } }\n") },
        { SLICE("a { b # c\n}"), SLICE("a {\n  b  # c\n}\n") },
        { SLICE("a { # c\n b\n}"), SLICE("a {  # c\n  b\n}\n") },
        { SLICE("a { b } # c"), SLICE("a { b }  # c\n") },
        { SLICE("#x  \n\n  # y\na"), SLICE("#x\n\n# y\na\n") },
        { SLICE("a\n# end\n"), SLICE("a\n# end\n") },
        { SLICE("a {\n  b\n  # end\n}\n"), SLICE("a {\n  b\n  # end\n}\n") },
        { SLICE("a b \\\n c"), SLICE("a b \\\n    c\n") },
        { SLICE("a \"x\\n\" `y`"), SLICE("a \"x\\n\" `y`\n") },
        { SLICE("a\n{\n b\n}\n"), SLICE("a {\n  b\n}\n") },
        { SLICE("\xef\xbb\xbf"
                "a"),
          SLICE("a\n") },
        { SLICE("a `x\n  y`\nb"), SLICE("a `x\n  y`\nb\n") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        slice once = format(cases[i].in);
        assert_slice_equal(once, cases[i].out);
        assert_slice_equal(format(once), once);
    }
}

TEST(a_line_that_is_too_long_is_opened)
{
    slice text =
        SLICE("site aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa { to bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb; "
              "limits { body 1M; body-rate 1K/s } }\n");
    slice once = format(text);
    assert_slice_equal(once, SLICE("site aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa {\n"
                                   "  to bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
                                   "  limits { body 1M; body-rate 1K/s }\n}\n"));
    assert_slice_equal(format(once), once);
}

#define IN_ORDER(test) cmocka_unit_test_setup_teardown(test, open, close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ORDER(statements_words_and_blocks_become_a_tree),
        IN_ORDER(strings_are_decoded),
        IN_ORDER(walking_the_tree_visits_every_statement_in_order),
        IN_ORDER(the_block_that_is_never_closed_is_found_by_indentation),
        IN_ORDER(structural_errors_are_found_together),
        IN_ORDER(depth_is_bounded),
        IN_ORDER(arguments_of_one_statement_are_bounded),
        IN_ORDER(nothing_in_the_text_is_lost),
        IN_ORDER(layout_is_one_and_stays),
        IN_ORDER(a_line_that_is_too_long_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
