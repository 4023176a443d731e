#include "net/key_client.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/writer.h"
#include "net/tls.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"
#include "runtime/pollable.h"

#define RETRY_MS 50 /* a keyholder that has just started does not have the key yet */

enum stage { UNSENT, SENT, ANSWERED };

/* One fiber's request, on its stack until it has its answer or gives up. */
struct request {
    struct list node; /* in unsent or sent; in none when answered */
    enum stage stage;
    struct fiber *fiber;
    struct key_head head;
    slice text;
    struct key_signature *signature;
    int result;
};

static struct pollable channel = { .fd = -1 };
static struct list unsent, sent;
static uint32_t counted[ANSWERED + 1]; /* requests at each stage */
static uint64_t last_number;
static int64_t without_since_ms; /* there is no channel since then; 0: there is one */
static int64_t again_since_ms;   /* this channel took the place of one that ended; 0: it did not */
static struct key_client_counts counts;
static void (*on_end)(void);
static char answer_memory[KEY_BODY_MAX + 1];

/* --- Stages ------------------------------------------------------------------------------------
 */

static void leave_stage(struct request *r)
{
    list_remove(&r->node);
    counted[r->stage]--;
}

static void enter_stage(struct request *r, enum stage stage)
{
    r->stage = stage;
    counted[stage]++;
    if (stage == UNSENT)
        list_push_back(&unsent, &r->node);
    else if (stage == SENT)
        list_push_back(&sent, &r->node);
}

static void finish(struct request *r, int result)
{
    leave_stage(r);
    enter_stage(r, ANSWERED);
    r->result = result;
    fiber_wake(r->fiber);
}

/* --- Sending -----------------------------------------------------------------------------------
 */

static void lose_channel(void);

static struct request *first_unsent(void)
{
    return LIST_ENTRY(unsent.next, struct request, node);
}

/* As many of those that wait as go into one packet. How many */
static uint32_t gather(struct writer *w)
{
    uint32_t count = 0;
    LIST_EACH(node, &unsent)
    {
        const struct request *r = LIST_ENTRY(node, struct request, node);
        const struct key_part part = { .number = r->head.number,
                                       .key_id = r->head.key_id,
                                       .detail = r->head.detail,
                                       .bytes = (uint32_t)r->text.len };
        if (count == KEY_MANY_MAX || counted[SENT] + count == KEY_CLIENT_FLIGHT_MAX ||
            w->capacity - w->len < sizeof part + r->text.len)
            break;
        writer_bytes(w, &part, sizeof part);
        writer_slice_add(w, r->text);
        count++;
    }
    return count;
}

/* One packet: several requests, or a single one, which may be longer. *ret_count: how many are in
 * it */
static int send_some(uint32_t *ret_count)
{
    static char many[KEY_BODY_MAX];
    const struct request *first = first_unsent();
    struct writer w = writer_over(many, sizeof many);
    struct key_packet packet = { .head = { .verb = KEY_SIGN_MANY }, .fd = -1 };
    *ret_count = gather(&w);
    packet.body = writer_slice(&w);
    if (*ret_count <= 1) {
        packet.head = first->head;
        packet.body = first->text;
        *ret_count = 1;
    }
    return key_packet_send(channel.fd, &packet);
}

/* As many as may be on their way. Nothing waits for a full socket: what is in flight has room, and
 * each answer makes room for another. */
static void send_what_waits(void)
{
    uint32_t count;
    while (channel.fd >= 0 && counted[SENT] < KEY_CLIENT_FLIGHT_MAX && !list_is_empty(&unsent)) {
        int result = send_some(&count);
        if (result == -EAGAIN && counted[SENT] > 0)
            return;
        if (result == -EPIPE) {
            lose_channel();
            return;
        }
        for (; count; count--) {
            struct request *r = first_unsent();
            if (result != 0) {
                finish(r, result == -EAGAIN ? -EBUSY : result);
                continue;
            }
            leave_stage(r);
            enter_stage(r, SENT);
        }
    }
}

void key_client_turn_ends(void)
{
    if (counted[UNSENT] > 0)
        send_what_waits();
}

/* --- The channel -------------------------------------------------------------------------------
 */

static void drop_channel(void)
{
    if (channel.fd < 0)
        return;
    int fd = channel.fd;
    pollable_close(&channel, false);
    close(fd);
    channel.fd = -1;
}

/* What was on its way is asked again, first. */
static void lose_channel(void)
{
    bool had_one = channel.fd >= 0;
    drop_channel();
    if (without_since_ms == 0)
        without_since_ms = loop_now_ms();
    list_append(&sent, &unsent);
    list_append(&unsent, &sent);
    LIST_EACH(node, &unsent)
    {
        struct request *r = LIST_ENTRY(node, struct request, node);
        r->stage = UNSENT;
        fiber_wake(r->fiber); /* it waits less long now */
    }
    counted[UNSENT] += counted[SENT];
    counted[SENT] = 0;
    if (had_one && on_end)
        on_end();
}

static struct request *find_sent(uint64_t number)
{
    LIST_EACH(node, &sent)
    {
        struct request *r = LIST_ENTRY(node, struct request, node);
        if (r->head.number == number)
            return r;
    }
    return NULL; /* it gave up meanwhile */
}

