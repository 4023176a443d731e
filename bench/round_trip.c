/* What it costs a worker that a signature is made in another process: the processor time of the
 * asker for each, with the worker's own client of the keyholder, fibers and loop. The other end
 * answers at once with bytes of the right length; nothing is signed.
 *
 *   bench_round_trip FIBERS SIGNATURES
 *
 * prints microseconds, with as many fibers asking at a time as a scenario has connections. Pinned
 * by its caller, both ends on one processor. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include "base/writer.h"
#include "net/key_client.h"
#include "runtime/bundle.h"
#include "runtime/fiber.h"
#include "runtime/loop.h"

#define TEXT_BYTES      130 /* of a CertificateVerify with SHA-256 (RFC 8446 §4.4.3) */
#define SIGNATURE_BYTES 71  /* ECDSA P-256, most often */
#define FIBERS_MAX      64
#define DEADLINE_MS     60000

/* --- The other end ----------------------------------------------------------------------------
 */

static const char signature[SIGNATURE_BYTES];

static void answer_many(struct key_packet *p, struct writer *w)
{
    struct key_part part;
    slice rest = p->body, text;
    while (rest.len && key_part_take(&rest, &part, &text) == 0) {
        part.detail = 0;
        part.bytes = sizeof signature;
        writer_bytes(w, &part, sizeof part);
        writer_bytes(w, signature, sizeof signature);
    }
}

static void answer_all(int channel)
{
    static char memory[KEY_BODY_MAX + 1], answers[KEY_BODY_MAX];
    struct key_packet p;
    for (;;) {
        struct pollfd polled = { .fd = channel, .events = POLLIN };
        struct writer w = writer_over(answers, sizeof answers);
        if (poll(&polled, 1, -1) < 0 || key_packet_receive(channel, memory, &p) != 0)
            return;
        if (p.head.verb == KEY_SIGN_MANY)
            answer_many(&p, &w);
        else
            writer_bytes(&w, signature, sizeof signature);
        p.body = writer_slice(&w);
        p.head.detail = 0;
        p.fd = -1;
        if (key_packet_send(channel, &p) != 0)
            return;
    }
}

/* --- Asking ------------------------------------------------------------------------------------
 */

static long signatures_left;
static size_t asker_count;
static int failed;

static double processor_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void ask(void *argument)
{
    static const char text[TEXT_BYTES];
    struct key_signature got;
    const struct key_request what = { 1, KEY_ECDSA_SHA256, slice_of(text, sizeof text) };
    while (signatures_left-- > 0)
        if (key_client_sign_until(&what, &got, loop_now_ms() + DEADLINE_MS) != 0)
            failed = 1;
}

static void ask_with_all(void *argument)
{
    struct bundle b;
    bundle_open(&b);
    for (size_t i = 0; i < asker_count; i++)
        if (bundle_start(&b, "asker", ask, NULL) != 0)
            failed = 1;
    if (bundle_join(&b, loop_now_ms() + DEADLINE_MS) != 0)
        failed = 1;
    bundle_end(&b);
    loop_stop();
}

/* Microseconds for each; < 0: it did not work. */
static double measure(int channel, long count)
{
    struct loop_options options = { .fibers_max = FIBERS_MAX + 8 };
    if (loop_open(&options) != 0 || key_client_open(channel) != 0)
        return -1;
    loop_on_turn(NULL, key_client_turn_ends);
    signatures_left = count / 10; /* warm */
    double before = 0, result = -1;
    for (int round = 0; round < 2; round++) {
        before = processor_us();
        if (fiber_start("all", ask_with_all, NULL, NULL) != 0 || loop_run() != 0)
            return -1;
        result = (processor_us() - before) / (double)count;
        signatures_left = count;
    }
    key_client_close();
    loop_close();
    return failed ? -1 : result;
}

int main(int argc, char **argv)
{
    int ends[2];
    long fibers = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (fibers < 1 || fibers > FIBERS_MAX || count < 1 || key_channel_pair(ends) != 0) {
        (void)fprintf(stderr, "bench_round_trip FIBERS SIGNATURES\n");
        return 2;
    }
    asker_count = (size_t)fibers;
    pid_t other = fork();
    if (other == 0) {
        close(ends[0]);
        answer_all(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    double us = other > 0 ? measure(ends[0], count) : -1;
    if (other > 0)
        (void)waitpid(other, NULL, 0);
    if (us < 0)
        return 1;
    (void)printf("%.2f\n", us);
    return 0;
}
