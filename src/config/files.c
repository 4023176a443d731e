#include "config/files.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

/* FNV-1a (Fowler, Noll, Vo): names of files are the operator's own. */
static struct file **bucket_of(struct files *f, slice name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.ptr[i]) * 16777619u;
    return &f->buckets[hash % FILES_BUCKETS];
}

static bool was_read(struct files *f, slice name)
{
    for (const struct file *file = *bucket_of(f, name); file; file = file->same_bucket)
        if (slice_equal(file->source.name, name))
            return true;
    return false;
}

static int add_file(struct files *f, slice name, slice text, const struct source *from,
                    struct file **ret)
{
    struct file *file = arena_take(f->arena, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->source =
        (struct source){ .name = name, .text = text, .included_from = from, .index = f->count++ };
    struct file **bucket = bucket_of(f, name);
    file->same_bucket = *bucket;
    *bucket = file;
    if (f->last)
        f->last->next = file;
    else
        f->first = file;
    f->last = file;
    *ret = file;
    return tree_parse(&file->tree, &file->source, f->arena, f->diagnostics);
}

/* The statement that asks for a file; NULL for the first one. */
struct request {
    const struct source *from;
    const struct word *word;
};

static int report(struct files *f, const struct request *r, slice path, const char *why)
{
    if (r->word)
        path = word_shown(r->word, path);
    struct diagnostic *item =
        diagnostics_add(f->diagnostics, E0501, r->word ? &r->word->span : NULL,
                        "cannot read '%.*s': %s", SLICE_ARGUMENTS(path), why);
    if (r->word)
        diagnostic_label(f->diagnostics, item, "included here");
    return 0;
}

static bool is_cycle(const struct source *from, slice path)
{
    for (; from; from = from->included_from)
        if (slice_equal(from->name, path))
            return true;
    return false;
}

static uint32_t depth_of(const struct source *from)
{
    uint32_t depth = 0;
    for (; from; from = from->included_from)
        depth++;
    return depth;
}

static int read_one(struct files *f, const struct request *r, slice path)
{
    struct diagnostics *d = f->diagnostics;
    if (was_read(f, path)) {
        bool includes_itself = is_cycle(r->from, path);
        struct diagnostic *item = diagnostics_add(
            d, E0502, &r->word->span, "'%.*s' %s", SLICE_ARGUMENTS(word_shown(r->word, path)),
            includes_itself ? "includes itself" : "is included twice");
        diagnostic_label(d, item, includes_itself ? "closes the circle" : "second time");
        return 0;
    }
    if (depth_of(r->from) >= FILES_DEPTH_MAX || f->count >= FILES_MAX) {
        diagnostics_add(d, E0110, r->word ? &r->word->span : NULL,
                        "includes nest at most %u deep, and bring at most %u files",
                        FILES_DEPTH_MAX, FILES_MAX);
        return 0;
    }
    slice text;
    const struct reader *reader = f->reader;
    int error = (r->word ? reader->read_file : reader->read_input)(
        reader->context, f->arena, path, FILES_BYTES_MAX - f->bytes, &text);
    if (error == -ENOMEM)
        return error;
    if (error)
        return report(f, r, path, file_problem(error));
    f->bytes += text.len;
    struct file *file;
    return add_file(f, path, text, r->from, &file);
}

static bool is_pattern(slice text)
{
    return slice_find_byte(text, '*') < text.len || slice_find_byte(text, '?') < text.len ||
           slice_find_byte(text, '[') < text.len;
}

/* `path` as seen from the folder of the including file. */
static int join_path(struct files *f, const struct source *from, slice path, slice *ret)
{
    size_t folder = from->name.len;
    while (folder > 0 && from->name.ptr[folder - 1] != '/')
        folder--;
    if (path.len == 0 || path.ptr[0] == '/' || folder == 0) {
        *ret = path;
        return 0;
    }
    char *joined = arena_take(f->arena, folder + path.len);
    if (!joined)
        return -ENOMEM;
    memcpy(joined, from->name.ptr, folder);
    memcpy(joined + folder, path.ptr, path.len);
    *ret = slice_of(joined, folder + path.len);
    return 0;
}

static int read_pattern(struct files *f, const struct request *r, slice pattern)
{
    slice *paths;
    uint32_t count;
    int error = f->reader->list_files(f->reader->context, f->arena, pattern, &paths, &count);
    if (error == -ENOMEM)
        return error;
    if (error)
        return report(f, r, pattern, strerror(-error));
    if (count == 0) {
        struct diagnostic *item =
            diagnostics_add(f->diagnostics, W0703, &r->word->span, "no file matches '%.*s'",
                            SLICE_ARGUMENTS(word_shown(r->word, pattern)));
        diagnostic_label(f->diagnostics, item, "includes nothing");
    }
    for (uint32_t i = 0; i < count; i++)
        TRY(read_one(f, r, paths[i]));
    return 0;
}

static int read_word(struct files *f, const struct source *from, struct statement *s,
                     const struct word *word)
{
    slice text, path;
    int error = word_expand(word, f->reader, f->arena, f->diagnostics, &text);
    if (error == -EINVAL) {
        statement_mark_broken(s);
        return 0;
    }
    TRY(error);
    TRY(join_path(f, from, text, &path));
    struct request r = { .from = from, .word = word };
    return is_pattern(text) ? read_pattern(f, &r, path) : read_one(f, &r, path);
}

/* Follows the includes of every file, also of those that are added meanwhile. */
static int follow_includes(struct files *f)
{
    for (struct file *file = f->first; file; file = file->next)
        for (struct statement *s = file->tree.root.first; s; s = s->next) {
            if (s->is_broken || !slice_equal(s->name.text, SLICE("include")))
                continue;
            for (uint32_t i = 0; i < s->argument_count; i++)
                TRY(read_word(f, &file->source, s, &s->arguments[i]));
        }
    return 0;
}

int files_read(struct files *f, slice path)
{
    TRY(read_one(f, &(struct request){ 0 }, path));
    return follow_includes(f);
}

int files_read_text(struct files *f, slice name, slice text)
{
    struct file *file;
    TRY(add_file(f, name, text, NULL, &file));
    return follow_includes(f);
}
