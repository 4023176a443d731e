/* `early-data on`: what comes before the handshake is complete may have been recorded and sent
 * again by somebody else (RFC 8446 §8). Served is only what may be asked twice, GET without a body;
 * the origin is told (RFC 8470 §5.1). Everything else is to come again. */
#include "filters/filters.h"
#include "net/tls.h"
#include "proxy/connection.h"

static const slice field_name = SLICE("Early-Data");

static bool may_be_asked_twice(const struct exchange *x)
{
    return x->request.method == METHOD_GET && x->request.framing == H1_FRAMING_NONE &&
           !x->request.upgrades_to_websocket;
}

/* RFC 8470 §5.1: several fields, or another value, mean what one with 1 means. */
static bool drop_fields(struct fields *fs)
{
    bool any = false;
    for (uint32_t i = 0; i < fs->count; i++) {
        struct field *f = &fs->items[i];
        if (f->id != FIELD_OTHER || f->dropped || !slice_equal_fold(f->name, field_name))
            continue;
        f->dropped = any = true;
    }
    return any;
}

static enum verdict on_request(struct exchange *x)
{
    bool is_early = tls_is_early(&x->connection->socket);
    if (is_early && !may_be_asked_twice(x)) {
        (void)exchange_refuse(x, FAULT_POLICY, 425, "tls.early-data",
                              "only GET without a body is served before the handshake is complete");
        return ANSWERED;
    }
    /* "An intermediary … MUST NOT remove": a proxy in front has had it early */
    if (!drop_fields(&x->request.fields) && !is_early)
        return NEXT;
    if (fields_add(&x->request.fields, field_name, SLICE("1"), FIELD_OTHER) == 0)
        return NEXT;
    (void)exchange_refuse(x, FAULT_OURS, 500, "limits.fields",
                          "the request with Early-Data is too large");
    return BROKEN;
}

const struct filter early_data_filter = {
    .on_request = on_request,
};
