#include "proxy/filter.h"

#include <errno.h>

#include "base/panic.h"

static enum verdict call(const struct filter *f, struct exchange *x, enum filter_point point)
{
    switch (point) {
    case ON_REQUEST:
        return f->on_request ? f->on_request(x) : NEXT;
    case ON_RESPONSE:
        return f->on_response ? f->on_response(x) : NEXT;
    case ON_DELIVER:
        return f->on_deliver ? f->on_deliver(x) : NEXT;
    }
    UNREACHABLE();
}

int filters_run(struct exchange *x, enum filter_point point)
{
    for (const struct filter *const *f = filters_in_order; *f; f++) {
        switch (call(*f, x, point)) {
        case NEXT:
            break;
        case ANSWERED:
            ASSERT(x->answer.is_set || x->failure.whose != FAULT_NONE);
            return x->failure.whose != FAULT_NONE ? -EREFUSED : -EANSWERED;
        case BROKEN:
            return x->failure.whose != FAULT_NONE ? -EREFUSED : -ECANCELED;
        }
    }
    return 0;
}

void filters_finish(struct exchange *x)
{
    for (const struct filter *const *f = filters_in_order; *f; f++)
        if ((*f)->on_finish)
            (*f)->on_finish(x);
    for (const struct filter *const *f = filters_in_order; *f; f++)
        if ((*f)->on_release)
            (*f)->on_release(x);
}
