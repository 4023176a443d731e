/* Any text is read, checked and laid out: nothing crashes, errors have places inside the text, and
 * a text without errors keeps its words through formatting, which changes nothing the second time.
 */
#include "base/fuzz.h"
#include "config/format.h"
#include "config/memory_reader.h"
#include "config/schema.h"

static const struct directive rows[] = {
    { .name = "password",
      .scopes = SCOPE_TOP,
      .arguments = { { .name = "SECRET", .kind = ARGUMENT_SECRET } },
      .example = "password ${cred:x}" },
    { .name = "share",
      .scopes = SCOPE_TOP | SCOPE_SITE,
      .arguments = { { .name = "SHARE", .kind = ARGUMENT_PERCENT, .min = 5, .max = 50 } },
      .example = "share 20%" },
    { .name = "limit",
      .scopes = SCOPE_TOP | SCOPE_SITE,
      .arguments = { { .name = "not", .kind = ARGUMENT_TEXT, .form = FORM_FLAG },
                     { .name = "RATE", .kind = ARGUMENT_RATE, .min = 1, .max = 1000 },
                     { .name = "burst",
                       .kind = ARGUMENT_SIZE,
                       .form = FORM_KEYWORD,
                       .min = 1,
                       .max = 9000 },
                     { .name = "HOW",
                       .kind = ARGUMENT_CHOICE,
                       .form = FORM_OPTIONAL,
                       .choices = "fast|slow",
                       .later = "warp" } },
      .example = "limit 10/s" },
    { .name = "site",
      .scopes = SCOPE_TOP | SCOPE_SITE,
      .block_scope = SCOPE_SITE,
      .is_repeatable = true,
      .arguments = { { .name = "HOST", .kind = ARGUMENT_NAME, .form = FORM_MANY } },
      .example = "site a { }" },
    { .name = "timeout",
      .scopes = SCOPE_SITE,
      .block_scope = SCOPE_TIMEOUT,
      .takes_inline = true,
      .is_repeatable = true,
      .merges = true,
      .example = "timeout idle 1s" },
    { .name = "idle",
      .scopes = SCOPE_TIMEOUT,
      .arguments = { { .name = "SPAN", .kind = ARGUMENT_DURATION, .min = 1, .max = 100000 } },
      .example = "idle 1s" },
    { .name = "include",
      .scopes = SCOPE_TOP,
      .is_repeatable = true,
      .arguments = { { .name = "FILE", .kind = ARGUMENT_TEXT, .form = FORM_MANY } },
      .example = "include x" },
};
static const struct directive_table table = { "Fuzz", rows, ARRAY_LENGTH(rows) };
static const struct directive_table *const tables[] = { &table, NULL };
static const char *const later[] = { "shield", NULL };
static const struct habit habits[] = { { "location", "that is 'site' here" }, { NULL, NULL } };
static const struct memory_file included[] = { { "a", "share 20%" },
                                               { "b", "include a b" },
                                               { NULL, NULL } };

static slice format(struct arena *a, const struct tree *tree)
{
    size_t room = tree->source->text.len * FORMAT_GROWTH + 4096;
    char *memory = arena_take(a, room);
    ASSERT(memory);
    struct writer w = writer_over(memory, room);
    tree_format(&w, tree);
    ASSERT(!w.overflowed);
    return writer_slice(&w);
}

static void assert_same_words(struct statement *a, struct statement *b)
{
    while (a && b) {
        ASSERT(slice_equal(a->name.text, b->name.text));
        ASSERT(a->argument_count == b->argument_count && a->has_block == b->has_block);
        for (uint32_t i = 0; i < a->argument_count; i++)
            ASSERT(slice_equal(a->arguments[i].text, b->arguments[i].text));
        a = statement_following(a, false);
        b = statement_following(b, false);
    }
    ASSERT(!a && !b);
}

static void check_layout(struct arena *a, slice text)
{
    struct diagnostics d;
    struct source source = { .name = SLICE("x"), .text = text }, laid_out = { .name = SLICE("y") };
    struct tree first, second;
    diagnostics_open(&d);
    ASSERT(tree_parse(&first, &source, a, &d) == 0);
    if (!first.errors) {
        laid_out.text = format(a, &first);
        ASSERT(tree_parse(&second, &laid_out, a, &d) == 0);
        ASSERT(!second.errors && !second.layout_errors);
        assert_same_words(first.root.first, second.root.first);
        ASSERT(slice_equal(format(a, &second), laid_out.text));
    }
    diagnostics_close(&d);
}

static void check_meaning(struct arena *a, slice text)
{
    struct diagnostics d;
    struct memory_reader memory = { .files = included };
    struct reader reader = memory_reader(&memory);
    struct schema schema = { .tables = tables, .later = later, .habits = habits };
    struct files files = { .arena = a, .reader = &reader, .diagnostics = &d };
    static char shown[DIAGNOSTIC_TEXT_MAX];
    diagnostics_open(&d);
    ASSERT(schema_open(&schema, a) == 0);
    ASSERT(files_read_text(&files, SLICE("x"), text) == 0);
    ASSERT(schema_check(&schema, &files, a) == 0);
    diagnostics_sort(&d);
    for (uint32_t i = 0; i < d.count; i++) {
        struct writer w = writer_over(shown, sizeof shown);
        diagnostic_write_text(&w, &d.items[i], &(struct diagnostic_style){ .colours = i & 1 });
        diagnostic_write_json(&w, &d.items[i]);
        ASSERT(!w.overflowed);
        ASSERT(d.items[i].source_index > 0 || d.items[i].offset <= text.len);
    }
    ASSERT(!d.out_of_memory);
    diagnostics_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    slice text = fuzz_input(bytes, count);
    struct arena a;
    if (count > 20000)
        return 0;
    arena_open(&a, NULL, 0, 65536, (size_t)1 << 30);
    check_layout(&a, text);
    arena_reset(&a);
    check_meaning(&a, text);
    arena_close(&a);
    return 0;
}
