#include "filters/waf_lists.h"

#include <errno.h>

#include "base/log.h"
#include "proxy/gate_state.h"
#include "runtime/fiber.h"

#define WAITING_MAX   256u
#define LOOK_MS_FIRST 2
#define LOOK_MS_MAX   20
#define ASK_MS        250 /* then again: whoever took the question may have died with it */
#define LOG_SPAN_MS   10000
#define WHY_BYTES     96u

/* --- What is said of failures ----------------------------------------------------------------- */

static void complain(const struct list_question *q, const char *why)
{
    static int64_t said_ms;
    static uint32_t unsaid;
    int64_t now_ms = loop_now_ms();
    slice name = slice_after(q->name, q->key_bytes);
    if (said_ms && now_ms - said_ms < LOG_SPAN_MS) {
        unsaid++;
        return;
    }
    log_warn(
        "@rbl: whether %.*s is listed is not known, so it matches nothing: %s (%u more questions "
        "failed before)",
        SLICE_ARGUMENTS(name), why, unsaid);
    said_ms = now_ms;
    unsaid = 0;
}

static void complain_of_address(const struct list_question *q, const uint8_t a[4])
{
    char why[WHY_BYTES];
    struct writer w = writer_over(why, sizeof why - 1);
    writer_format(&w, "it answers %u.%u.%u.%u, which %s", a[0], a[1], a[2], a[3],
                  a[0] == 127 ? "is its refusal to answer us" : "is no answer of a list");
    why[w.len] = '\0';
    complain(q, why);
}

/* --- Looking and asking ----------------------------------------------------------------------- */

static int judge(const struct list_question *q, const struct dns_answer *answer,
                 uint8_t ret_address[4])
{
    if (answer->word == DNS_FAILED)
        complain(q, answer->why);
    if (answer->word != DNS_HAS_ADDRESS)
        return 0;
    if (!list_address_lists(answer->address)) {
        complain_of_address(q, answer->address);
        return 0;
    }
    memcpy(ret_address, answer->address, 4);
    return 1;
}

int waf_list_find(const struct list_question *q, uint8_t ret_address[4])
{
    struct dns_answer answer;
    if (!gate.shared.dns_answers)
        return 0;
    if (!dns_answers_find(gate.shared.dns_answers, q->name, loop_now_ms(), &answer))
        return -EAGAIN;
    return judge(q, &answer, ret_address);
}

/* Where there is no box it is tried again at the next look. */
static bool ask(slice name)
{
    bool must_wake;
    if (dns_answers_ask(gate.shared.dns_answers, gate.shared.slot, name, &must_wake) != 0)
        return false;
    if (must_wake)
        gate.shared.wake_observer();
    return true;
}

static int await(const struct list_question *q, int64_t deadline_ms, uint8_t ret_address[4])
{
    int64_t pause_ms = LOOK_MS_FIRST, ask_ms = 0;
    int result;
    while ((result = waf_list_find(q, ret_address)) == -EAGAIN) {
        int64_t now_ms = loop_now_ms();
        if (now_ms >= deadline_ms) {
            complain(q, "nobody has answered in time");
            return 0;
        }
        if (now_ms >= ask_ms && ask(q->name))
            ask_ms = now_ms + ASK_MS;
        int64_t next_ms = now_ms + pause_ms;
        TRY(fiber_sleep(next_ms < deadline_ms ? next_ms : deadline_ms));
        pause_ms = 2 * pause_ms < LOOK_MS_MAX ? 2 * pause_ms : LOOK_MS_MAX;
    }
    return result;
}

int waf_list_ask(const struct list_question *q, int64_t deadline_ms, uint8_t ret_address[4])
{
    static uint32_t waiting;
    if (waiting == WAITING_MAX) {
        complain(q, "too many questions are under way");
        return 0;
    }
    waiting++;
    int result = await(q, deadline_ms, ret_address);
    waiting--;
    return result;
}
