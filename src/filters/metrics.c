/* Counts every exchange, in this worker's block of the shared counters. */
#include "filters/filters.h"
#include "proxy/gate_state.h"
#include "proxy/upstream.h"

void metrics_count_reason(const char *reason, bool is_refusal)
{
    uint32_t row = counters_find_reason(gate.shared.reason_rows, slice_from(reason));
    (is_refusal ? gate.counters->refusals : gate.counters->failures)[row]++;
}

static void on_finish(struct exchange *x)
{
    struct worker_counters *all = gate.counters;
    struct site_counters *site =
        &all->sites[x->site ? x->site->counter_row : COUNTER_SITES_MAX - 1];
    unsigned class = x->status / 100 < 6 ? x->status / 100 : 0;
    all->requests++;
    all->bytes_in += x->bytes_in;
    all->bytes_out += x->bytes_out;
    site->requests++;
    site->status[class]++;
    site->bytes_in += x->bytes_in;
    site->bytes_out += x->bytes_out;
    if (!x->is_tunnel)
        histogram_add(&site->duration, x->times.end - x->times.begin);
    if (x->failure.whose != FAULT_NONE)
        metrics_count_reason(x->failure.reason, failure_is_refusal(&x->failure));
    if (failure_is_refusal(&x->failure)) {
        all->refused++;
        site->refused++;
    }
}

const struct filter metrics_filter = {
    .on_finish = on_finish,
};
