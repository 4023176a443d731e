/* `recent`: the last exchanges, kept in shared memory for `explain ID`. Secrets are masked before
 * anything is written there. */
#include "filters/filters.h"
#include "filters/record.h"
#include "proxy/gate_state.h"

#define BODY_BYTES_MAX (12u << 10)
#define RULES_MAX      32u

static bool is_kept(const struct exchange *x)
{
    switch ((enum recent_choice)x->configuration->recent) {
    case RECENT_OFF:
        return false;
    case RECENT_REFUSED:
        return failure_is_refusal(&x->failure) || waf_has_record(x);
    case RECENT_ALL:
        return true;
    }
    return false;
}

static void on_finish(struct exchange *x)
{
    struct recent *recent = gate.shared.recent;
    if (!recent || !is_kept(x))
        return;
    struct record_wish wish = { .parts = RECORD_REQUEST | RECORD_BODY | RECORD_FILES |
                                         (x->waf ? RECORD_ORIGIN_HEAD : 0) |
                                         (waf_has_record(x) ? RECORD_RULES : 0),
                                .bytes_max = RECENT_RECORD_BYTES_MAX,
                                .body_bytes_max = BODY_BYTES_MAX,
                                .is_told = waf_is_told,
                                .rules_max = RULES_MAX };
    struct writer w =
        writer_over(recent_reserve(recent, RECENT_RECORD_BYTES_MAX), RECENT_RECORD_BYTES_MAX);
    exchange_record_write(&w, x, &wish);
    if (!w.overflowed)
        recent_commit(recent, (uint32_t)w.len);
}

const struct filter recent_filter = {
    .on_finish = on_finish,
};
