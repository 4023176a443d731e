#include "net/key_call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/writer.h"

static char memory[KEY_BODY_MAX + 1];
static uint64_t last_number;
static int signing_channel = -1;

/* --- One request, one answer -------------------------------------------------------------------
 */

static int await(int channel, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms - clock_monotonic_ms();
        struct pollfd polled = { .fd = channel, .events = events };
        if (left <= 0)
            return -ETIMEDOUT;
        int ready = poll(&polled, 1, (int)left);
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return -errno;
    }
}

static int send_request(int channel, const struct key_packet *request, int64_t deadline_ms)
{
    int result;
    while ((result = key_packet_send(channel, request)) == -EAGAIN)
        TRY(await(channel, POLLOUT, deadline_ms));
    return result;
}

/* Answers to earlier requests, which were given up, are passed over. */
static int receive_answer(int channel, uint64_t number, struct key_packet *ret, int64_t deadline_ms)
{
    for (;;) {
        int result = key_packet_receive(channel, memory, ret);
        if (result == -EAGAIN) {
            TRY(await(channel, POLLIN, deadline_ms));
            continue;
        }
        if (result != 0)
            return result;
        if (ret->fd >= 0)
            close(ret->fd);
        if (ret->head.number == number)
            return 0;
    }
}

static int exchange(int channel, struct key_packet *request, struct key_packet *ret)
{
    int64_t span_ms = request->head.verb == KEY_GENERATE ? KEY_CALL_GENERATE_MS : KEY_CALL_MS;
    int64_t deadline_ms = clock_monotonic_ms() + span_ms;
    request->fd = -1;
    request->head.number = ++last_number;
    if (channel < 0)
        return -EPIPE;
    TRY(send_request(channel, request, deadline_ms));
    return receive_answer(channel, request->head.number, ret, deadline_ms);
}

/* --- Calls with a text in the answer -----------------------------------------------------------
 */

static void write_text(struct key_answer *ret, slice text)
{
    struct writer w = writer_over(ret->text, sizeof ret->text - 1);
    writer_slice_add(&w, slice_first(text, sizeof ret->text - 1));
    ret->text[w.len] = '\0';
}

static int describe_failure(int result, struct key_answer *ret)
{
    switch (-result) {
    case EPIPE:
        write_text(ret, SLICE("the keyholder is not running"));
        break;
    case ETIMEDOUT:
        write_text(ret, SLICE("the keyholder has not answered in time"));
        break;
    default:
        (void)snprintf(ret->text, sizeof ret->text, "the keyholder cannot be asked: %s",
                       strerror(-result));
    }
    return result;
}

static int take_description(const struct key_packet *answer, struct key_answer *ret)
{
    struct key_described described;
    if (answer->body.len < sizeof described)
        return -EPROTO;
    memcpy(&described, answer->body.ptr, sizeof described);
    slice rest = slice_after(answer->body, sizeof described);
    if (described.spki_bytes > rest.len || described.spki_bytes > sizeof ret->spki)
        return -EPROTO;
    ret->id = answer->head.key_id;
    ret->spki_bytes = described.spki_bytes;
    memcpy(ret->spki, rest.ptr, described.spki_bytes);
    write_text(ret, slice_after(rest, described.spki_bytes));
    return 0;
}

static int call(int channel, struct key_packet *request, struct key_answer *ret)
{
    struct key_packet answer;
    ret->text[0] = '\0';
    ret->spki_bytes = 0;
    ret->id = 0;
    int result = exchange(channel, request, &answer);
    if (result == 0 && answer.head.detail != 0) {
        write_text(ret, answer.body);
        return answer.head.detail < 0 ? answer.head.detail : -EPROTO;
    }
    bool describes = request->head.verb == KEY_LOAD || request->head.verb == KEY_GENERATE;
    if (result == 0 && describes)
        result = take_description(&answer, ret);
    return result == 0 ? 0 : describe_failure(result, ret);
}

/* The path as every process sees it. */
static int write_path(struct writer *w, slice path)
{
    char folder[KEY_PATH_MAX];
    if (path.len == 0 || path.ptr[0] != '/') {
        if (!getcwd(folder, sizeof folder))
            return -errno;
        writer_text(w, folder);
        writer_byte(w, '/');
    }
    writer_slice_add(w, path);
    writer_byte(w, '\0');
    return w->overflowed || w->len > KEY_PATH_MAX ? -ENAMETOOLONG : 0;
}

