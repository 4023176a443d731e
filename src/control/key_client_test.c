/* A worker's fibers and the keyholder: many at a time, deadlines, a keyholder that dies. */
#include <errno.h>

#include "control/key_test.h"
#include "net/key_client.h"
#include "runtime/bundle.h"
#include "runtime/loop.h"

#define SERVER "TLS 1.3, server CertificateVerify"
#define CROWD  200

static struct keyholder holder;
static uint64_t key_id;

static slice tls_text(void)
{
    static char text[64 + sizeof SERVER + 32];
    memset(text, ' ', 64);
    memcpy(text + 64, SERVER, sizeof SERVER);
    return slice_of(text, sizeof text);
}

static void load_key(const struct keyholder *k)
{
    static struct key_answer answer;
    struct key_load what = { .path = slice_from(path_of("key.pem")), .use = KEY_FOR_TLS };
    assert_int_equal(key_call_load(k->channel, &what, &answer), 0);
    key_id = answer.id;
}

static int worker_channel(const struct keyholder *k)
{
    int channel = key_call_open(k->channel, KEY_MAY_SIGN);
    assert_true(channel >= 0);
    return channel;
}

/* --- Fibers that sign --------------------------------------------------------------------------
 */

struct one {
    int result;
    struct key_signature signature;
    bool is_done;
};

static int sign(uint64_t id, enum key_scheme scheme, slice text, struct key_signature *ret)
{
    const struct key_request what = { id, scheme, text };
    return key_client_sign_until(&what, ret, loop_now_ms() + 60000);
}

static void sign_one(void *argument)
{
    struct one *o = argument;
    o->result = sign(key_id, KEY_ECDSA_SHA256, tls_text(), &o->signature);
    o->is_done = true;
}

static void run_with(fiber_function *run, int channel)
{
    struct loop_options options = { .fibers_max = CROWD + 10 };
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(key_client_open(channel), 0);
    loop_on_turn(NULL, key_client_turn_ends);
    assert_int_equal(fiber_start("test", run, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    struct key_client_counts counts = key_client_count();
    assert_int_equal(counts.in_flight, 0);
    assert_int_equal(counts.waiting, 0);
    key_client_close();
    loop_on_turn(NULL, NULL);
    loop_close();
}

static struct one crowd[CROWD];

static void start_crowd(struct bundle *b, size_t count)
{
    memset(crowd, 0, sizeof crowd);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bundle_start(b, "signer", sign_one, &crowd[i]), 0);
}

static bool is_good(const struct one *o)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    BIO *bio = BIO_new_file(path_of("key.pem"), "r");
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    bool good = EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
                EVP_DigestVerify(context, o->signature.memory, o->signature.bytes,
                                 (const uint8_t *)tls_text().ptr, tls_text().len) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    EVP_MD_CTX_free(context);
    return good;
}

/* --- Many --------------------------------------------------------------------------------------
 */

static uint32_t most_in_flight;

static void sign_with_many(void *argument)
{
    struct bundle b;
    bundle_open(&b);
    start_crowd(&b, CROWD);
    for (int result = -ETIMEDOUT; result == -ETIMEDOUT;) {
        struct key_client_counts now = key_client_count();
        most_in_flight = now.in_flight > most_in_flight ? now.in_flight : most_in_flight;
        result = bundle_join(&b, loop_now_ms() + 1);
    }
    bundle_end(&b);
    loop_stop();
}

TEST(many_fibers_sign_at_a_time_and_no_more_than_the_channel_takes)
{
    most_in_flight = 0;
    run_with(sign_with_many, worker_channel(&holder));
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(crowd[i].result, 0);
        if (i % 50 == 0)
            assert_true(is_good(&crowd[i]));
    }
    assert_in_range(most_in_flight, 0, KEY_CLIENT_FLIGHT_MAX);
    assert_int_equal(key_client_count().signatures, CROWD);
}

static int ends;

