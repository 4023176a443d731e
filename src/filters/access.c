/* `allow` and `deny`: by address (longest prefix decides; of equals the nearer block, then deny)
 * and by method. Whoever is denied gets 403; a method that is not allowed gets 405. */
#include "filters/access.h"

#include "filters/filters.h"

static bool list_has(const struct slice_list *list, slice token)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_equal(list->items[i], token))
            return true;
    return false;
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
    if (!access_method_is_allowed(a, x->request.method, x->request.method_text)) {
        (void)exchange_refuse(x, FAULT_POLICY, 405, "access.method",
                              "the method is not among those that are allowed");
        x->failure.where = a->methods_where;
        return ANSWERED;
    }
    return NEXT;
}

const struct filter access_filter = {
    .name = "access",
    .summary = "Who may come in, by address and method",
    .on_request = on_request,
};