int key_call_load(int channel, const struct key_load *what, struct key_answer *ret)
{
    char body[KEY_PATH_MAX + KEY_SPKI_MAX];
    struct writer w = writer_over(body, sizeof body);
    int result = write_path(&w, what->path);
    writer_slice_add(&w, what->leaf_spki);
    if (result == 0 && w.overflowed)
        result = -EMSGSIZE;
    if (result != 0)
        return describe_failure(result, ret);
    struct key_packet request = { .head = { .verb = KEY_LOAD, .detail = what->use },
                                  .body = writer_slice(&w) };
    return call(channel, &request, ret);
}

int key_call_read(int channel, slice path, slice *ret, struct key_answer *why)
{
    static char certificates[KEY_BODY_MAX];
    char body[KEY_PATH_MAX];
    struct key_packet answer;
    struct writer w = writer_over(body, sizeof body);
    struct writer kept = writer_over(certificates, sizeof certificates);
    int result = write_path(&w, path);
    struct key_packet request = { .head = { .verb = KEY_READ }, .body = writer_slice(&w) };
    why->text[0] = '\0';
    if (result == 0)
        result = exchange(channel, &request, &answer);
    if (result != 0)
        return describe_failure(result, why);
    if (answer.head.detail != 0) {
        write_text(why, answer.body);
        return answer.head.detail < 0 ? answer.head.detail : -EPROTO;
    }
    writer_slice_add(&kept, answer.body);
    *ret = writer_slice(&kept);
    return 0;
}

int key_call_generate(int channel, enum key_recipe recipe, int32_t use, slice name,
                      struct key_answer *ret)
{
    struct key_packet request = { .head = { .verb = KEY_GENERATE, .detail = (int32_t)recipe | use },
                                  .body = name };
    return call(channel, &request, ret);
}

int key_call_delete(int channel, slice name, struct key_answer *ret)
{
    struct key_packet request = { .head = { .verb = KEY_DELETE }, .body = name };
    return call(channel, &request, ret);
}

int key_call_forget(int channel, uint64_t key_id, struct key_answer *ret)
{
    struct key_packet request = { .head = { .verb = KEY_FORGET, .key_id = key_id } };
    return call(channel, &request, ret);
}

/* --- Channels ----------------------------------------------------------------------------------
 */

int key_call_open(int channel, uint32_t rights)
{
    int ends[2];
    if (channel < 0)
        return -EPIPE;
    TRY(key_channel_pair(ends));
    struct key_packet request = { .head = { .verb = KEY_OPEN, .detail = (int32_t)rights },
                                  .fd = ends[1] };
    int result = send_request(channel, &request, clock_monotonic_ms() + KEY_CALL_MS);
    close(ends[1]);
    if (result == 0)
        return ends[0];
    close(ends[0]);
    return result;
}

int key_call_restrict(int channel, uint32_t rights)
{
    struct key_packet request = { .head = { .verb = KEY_RESTRICT, .detail = (int32_t)rights },
                                  .fd = -1 };
    return send_request(channel, &request, clock_monotonic_ms() + KEY_CALL_MS);
}

/* --- Signing -----------------------------------------------------------------------------------
 */

void key_call_sign_on(int channel)
{
    signing_channel = channel;
}

int key_call_sign(uint64_t key_id, enum key_scheme scheme, slice text, struct key_signature *ret)
{
    struct key_packet answer;
    struct key_packet request = {
        .head = { .verb = KEY_SIGN, .detail = (int32_t)scheme, .key_id = key_id }, .body = text
    };
    TRY(exchange(signing_channel, &request, &answer));
    if (answer.head.detail != 0)
        return answer.head.detail < 0 ? answer.head.detail : -EPROTO;
    if (answer.body.len == 0 || answer.body.len > sizeof ret->memory)
        return -EPROTO;
    ret->bytes = (uint32_t)answer.body.len;
    memcpy(ret->memory, answer.body.ptr, answer.body.len);
    return 0;
}
