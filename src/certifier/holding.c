#include "certifier/holding.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/siphash.h"

int holdings_open(struct holdings *h)
{
    *h = (struct holdings){ .key = calloc(1, sizeof *h->key),
                            .buckets = calloc(HOLDING_BUCKETS, sizeof *h->buckets) };
    list_open(&h->all);
    if (!h->key || !h->buckets) {
        holdings_close(h);
        return -ENOMEM;
    }
    random_bytes(h->key, sizeof *h->key);
    return 0;
}

static struct holding **bucket_of(const struct holdings *h, slice set)
{
    return &h->buckets[siphash(h->key, set.ptr, set.len) & (HOLDING_BUCKETS - 1)];
}

static void forget(struct holdings *h, struct holding *one)
{
    struct holding **at = bucket_of(h, one->set);
    while (*at != one)
        at = &(*at)->next;
    *at = one->next;
    list_remove(&one->link);
    h->count--;
    chain_free(&one->chain);
    free((void *)(uintptr_t)one->lists.ptr);
    free((void *)(uintptr_t)one->staple.response.ptr);
    free(one->made_key);
    free(one->names);
    free(one->texts);
    free(one);
}

void holdings_close(struct holdings *h)
{
    LIST_EACH(node, &h->all)
    {
        forget(h, LIST_ENTRY(node, struct holding, link));
    }
    free(h->key);
    free(h->buckets);
    *h = (struct holdings){ 0 };
}

struct holding *holdings_find(const struct holdings *h, slice set, slice certificate_path)
{
    struct holding *one = *bucket_of(h, set);
    while (one &&
           !(slice_equal(one->set, set) && slice_equal(one->certificate_path, certificate_path)))
        one = one->next;
    return one;
}

bool holdings_any_of_set(const struct holdings *h, const struct holding *one,
                         bool (*is_so)(const struct holding *h))
{
    for (const struct holding *other = *bucket_of(h, one->set); other; other = other->next)
        if (slice_equal(other->set, one->set) && is_so(other))
            return true;
    return false;
}

static bool is_changed(const struct holding *h)
{
    return h->is_changed && h->is_in_force;
}

static bool is_unsure(const struct holding *h)
{
    return h->files.is_unsure && h->is_in_force;
}

bool holdings_set_is_news(const struct holdings *h, const struct holding *one)
{
    return holdings_any_of_set(h, one, is_changed) && !holdings_any_of_set(h, one, is_unsure);
}

/* --- Wishes ----------------------------------------------------------------------------------- */

static slice keep(struct writer *w, slice text)
{
    slice kept = slice_of(w->ptr + w->len, text.len);
    writer_slice_add(w, text);
    return kept;
}

/* Set, files and names as the record has them. */
static int take_texts(struct holding *one, const struct certificate_record *r)
{
    size_t bytes = r->set.len + r->certificate_path.len + r->key_path.len;
    for (uint32_t i = 0; i < r->name_count; i++)
        bytes += r->names[i].len;
    char *texts = malloc(bytes + 1);
    slice *names = calloc(r->name_count + 1, sizeof *names);
    if (!texts || !names) {
        free(texts);
        free(names);
        return -ENOMEM;
    }
    struct writer w = writer_over(texts, bytes);
    slice set = keep(&w, r->set);
    slice certificate_path = keep(&w, r->certificate_path), key_path = keep(&w, r->key_path);
    for (uint32_t i = 0; i < r->name_count; i++)
        names[i] = keep(&w, r->names[i]);
    free(one->texts);
    free(one->names);
    one->texts = texts;
    one->set = set;
    one->certificate_path = certificate_path;
    one->key_path = key_path;
    one->names = names;
    one->name_count = r->name_count;
    one->source = r->source;
    return 0;
}

int holdings_want(struct holdings *h, const struct certificate_record *r, uint64_t generation,
                  struct holding **ret)
{
    struct holding *one = holdings_find(h, r->set, r->certificate_path);
    if (one) {
        TRY(take_texts(one, r));
    } else {
        one = calloc(1, sizeof *one);
        if (!one)
            return -ENOMEM;
        int result = take_texts(one, r);
        if (result != 0) {
            free(one);
            return result;
        }
        one->files.folders[0] = one->files.folders[1] = -1;
        one->warned_days = INT16_MAX;
        struct holding **bucket = bucket_of(h, one->set);
        one->next = *bucket;
        *bucket = one;
        list_push_back(&h->all, &one->link);
        h->count++;
    }
    if (generation > one->wanted_by)
        one->wanted_by = generation;
    *ret = one;
    return 0;
}

void holdings_put_in_force(struct holdings *h, uint64_t generation,
                           void (*on_forget)(struct holding *))
{
    LIST_EACH(node, &h->all)
    {
        struct holding *one = LIST_ENTRY(node, struct holding, link);
        if (one->wanted_by == generation) {
            one->is_in_force = true;
        } else if (one->wanted_by < generation && !one->staple.is_fetching) {
            if (on_forget)
                on_forget(one);
            forget(h, one);
        } else if (one->wanted_by < generation) {
            one->is_in_force = false; /* goes with the next one */
        }
    }
}

/* --- One -------------------------------------------------------------------------------------- */

int holding_note_key(struct holding *h, slice folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%.*s/%s.pem", SLICE_ARGUMENTS(folder), name) < 0)
        return -ENOMEM;
    free(h->made_key);
    h->made_key = path;
    return 0;
}

void holding_take_chain(struct holding *h, struct chain **chain)
{
    chain_free(&h->chain);
    h->chain = *chain;
    *chain = NULL;
    free((void *)(uintptr_t)h->staple.response.ptr);
    bool is_fetching = h->staple.is_fetching;
    h->staple = (struct staple){ .is_fetching = is_fetching };
    h->failures = 0;
    h->warned_days = INT16_MAX;
    h->is_changed = true;
    holding_clear_error(h);
}

void holding_fail(struct holding *h, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(h->error, sizeof h->error, format, arguments);
    va_end(arguments);
    if (!h->chain) /* who is refused for the lack of one is told why */
        h->is_changed = true;
}

void holding_clear_error(struct holding *h)
{
    h->error[0] = '\0';
}

void holding_fill_record(const struct holding *h, struct certificate_record *ret)
{
    *ret = (struct certificate_record){ .set = h->set,
                                        .source = h->source,
                                        .certificate_path = h->certificate_path,
                                        .key_path =
                                            h->made_key ? slice_from(h->made_key) : h->key_path,
                                        .ocsp = h->staple.response,
                                        .lists = h->lists,
                                        .error = slice_from(h->error) };
    if (h->chain)
        chain_fill_record(h->chain, ret);
}

bool holding_is_of_files(const struct holding *h)
{
    return h->source == CERTIFICATE_FROM_FILES || h->source == REVOKED_FROM_FILE;
}

void holding_take_lists(struct holding *h, slice lists, bool is_news)
{
    free((void *)(uintptr_t)h->lists.ptr);
    h->lists = lists;
    h->is_changed |= is_news;
}

slice holding_label(const struct holding *h)
{
    if (holding_is_of_files(h))
        return h->certificate_path;
    return h->name_count ? h->names[0] : h->set;
}
