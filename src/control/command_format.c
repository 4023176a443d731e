/* `fmt`: writes a configuration in its one layout. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/panic.h"
#include "config/format.h"
#include "control/command.h"
#include "control/load.h"
#include "control/load_reader.h"
#include "control/output.h"
#include "control/replace_file.h"

#define FILE_BYTES_MAX (64u << 20)

/* "-" is the standard input. */
static int read_source(struct arena *a, const char *path, slice *ret)
{
    bool is_input = strcmp(path, "-") == 0;
    return load_reader.read_input(NULL, a, slice_from(is_input ? "/dev/stdin" : path),
                                  FILE_BYTES_MAX, ret);
}

static int fail(const char *path, const char *what, int error)
{
    output_format(STDERR_FILENO, "portcullis: cannot %s '%s': %s\n", what, path, strerror(-error));
    return EXIT_PROBLEM;
}

/* Parses and writes into memory of the arena. -EINVAL: errors are in d. */
static int format_text(struct arena *a, struct diagnostics *d, struct source *source, slice *ret)
{
    struct tree tree;
    TRY(tree_parse(&tree, source, a, d));
    if (tree.errors)
        return -EINVAL;
    size_t most = source->text.len * FORMAT_GROWTH + 4096;
    for (size_t room = source->text.len * 2 + 4096;; room *= 2) {
        char *memory = arena_take(a, room < most ? room : most);
        if (!memory)
            return -ENOMEM;
        struct writer w = writer_over(memory, room < most ? room : most);
        tree_format(&w, &tree);
        *ret = writer_slice(&w);
        if (!w.overflowed)
            return 0;
        ASSERT(room < most);
    }
}

static int format_file(struct arena *a, struct diagnostics *d, const char *path, bool writes)
{
    struct source source = { .name = slice_from(path) };
    slice result;
    int error = read_source(a, path, &source.text);
    if (error)
        return fail(path, "read", error);
    error = format_text(a, d, &source, &result);
    if (error == -EINVAL) {
        load_report(d, path, STDERR_FILENO);
        return EXIT_PROBLEM;
    }
    if (error)
        return fail(path, "format", error);
    if (!writes) {
        output_write(STDOUT_FILENO, result);
        return EXIT_OK;
    }
    if (slice_equal(result, source.text))
        return EXIT_OK;
    error = replace_file(path, result);
    return error ? fail(path, "write", error) : EXIT_OK;
}

int command_format(int argc, char **argv)
{
    bool writes = false;
    const struct command_option options[] = {
        { .name = "--write", .short_name = "-w", .flag = &writes }
    };
    int count;
    if (command_options(argc, argv, options, ARRAY_LENGTH(options), &count) != EXIT_OK)
        return EXIT_USAGE;
    static char default_path[] = CONFIG_PATH_DEFAULT;
    char *default_paths[] = { default_path };
    char **paths = count ? argv : default_paths;
    int worst = EXIT_OK;
    for (int i = 0; i < (count ? count : 1); i++) {
        struct arena a __attribute__((cleanup(arena_close))) = { 0 };
        arena_open(&a, NULL, 0, 1u << 20, (size_t)8 << 30);
        struct diagnostics d __attribute__((cleanup(diagnostics_close)));
        diagnostics_open(&d);
        int result = format_file(&a, &d, paths[i], writes && strcmp(paths[i], "-") != 0);
        worst = result > worst ? result : worst;
    }
    return worst;
}
