/* Fields of a request that no standard knows: an application gives them a meaning, so their values
 * are as free as those of arguments, and rules for arguments look at them too. Of a value that is a
 * URL, the page that a request comes from above all, it is the values of its query. */
#include "waf/bodies/urlencoded.h"
#include "waf/engine/decoded.h"

/* Fields with a grammar of their own, those of proxies and browsers, and what holds keys: nobody
 * may write freely there without breaking what they are for. */
static const slice known[] = {
    SLICE("age"),
    SLICE("alt-used"),
    SLICE("authorization"),
    SLICE("baggage"),
    SLICE("cache-control"),
    SLICE("connection"),
    SLICE("cookie"),
    SLICE("cookie2"),
    SLICE("date"),
    SLICE("dnt"),
    SLICE("expect"),
    SLICE("forwarded"),
    SLICE("host"),
    SLICE("http2-settings"),
    SLICE("idempotency-key"),
    SLICE("keep-alive"),
    SLICE("max-forwards"),
    SLICE("origin"),
    SLICE("pragma"),
    SLICE("prefer"),
    SLICE("priority"),
    SLICE("proxy-authorization"),
    SLICE("proxy-connection"),
    SLICE("purpose"),
    SLICE("range"),
    SLICE("save-data"),
    SLICE("signature"),
    SLICE("signature-input"),
    SLICE("te"),
    SLICE("traceparent"),
    SLICE("tracestate"),
    SLICE("trailer"),
    SLICE("transfer-encoding"),
    SLICE("upgrade"),
    SLICE("upgrade-insecure-requests"),
    SLICE("user-agent"),
    SLICE("via"),
    SLICE("want-digest"),
};
static const slice families[] = { SLICE("accept"), SLICE("access-control-"), SLICE("content-"),
                                  SLICE("if-"), SLICE("sec-") };

static bool is_known(slice name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (slice_equal_fold(known[i], name))
            return true;
    for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
        if (slice_equal_fold(families[i], slice_first(name, families[i].len)))
            return true;
    return false;
}

static bool is_url(slice value)
{
    static const slice schemes[] = { SLICE("http://"), SLICE("https://") };
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++)
        if (slice_equal_fold(schemes[i], slice_first(value, schemes[i].len)))
            return true;
    return false;
}

struct field_query {
    struct waf_transaction *t;
    slice name;
};

static int take_argument(void *context, UNUSED enum body_item kind, slice name, slice value)
{
    const struct field_query *q = context;
    return value.len
               ? decoded_add_part(q->t, source_of(q->t, SOURCE_FREE_FIELDS), q->name, name, value)
               : 0;
}

/* As many arguments as a request may have; what is behind them is not looked at. */
static int add_query(struct waf_transaction *t, slice name, slice url)
{
    struct field_query context = { t, name };
    struct body_limits limits = { .arguments_max = t->rules->directives.arguments_max };
    struct body_reader reader = {
        .sink = { &context, take_argument }, .limits = &limits, .arena = t->arena, .work = t->work
    };
    slice query = slice_after(url, slice_find_byte(url, '?') + 1);
    return urlencoded_read(&reader, slice_first(query, slice_find_byte(query, '#')), '&');
}

int free_field_add(struct waf_transaction *t, slice name, slice value)
{
    if (!t->world.inspects_fields || value.len == 0 || is_known(name))
        return 0;
    if (is_url(value))
        return add_query(t, name, value);
    return decoded_add(t, source_of(t, SOURCE_FREE_FIELDS), name, value);
}
