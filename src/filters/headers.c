/* `headers`: edits of the request on its way to the origin and of every response on its way to the
 * client, error pages included. */
#include "filters/filters.h"

#define VALUE_BYTES_MAX 8192u

static bool write_value(struct exchange *x, const struct header_edit *e, slice *ret)
{
    slice text;
    if (!template_text(&e->value, x, VALUE_BYTES_MAX, &text))
        return false;
    *ret = slice_trim(text);
    return field_value_is_valid(*ret);
}

static void remove_all(struct fields *fs, const struct header_edit *e)
{
    if (e->id != FIELD_OTHER)
        fields_drop(fs, e->id);
    else
        fields_drop_name(fs, e->name);
}

static enum verdict edit(struct exchange *x, struct fields *fs, const struct header_edit *e)
{
    slice value;
    if (e->kind != HEADER_ADD)
        remove_all(fs, e);
    if (e->kind == HEADER_REMOVE)
        return NEXT;
    if (!write_value(x, e, &value) || fields_add(fs, e->name, value, e->id) != 0) {
        (void)exchange_refuse(x, FAULT_OURS, 500, "headers.value",
                              "the value of a `headers` edit is not a valid field value");
        return BROKEN;
    }
    return NEXT;
}

static enum verdict on_request(struct exchange *x)
{
    const struct headers_settings *h = exchange_block(x, FEATURE_HEADERS);
    for (uint32_t i = 0; i < h->request_count; i++) {
        const struct header_edit *e = &h->request[i];
        if (e->id == FIELD_HOST) { /* not a field among others: it leads the head */
            if (e->kind == HEADER_SET && write_value(x, e, &x->origin_host))
                continue;
        }
        enum verdict verdict = edit(x, &x->request.fields, e);
        if (verdict != NEXT)
            return verdict;
    }
    return NEXT;
}

static enum verdict on_deliver(struct exchange *x)
{
    const struct headers_settings *h = exchange_block(x, FEATURE_HEADERS);
    for (uint32_t i = 0; i < h->response_count; i++) {
        /* An edit that fails leaves the response without that field: it must not turn the page
         * for one failure into another failure. */
        if (edit(x, &x->response.fields, &h->response[i]) != NEXT && !x->answer.is_set)
            return BROKEN;
    }
    return NEXT;
}

const struct filter headers_filter = {
    .on_request = on_request,
    .on_deliver = on_deliver,
};
