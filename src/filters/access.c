/* `allow` and `deny`: by address (longest prefix decides; of equals the nearer block, then deny),
 * by fingerprint and by method. Whoever is denied gets 403; a method that is not allowed gets
 * 405. */
#include "filters/access.h"

#include "filters/filters.h"
#include "wire/fingerprint.h"
#include "wire/h2_fingerprint.h"

static bool list_has(const struct slice_list *list, slice token)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_equal(list->items[i], token))
            return true;
    return false;
}

const struct access_refusal access_refusals[] = {
    [FINGERPRINT_JA4] = { "access.ja4", "`deny ja4` covers the client's TLS fingerprint" },
    [FINGERPRINT_H2] = { "access.h2", "`deny h2` covers the client's HTTP/2 fingerprint" }
};

const struct denied_fingerprint *access_find_fingerprint(const struct access_settings *a, slice ja4,
                                                         slice h2)
{
    for (uint32_t i = 0; i < a->fingerprint_count; i++) {
        const struct denied_fingerprint *f = &a->fingerprints[i];
        if (fingerprint_matches(f->pattern, f->kind == FINGERPRINT_H2 ? h2 : ja4))
            return f;
    }
    return NULL;
}

static const struct denied_fingerprint *find_fingerprint(const struct access_settings *a,
                                                         const struct exchange *x)
{
    char memory[H2_FINGERPRINT_BYTES_MAX];
    struct writer h2 = writer_over(memory, sizeof memory);
    const struct h2_fingerprint *noted = a->denies_h2 ? exchange_h2_fingerprint(x) : NULL;
    if (noted)
        h2_fingerprint_write(&h2, noted);
    return access_find_fingerprint(a, exchange_ja4(x), writer_slice(&h2));
}

bool access_method_is_allowed(const struct access_settings *a, enum method method, slice text)
{
    uint32_t bit = 1u << method;
    bool restricts = a->methods_allowed || a->other_methods_allowed.count;
    if (method == METHOD_OTHER)
        return !list_has(&a->other_methods_denied, text) &&
               (!restricts || list_has(&a->other_methods_allowed, text));
    return !(a->methods_denied & bit) && (!restricts || (a->methods_allowed & bit));
}

static void write_name(struct writer *w, slice name)
{
    if (w->len)
        writer_literal(w, ", ");
    writer_slice_add(w, name);
}

/* The value of Allow. Methods that nobody knows are allowed only where they are named. */
static slice write_allowed(struct exchange *x, const struct access_settings *a)
{
    static const slice known[] = { SLICE("GET"),    SLICE("HEAD"),    SLICE("POST"), SLICE("PUT"),
                                   SLICE("DELETE"), SLICE("OPTIONS"), SLICE("PATCH") };
    const struct slice_list *other = &a->other_methods_allowed;
    size_t room = 64;
    for (uint32_t i = 0; i < other->count; i++)
        room += other->items[i].len + 2;
    char *memory = arena_take(&x->arena, room);
    struct writer w = writer_over(memory, memory ? room : 0);
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (access_method_is_allowed(a, method_of(known[i]), known[i]))
            write_name(&w, known[i]);
    for (uint32_t i = 0; i < other->count; i++)
        if (access_method_is_allowed(a, METHOD_OTHER, other->items[i]))
            write_name(&w, other->items[i]);
    return w.overflowed ? slice_of(NULL, 0) : writer_slice(&w);
}

static enum verdict on_request(struct exchange *x)
{
    const struct access_settings *a = exchange_block(x, FEATURE_ACCESS);
    const struct network_entry *entry = network_set_find(&a->networks, x->client);
    if (entry && entry->denies) {
        (void)exchange_refuse(x, FAULT_POLICY, 403, "access.deny",
                              "`deny` covers the client's address");
        x->failure.where = *entry->where;
        return ANSWERED;
    }
    const struct denied_fingerprint *fingerprint =
        a->fingerprint_count ? find_fingerprint(a, x) : NULL;
    if (fingerprint) {
        const struct access_refusal *refusal = &access_refusals[fingerprint->kind];
        (void)exchange_refuse(x, FAULT_POLICY, 403, refusal->reason, refusal->text);
        x->failure.where = fingerprint->where;
        return ANSWERED;
    }
    if (!access_method_is_allowed(a, x->request.method, x->request.method_text)) {
        (void)exchange_refuse(x, FAULT_POLICY, 405, "access.method",
                              "the method is not among those that are allowed");
        x->failure.allow = write_allowed(x, a);
        x->failure.where = a->methods_where;
        return ANSWERED;
    }
    return NEXT;
}

const struct filter access_filter = {
    .on_request = on_request,
};