static void note_end(void)
{
    ends++;
}

/* The keyholder's end is in the test's hands: what comes in one packet, answered or not. */
static int far_end;
static uint32_t packets[CROWD], packet_count;

static void read_packets(void)
{
    static char memory[KEY_BODY_MAX + 1];
    struct key_packet p;
    for (packet_count = 0; key_packet_receive(far_end, memory, &p) == 0; packet_count++) {
        struct key_part part;
        slice rest = p.body, text;
        packets[packet_count] = p.head.verb == KEY_SIGN;
        while (p.head.verb == KEY_SIGN_MANY && rest.len) {
            assert_int_equal(key_part_take(&rest, &part, &text), 0);
            assert_slice_equal(text, tls_text());
            packets[packet_count]++;
        }
    }
}

static void sign_in_one_turn(void *argument)
{
    static const struct {
        size_t fibers;
        uint32_t packets[4];
    } cases[] = { { 1, { 1 } }, { 5, { 5 } }, { 8, { 8 } }, { 21, { 8, 8, 5 } } };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct bundle b;
        bundle_open(&b);
        start_crowd(&b, cases[i].fibers);
        assert_int_equal(fiber_yield(), 0);
        read_packets();
        uint32_t k = 0;
        for (; cases[i].packets[k]; k++)
            assert_int_equal(packets[k], cases[i].packets[k]);
        assert_int_equal(packet_count, k);
        bundle_end(&b);
    }
    loop_stop();
}

TEST(what_is_asked_for_in_a_turn_goes_in_one_packet)
{
    int pair[2];
    assert_int_equal(key_channel_pair(pair), 0);
    far_end = pair[1];
    run_with(sign_in_one_turn, pair[0]);
    close(far_end);
}

/* A cut answer is not of ours. */
static void answer_badly(void *argument)
{
    struct bundle b;
    ends = 0;
    key_client_on_end(note_end);
    bundle_open(&b);
    start_crowd(&b, 2);
    assert_int_equal(fiber_yield(), 0);
    const struct key_packet p = { .head = { .verb = KEY_SIGN_MANY }, .body = SLICE("x"), .fd = -1 };
    assert_int_equal(key_packet_send(far_end, &p), 0);
    while (ends == 0)
        assert_int_equal(fiber_yield(), 0);
    assert_int_equal(key_client_count().waiting, 2);
    bundle_end(&b);
    loop_stop();
}

TEST(a_cut_answer_ends_the_channel)
{
    int pair[2];
    assert_int_equal(key_channel_pair(pair), 0);
    far_end = pair[1];
    run_with(answer_badly, pair[0]);
    close(far_end);
}

/* --- Failures ----------------------------------------------------------------------------------
 */

static void sign_unknown(void *argument)
{
    struct key_signature signature;
    assert_int_equal(sign(1, KEY_ECDSA_SHA256, tls_text(), &signature), -ENOENT);
    assert_int_equal(sign(key_id, KEY_RSA_PSS_SHA256, tls_text(), &signature), -EACCES);
    /* without a handshake there is no time for one */
    assert_int_equal(key_client_sign(key_id, KEY_ECDSA_SHA256, tls_text(), &signature), -ETIMEDOUT);
    static char large[KEY_BODY_MAX + 1];
    assert_int_equal(sign(key_id, KEY_ECDSA_SHA256, slice_of(large, sizeof large), &signature),
                     -EINVAL);
    assert_int_equal(sign(key_id, KEY_ECDSA_SHA256, tls_text(), &signature), 0);
    loop_stop();
}

TEST(what_the_keyholder_refuses_fails_alone)
{
    run_with(sign_unknown, worker_channel(&holder));
    assert_int_equal(key_client_count().failures, 3);
}