static void take_signature(uint64_t number, int result, slice signature)
{
    struct request *r = find_sent(number);
    if (!r)
        return;
    if (result == 0 && (signature.len == 0 || signature.len > sizeof r->signature->memory))
        result = -EPROTO;
    if (result == 0) {
        r->signature->bytes = (uint32_t)signature.len;
        memcpy(r->signature->memory, signature.ptr, signature.len);
    }
    finish(r, result <= 0 ? result : -EPROTO);
}

/* 0 · -EPROTO */
static int take_answer(const struct key_packet *answer)
{
    struct key_part part;
    slice rest = answer->body, signature;
    if (answer->head.verb != KEY_SIGN_MANY) {
        take_signature(answer->head.number, answer->head.detail, answer->body);
        return 0;
    }
    while (rest.len) {
        TRY(key_part_take(&rest, &part, &signature));
        take_signature(part.number, part.detail, signature);
    }
    return 0;
}

static void on_readable(struct pollable *p)
{
    struct key_packet answer;
    int result;
    while ((result = key_packet_receive(p->fd, answer_memory, &answer)) == 0) {
        if (answer.fd >= 0)
            close(answer.fd);
        result = take_answer(&answer);
        if (result != 0)
            break;
        if (list_is_empty(&sent)) /* nothing more can be there: no call to learn that */
            return;
    }
    if (result == -EAGAIN)
        return;
    lose_channel();
}

void key_client_use(int fd)
{
    void (*tell)(void) = on_end;
    on_end = NULL; /* it is us who end it */
    lose_channel();
    on_end = tell;
    if (fd < 0)
        return;
    if (pollable_open_level(&channel, fd, on_readable) != 0) {
        close(fd);
        channel.fd = -1;
        return;
    }
    without_since_ms = 0;
    again_since_ms = loop_now_ms();
    send_what_waits();
}

int key_client_open(int fd)
{
    list_open(&unsent);
    list_open(&sent);
    channel.fd = -1;
    memset(counted, 0, sizeof counted);
    counts = (struct key_client_counts){ 0 };
    key_client_use(fd);
    again_since_ms = 0;
    return fd >= 0 && channel.fd < 0 ? -EIO : 0;
}

void key_client_on_end(void (*call)(void))
{
    on_end = call;
}

void key_client_close(void)
{
    drop_channel();
    on_end = NULL;
}

/* --- Asking ------------------------------------------------------------------------------------
 */

static int64_t patience_ms(int64_t deadline_ms)
{
    int64_t end = without_since_ms + KEY_CLIENT_PATIENCE_MS;
    return without_since_ms && end < deadline_ms ? end : deadline_ms;
}

/* Until its answer is there, with less patience while there is no channel. */
static int await(struct request *r, int64_t deadline_ms)
{
    for (;;) {
        int64_t until_ms = patience_ms(deadline_ms);
        int result = fiber_wait(until_ms);
        if (r->stage == ANSWERED)
            return r->result;
        if (result == -ETIMEDOUT && patience_ms(deadline_ms) <= until_ms)
            return without_since_ms ? -EPIPE : -ETIMEDOUT;
        if (result == -ECANCELED)
            return result;
    }
}

static int ask(struct request *r, int64_t deadline_ms)
{
    enter_stage(r, UNSENT); /* until the turn ends, or enough have come together */
    if (counted[UNSENT] >= KEY_MANY_MAX)
        send_what_waits();
    int result = r->stage == ANSWERED ? r->result : await(r, deadline_ms);
    leave_stage(r);
    return result;
}

/* Behind a restart the keys are loaded again, those of the certifier last. */
static bool may_come_yet(int64_t deadline_ms)
{
    int64_t now = loop_now_ms();
    return again_since_ms && now - again_since_ms < KEY_CLIENT_PATIENCE_MS &&
           now + RETRY_MS < deadline_ms && fiber_sleep(now + RETRY_MS) == 0;
}

int key_client_sign_until(const struct key_request *what, struct key_signature *ret,
                          int64_t deadline_ms)
{
    int64_t now = loop_now_ms();

    struct request r = {
        .fiber = fiber_current(),
        .signature = ret,
        .head = { .verb = KEY_SIGN, .detail = (int32_t)what->scheme, .key_id = what->key_id },
        .text = what->text
    };
    int result;
    if (!r.fiber || what->text.len > KEY_BODY_MAX)
        return -EINVAL;
    if (deadline_ms > now + KEY_CLIENT_ANSWER_MS)
        deadline_ms = now + KEY_CLIENT_ANSWER_MS;
    do {
        r.head.number = ++last_number;
        result = ask(&r, deadline_ms);
    } while (result == -ENOENT && may_come_yet(deadline_ms));
    if (result == 0)
        counts.signatures++;
    else
        counts.failures++;
    return result;
}

int key_client_sign(uint64_t key_id, enum key_scheme scheme, slice text, struct key_signature *ret)
{
    const struct key_request what = { key_id, scheme, text };
    return key_client_sign_until(&what, ret, tls_deadline_ms());
}

struct key_client_counts key_client_count(void)
{
    struct key_client_counts now = counts;
    now.in_flight = counted[SENT];
    now.waiting = counted[UNSENT];
    return now;
}
