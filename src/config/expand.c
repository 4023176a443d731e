#include "config/expand.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

#define EXPANDED_BYTES_MAX (1u << 20)

struct reference {
    enum reference_kind kind;
    slice name;
    bool has_default;
    slice fallback;
};

static int parse_reference(slice inside, struct reference *ret)
{
    static const struct {
        const char *prefix;
        enum reference_kind kind;
    } kinds[] = { { "env:", REFERENCE_ENVIRONMENT },
                  { "file:", REFERENCE_FILE },
                  { "cred:", REFERENCE_CREDENTIAL } };
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        slice prefix = slice_from(kinds[i].prefix);
        if (!slice_starts_with(inside, prefix))
            continue;
        slice name = slice_after(inside, prefix.len);
        size_t dash = slice_find(name, SLICE(":-"));
        *ret = (struct reference){ .kind = kinds[i].kind,
                                   .name = slice_first(name, dash),
                                   .has_default = dash < name.len,
                                   .fallback = slice_after(name, dash + 2) };
        return ret->name.len ? 0 : -EINVAL;
    }
    return -EINVAL;
}

static const char *const kind_names[] = { "environment variable", "file", "credential" };

static int report(const struct word *word, const struct reference *r, int error,
                  struct diagnostics *d)
{
    if (error == -ENOMEM)
        return -ENOMEM;
    struct diagnostic *item;
    if (error == -ENOENT)
        item = diagnostics_add(d, E0503, &word->span, "there is no %s '%.*s'", kind_names[r->kind],
                               SLICE_ARGUMENTS(r->name));
    else
        item = diagnostics_add(d, E0503, &word->span, "cannot read the %s '%.*s': %s",
                               kind_names[r->kind], SLICE_ARGUMENTS(r->name), file_problem(error));
    diagnostic_label(d, item, "needed here");
    if (r->kind == REFERENCE_ENVIRONMENT)
        diagnostic_help(d, item, "set it, or give a default: ${env:%.*s:-value}",
                        SLICE_ARGUMENTS(r->name));
    if (r->kind == REFERENCE_CREDENTIAL)
        diagnostic_help(d, item, "credentials come from systemd: LoadCredential=%.*s:/path",
                        SLICE_ARGUMENTS(r->name));
    return -EINVAL;
}

static int report_form(const struct word *word, struct diagnostics *d)
{
    struct diagnostic *item =
        diagnostics_add(d, E0108, &word->span, "a reference that cannot be read");
    diagnostic_label(d, item, "not one of the known forms");
    diagnostic_help(d, item, "${env:NAME}, ${env:NAME:-default}, ${file:/path} or ${cred:name}");
    return -EINVAL;
}

/* Bytes up to the next reference, decoded when the word is a string. */
static void write_plain(struct writer *w, const struct word *word, slice plain)
{
    if (word->kind != TOKEN_STRING) {
        writer_slice_add(w, plain);
        return;
    }
    if (plain.len > w->capacity - w->len) {
        w->overflowed = true;
        return;
    }
    w->len += string_decode(plain, w->ptr + w->len);
}

/* One reference at the front of *rest: its value to w. */
static int write_reference(struct writer *w, const struct word *word, slice *rest,
                           const struct reader *reader, struct diagnostics *d)
{
    size_t end = slice_find_byte(*rest, '}');
    struct reference r;
    if (end == rest->len || parse_reference(slice_after(slice_first(*rest, end), 2), &r) != 0)
        return report_form(word, d);
    *rest = slice_after(*rest, end + 1);
    struct arena scratch __attribute__((cleanup(arena_close))) = { 0 };
    arena_open(&scratch, NULL, 0, 4096, 4 * EXPANDED_BYTES_MAX);
    slice value;
    int error = reader->find_reference(reader->context, &scratch, r.kind, r.name, &value);
    if (error == -ENOENT && r.has_default)
        value = r.fallback;
    else if (error)
        return report(word, &r, error, d);
    writer_slice_add(w, value);
    return 0;
}

static int expand(struct writer *w, const struct word *word, const struct reader *reader,
                  struct diagnostics *d)
{
    slice rest = word->text;
    while (rest.len) {
        size_t plain = slice_find(rest, SLICE("${"));
        write_plain(w, word, slice_first(rest, plain));
        rest = slice_after(rest, plain);
        if (rest.len)
            TRY(write_reference(w, word, &rest, reader, d));
    }
    if (!w->overflowed)
        return 0;
    diagnostics_add(d, E0503, &word->span, "the value is longer than %u bytes", EXPANDED_BYTES_MAX);
    return -EINVAL;
}

int word_expand(const struct word *word, const struct reader *reader, struct arena *a,
                struct diagnostics *d, slice *ret)
{
    if (!word->has_reference) {
        *ret = word->text;
        return 0;
    }
    struct arena scratch __attribute__((cleanup(arena_close))) = { 0 };
    arena_open(&scratch, NULL, 0, 4096, 4 * EXPANDED_BYTES_MAX);
    char *memory = arena_take(&scratch, EXPANDED_BYTES_MAX);
    if (!memory)
        return -ENOMEM;
    struct writer w = writer_over(memory, EXPANDED_BYTES_MAX);
    TRY(expand(&w, word, reader, d));
    slice copy = arena_copy(a, writer_slice(&w));
    explicit_bzero(memory, w.len);
    if (!copy.ptr)
        return -ENOMEM;
    *ret = copy;
    return 0;
}
