/* Lists of networks: from the statement, and from files with one on each line. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "control/loader.h"

#define LIST_BYTES_MAX (64u << 20)

static int add_network(struct loader *l, struct network_list *list,
                       const struct ip_network *network, uint32_t *capacity)
{
    if (list->count == *capacity) {
        uint32_t larger = *capacity ? *capacity * 2 : 64;
        struct network_entry *entries = arena_take_array(&l->scratch, larger, sizeof *entries);
        if (!entries)
            return -ENOMEM;
        if (list->count)
            memcpy(entries, list->entries, list->count * sizeof *entries);
        list->entries = entries;
        *capacity = larger;
    }
    list->entries[list->count++] = (struct network_entry){ .network = *network };
    return 0;
}

static slice next_line(slice *rest)
{
    slice line = slice_first(*rest, slice_find_byte(*rest, '\n'));
    *rest = slice_after(*rest, line.len + 1);
    line = slice_trim(slice_first(line, slice_find_byte(line, '#')));
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return slice_trim(line);
}

/* The lines of a file, each a network; the first bad one is reported with its line. */
static int add_file(struct loader *l, struct network_list *list, const struct word *word,
                    slice path, uint32_t *capacity)
{
    slice text;
    const struct reader *reader = l->files.reader;
    int error = reader->read_file(reader->context, &l->scratch, path, LIST_BYTES_MAX, &text);
    if (error == -ENOMEM)
        return error;
    path = word_shown(word, path);
    if (error) {
        struct diagnostic *item =
            diagnostics_add(l->diagnostics, E0501, &word->span, "cannot read the list '%.*s': %s",
                            SLICE_ARGUMENTS(path), file_problem(error));
        diagnostic_label(l->diagnostics, item, "named here");
        return 0;
    }
    uint32_t number = 0;
    TRY(load_digest_add(&l->digest, text));
    while (text.len) {
        slice line = next_line(&text);
        struct ip_network network;
        number++;
        if (line.len == 0)
            continue;
        if (ip_network_parse(line, &network) == 0) {
            TRY(add_network(l, list, &network, capacity));
            continue;
        }
        struct diagnostic *item = diagnostics_add(
            l->diagnostics, E0304, &word->span, "line %u of '%.*s' is not a network: %.*s", number,
            SLICE_ARGUMENTS(path), SLICE_ARGUMENTS(slice_first(line, 80)));
        diagnostic_label(l->diagnostics, item, "named here");
        return 0;
    }
    return 0;
}

static bool is_file(slice item)
{
    return slice_starts_with(item, SLICE("/")) || slice_starts_with(item, SLICE("./"));
}

static void report_item(struct loader *l, const struct word *word)
{
    struct diagnostic *item =
        diagnostics_add(l->diagnostics, E0304, &word->span,
                        "'list' expects networks such as 10.0.0.0/8, or the path of a file");
    diagnostic_label(l->diagnostics, item, "got %.*s", SLICE_ARGUMENTS(span_text(&word->span)));
}

static int build_list(struct loader *l, const struct statement *s)
{
    slice name = statement_argument(s, 0)->text;
    const struct argument_value *items = statement_argument(s, 2);
    if (name_map_find(&l->lists, name)) {
        load_defined_twice(l, s);
        return 0;
    }
    struct network_list *list = arena_take(&l->scratch, sizeof *list);
    if (!list)
        return -ENOMEM;
    list->name = name;
    TRY(name_map_add(&l->lists, name, list));
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < items->count; i++) {
        struct ip_network network;
        if (is_file(items->texts[i]))
            TRY(add_file(l, list, &items->words[i], items->texts[i], &capacity));
        else if (ip_network_parse(items->texts[i], &network) == 0)
            TRY(add_network(l, list, &network, &capacity));
        else
            report_item(l, &items->words[i]);
    }
    return 0;
}

int load_lists(struct loader *l)
{
    for (struct file *f = l->files.first; f; f = f->next)
        for (struct statement *s = f->tree.root.first; s; s = s->next)
            if (statement_is(s, "list") && !s->is_broken)
                TRY(build_list(l, s));
    return 0;
}

struct network_list *load_find_list(void *context, slice name)
{
    struct loader *l = context;
    return name_map_find(&l->lists, name);
}