/* Cancelled while the keyholder stands still: the late answers are nobody's. */
static void cancel_some(void *argument)
{
    struct bundle b;
    assert_int_equal(kill(holder.pid, SIGSTOP), 0);
    bundle_open(&b);
    start_crowd(&b, 100);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(key_client_count().in_flight, KEY_CLIENT_FLIGHT_MAX);
    assert_int_equal(key_client_count().waiting, 100 - KEY_CLIENT_FLIGHT_MAX);
    bundle_end(&b);
    assert_int_equal(kill(holder.pid, SIGCONT), 0);
    struct one after = { 0 };
    sign_one(&after);
    assert_int_equal(after.result, 0);
    assert_true(is_good(&after));
    loop_stop();
}

TEST(cancelled_fibers_leave_and_late_answers_are_dropped)
{
    run_with(cancel_some, worker_channel(&holder));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(crowd[i].result, -ECANCELED);
}

/* --- Death -------------------------------------------------------------------------------------
 */

static struct keyholder mortal;
static void outlive(void *argument)
{
    struct bundle b;
    key_client_on_end(note_end);
    assert_int_equal(kill(mortal.pid, SIGSTOP), 0);
    bundle_open(&b);
    start_crowd(&b, 100);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(kill(mortal.pid, SIGKILL), 0);
    while (ends == 0)
        assert_int_equal(fiber_yield(), 0);
    assert_int_equal(key_client_count().waiting, 100);
    key_client_use(worker_channel(&holder));
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    bundle_end(&b);
    loop_stop();
}

TEST(what_a_dead_keyholder_was_asked_is_asked_again)
{
    mortal = start_keyholder();
    load_key(&mortal);
    ends = 0;
    run_with(outlive, worker_channel(&mortal));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(crowd[i].result, 0);
    assert_int_equal(ends, 1);
    close(mortal.channel);
    assert_int_equal(waitpid(mortal.pid, NULL, 0), mortal.pid);
}

static void wait_in_vain(void *argument)
{
    struct one o = { 0 };
    sign_one(&o);
    assert_int_equal(o.result, -EPIPE);
    loop_stop();
}

TEST(without_a_keyholder_a_signature_fails_after_a_while)
{
    run_with(wait_in_vain, -1);
}

/* The keys of a keyholder that has just started are still being loaded. */
static void sign_early(void *argument)
{
    struct bundle b;
    bundle_open(&b);
    key_client_use(worker_channel(&mortal));
    start_crowd(&b, 1);
    assert_int_equal(fiber_sleep(loop_now_ms() + 20), 0);
    assert_false(crowd[0].is_done);
    load_key(&mortal);
    assert_int_equal(bundle_join(&b, loop_now_ms() + 60000), 0);
    bundle_end(&b);
    loop_stop();
}

TEST(behind_a_restart_a_key_is_waited_for)
{
    mortal = start_keyholder();
    run_with(sign_early, worker_channel(&mortal));
    assert_int_equal(crowd[0].result, 0);
    end_keyholder(&mortal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_fibers_sign_at_a_time_and_no_more_than_the_channel_takes),
        cmocka_unit_test(what_is_asked_for_in_a_turn_goes_in_one_packet),
        cmocka_unit_test(a_cut_answer_ends_the_channel),
        cmocka_unit_test(what_the_keyholder_refuses_fails_alone),
        cmocka_unit_test(cancelled_fibers_leave_and_late_answers_are_dropped),
        cmocka_unit_test(what_a_dead_keyholder_was_asked_is_asked_again),
        cmocka_unit_test(without_a_keyholder_a_signature_fails_after_a_while),
        cmocka_unit_test(behind_a_restart_a_key_is_waited_for),
    };
    void *none = NULL;
    if (make_folder(&none) != 0)
        return 1;
    EVP_PKEY *key = new_key("P-256");
    (void)write_key_file("key.pem", key);
    EVP_PKEY_free(key);
    holder = start_keyholder();
    load_key(&holder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    end_keyholder(&holder);
    return remove_folder(&none) == 0 ? failed : 1;
}
