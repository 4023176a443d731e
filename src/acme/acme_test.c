/* The client against a scripted CA: a life from end to end, faults, deaths, clocks. */
#include "acme/testing_ca.h"

#include "runtime/loop.h"

TEST(a_certificate_is_ordered_proved_and_installed)
{
    begin_one();
    assert_int_equal(engine_wait_ms(only()), 0);
    step();
    assert_int_equal(t.installs, 1);
    assert_int_equal(t.offered, 0);
    assert_int_equal(t.rejected_nonces, 0);
    struct acme_report r = tell();
    assert_int_equal(r.state, ACME_WAITING);
    assert_int_equal(r.error.len, 0);
    assert_in_range(r.next_ms, t.now_ms + 55 * DAY, t.now_ms + 60 * DAY);
    step(); /* not due: only the clocks are compared */
    assert_int_equal(t.installs, 1);
}

TEST(the_proof_is_the_token_and_the_thumbprint_of_the_account)
{
    begin_one();
    t.fault_step = STEP_CHALLENGE;
    t.fault = FAULT_CUT;
    t.fault_count = 1;
    step();
    char expected[128];
    (void)snprintf(expected, sizeof expected, "token-0.%s", t.account_thumbprint);
    assert_string_equal(t.offered_answer, expected);
    assert_int_equal(t.offered, 0); /* taken back when the attempt ended */
}

TEST(a_listener_that_does_not_answer_costs_no_attempt_at_the_ca)
{
    begin_one();
    t.misanswers = true;
    step();
    assert_int_equal(t.counts[STEP_CHALLENGE], 0);
    assert_slice_equal(
        tell().error,
        SLICE("http://app.example.com/.well-known/acme-challenge/token-0 is not "
              "answered with the proof at 127.0.0.1:80, where it was tried before the "
              "CA is asked, but with status 404"));
    assert_int_equal(t.offered, 0);
}

TEST(several_names_and_wildcards_are_one_order)
{
    static const slice names[] = { { "example.com", 11 },
                                   { "www.example.com", 15 },
                                   { "*.example.com", 13 } };
    t.settings.hook = SLICE("/bin/hook");
    start_life();
    want(names, 3);
    attempt_run(only());
    assert_int_equal(t.orders_made, 1);
    assert_int_equal(t.installs, 1);
    assert_true(request_covers(t.leaf, names, 3));
    assert_int_equal(t.hooks_set, 1);
    assert_int_equal(t.hooks_removed, 1);
    assert_int_equal(strlen(t.hook_value), 43);
}

TEST(a_wildcard_without_a_hook_says_what_to_do)
{
    static const slice wildcard = { "*.example.com", 13 };
    start_life();
    want(&wildcard, 1);
    attempt_run(only());
    struct acme_report r;
    assert_int_equal(acme_tell(t.acme, wildcard, &r), 0);
    assert_int_equal(r.state, ACME_FAILED);
    assert_slice_equal(r.error, SLICE("*.example.com can only be proved by DNS-01: add `dns hook "
                                      "PROGRAM` to 'acme'"));
    assert_int_equal(t.counts[STEP_CHALLENGE], 0);
}

TEST(proofs_that_are_valid_are_not_made_again)
{
    begin_one();
    t.reuses = true;
    step();
    uint32_t challenges = t.counts[STEP_CHALLENGE];
    assert_int_equal(acme_renew(t.acme, one_name), 0);
    step();
    assert_int_equal(t.installs, 2);
    assert_int_equal(t.counts[STEP_CHALLENGE], challenges);
}

TEST(refused_nonces_are_no_failures)
{
    begin_one();
    t.bad_nonces = 5;
    step();
    assert_int_equal(t.installs, 1);
    assert_int_equal(t.rejected_nonces, 5);
    assert_int_equal(tell().failures, 0);
}

TEST(a_ca_that_refuses_all_nonces_is_left_alone)
{
    begin_one();
    t.bad_nonces = 1000;
    step();
    assert_int_equal(tell().failures, 1);
    assert_true(t.asked < 20);
}

/* Every fault at every step, once: then the next attempt succeeds, and nothing is left behind. */
TEST(any_fault_at_any_step_is_survived)
{
    end(NULL);
    for (enum step s = STEP_DIRECTORY; s <= STEP_CERTIFICATE; s++)
        for (enum fault f = FAULT_LOST; f <= FAULT_NONCE; f++) {
            begin(NULL);
            begin_one();
            t.fault_step = s;
            t.fault = f;
            t.fault_count = 1;
            for (int attempts = 0; t.installs == 0; attempts++) {
                if (attempts == 3)
                    fail_msg("fault %d at step %d: %.*s", f, s, SLICE_ARGUMENTS(tell().error));
                step();
                if (t.installs)
                    break;
                assert_int_equal(tell().state, ACME_FAILED);
                assert_true(tell().error.len > 0);
                assert_true(engine_wait_ms(only()) > 0); /* never at once */
                pass(engine_wait_ms(only()));
            }
            assert_int_equal(t.offered, 0);
            assert_int_equal(t.accounts_made, 1);
            assert_int_equal(tell().failures, 0);
            end(NULL);
        }
    begin(NULL);
}

static uint32_t keys_alive(void)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < t.key_count; i++)
        alive += !t.keys[i].is_forgotten;
    return alive;
}

static void live_and_die(uint32_t at, bool after)
{
    t.dies_at = at;
    t.dies_after = after;
    begin_one();
    attempt_run(only());
    assert_true(t.has_died);
    acme_close(&t.acme);
    t.has_died = t.dies_after =
        false; /* the next life: what was offered is gone with the old one */
    t.dies_at = t.offered = 0;
}

/* Counts what a whole life takes, then dies at every point of it. */
TEST(a_process_that_dies_at_any_point_goes_on_or_begins_anew)
{
    begin_one();
    step();
    uint32_t events = t.events;
    assert_true(events >= 12);
    end(NULL);
    for (uint32_t i = 0; i < 2 * events; i++) {
        begin(NULL);
        live_and_die(1 + i / 2, i % 2);
        begin_one();
        assert_true(!t.leaf || only()->is_issued_here || only()->has_order);
        for (int attempts = 0; attempts < 3 && (!t.leaf || only()->has_order); attempts++)
            step();
        if (!t.leaf)
            fail_msg("dead at %u%s: %.*s", 1 + i / 2, i % 2 ? " and a half" : "",
                     SLICE_ARGUMENTS(tell().error));
        assert_in_range(t.orders_made, 1, 2);
        assert_int_equal(t.issued, 1); /* never a second certificate for nothing */
        assert_int_equal(t.accounts_made, 1);
        assert_int_equal(tell().state, ACME_WAITING);
        assert_true(engine_order_wait_ms(only()) > 50 * DAY);
        assert_int_equal(t.offered, 0);
        assert_int_equal(keys_alive(), 2); /* the account's and the certificate's */
        end(NULL);
    }
    begin(NULL);
}

TEST(rate_limits_are_respected_over_restarts)
{
    begin_one();
    t.fault_step = STEP_ORDER;
    t.fault = FAULT_LIMITED;
    t.fault_count = 1;
    step();
    assert_true(engine_wait_ms(only()) >= 2 * HOUR);
    assert_slice_equal(tell().error, SLICE("the CA refused the order: rateLimited: too many "
                                           "certificates already issued"));
    acme_close(&t.acme);
    pass(HOUR);
    begin_one();
    assert_in_range(engine_wait_ms(only()), HOUR - 1000, 4 * HOUR);
    t.settings.contact = SLICE("ops@example.com"); /* another configuration is no way around it */
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
    assert_true(engine_wait_ms(only()) >= HOUR - 1000);
}

TEST(another_configuration_is_tried_at_once)
{
    begin_one();
    t.wants_binding = true;
    step();
    assert_true(engine_wait_ms(only()) > 0);
    assert_non_null(strstr(tell().error.ptr, "add eab KID"));
    t.settings.eab_kid = SLICE("kid-1");
    t.settings.eab_key = SLICE("AQIDBAUGBwgJCgsMDQ4PEA");
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
    assert_int_equal(engine_wait_ms(only()), 0);
    step();
    assert_int_equal(t.installs, 1);
}

TEST(failures_wait_longer_each_time)
{
    int64_t last_ms = 0;
    begin_one();
    t.refuses_proofs = true;
    for (uint32_t i = 1; i <= 10; i++) {
        step();
        assert_int_equal(tell().failures, i);
        int64_t wait_ms = engine_wait_ms(only());
        assert_true(wait_ms > last_ms);
        last_ms = wait_ms;
        pass(wait_ms);
    }
    assert_slice_equal(tell().error,
                       SLICE("the CA refused the proof of app.example.com by HTTP-01: "
                             "unauthorized: it was not there"));
    t.refuses_proofs = false;
    step();
    assert_int_equal(t.installs, 1);
    assert_int_equal(tell().error.len, 0);
}

static void fault_challenge(enum fault fault)
{
    begin_one();
    t.fault_step = STEP_CHALLENGE;
    t.fault = fault;
    t.fault_count = 1;
}

TEST(a_challenge_that_was_asked_about_before_is_no_failure)
{
    fault_challenge(FAULT_REPEATED);
    step();
    assert_int_equal(t.installs, 1);
    assert_int_equal(tell().failures, 0);
    assert_int_equal(t.counts[STEP_CHALLENGE], 1);
}

TEST(its_verdict_is_waited_for)
{
    fault_challenge(FAULT_REPEATED);
    t.slow_looks = 3;
    step();
    assert_int_equal(t.installs, 1);
    assert_int_equal(t.slow_looks, 0);
    assert_int_equal(tell().failures, 0);
}

TEST(a_challenge_that_is_refused_and_still_pending_is_a_failure)
{
    fault_challenge(FAULT_REFUSED);
    step();
    assert_int_equal(t.installs, 0);
    assert_slice_equal(tell().error, SLICE("the CA refused validation: malformed: it is not "
                                           "understood"));
}

TEST(after_a_refused_proof_another_kind_is_tried)
{
    t.settings.reach_tls = ACME_REACH_STANDARD;
    begin_one();
    t.refuses_proofs = true;
    step();
    assert_true(t.offered_answer[0] != '\0');
    pass(engine_wait_ms(only()));
    step();
    assert_int_equal(t.offered_answer[0], '\0'); /* TLS-ALPN-01 is a certificate */
    assert_non_null(strstr(tell().error.ptr, "TLS-ALPN-01"));
}

TEST(a_lost_account_is_made_again)
{
    begin_one();
    step();
    t.has_account = false;
    assert_int_equal(acme_renew(t.acme, one_name), 0);
    step();
    assert_int_equal(t.installs, 2);
    assert_int_equal(t.accounts_made, 2);
}

TEST(a_new_contact_is_told)
{
    begin_one();
    step();
    assert_string_equal(t.contact, "");
    t.settings.contact = SLICE("ops@example.com");
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
    assert_int_equal(acme_renew(t.acme, one_name), 0);
    step();
    assert_string_equal(t.contact, "mailto:ops@example.com");
    assert_int_equal(t.accounts_made, 1);
}

TEST(short_lived_certificates_are_renewed_for_a_year)
{
    t.life_ms = 6 * DAY;
    begin_one();
    step();
    for (int64_t until_ms = t.now_ms + 365 * DAY; t.now_ms < until_ms;) {
        int64_t wait_ms = engine_order_wait_ms(only());
        assert_in_range(wait_ms, 1, 4 * DAY);
        pass(wait_ms);
        step();
        assert_true(only()->not_after_ms > t.now_ms + 5 * DAY);
    }
    assert_in_range(t.installs, 90, 110);
}

static void suggest(int64_t start_ms, int64_t end_ms)
{
    time_t start = (time_t)(start_ms / 1000), stop = (time_t)(end_ms / 1000);
    struct tm tm;
    t.has_window = true;
    strftime(t.window_start, sizeof t.window_start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&start, &tm));
    strftime(t.window_end, sizeof t.window_end, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&stop, &tm));
}

TEST(the_window_of_the_ca_counts_and_is_asked_for_again)
{
    t.window_retry_s = 3600;
    suggest(t.now_ms + 20 * DAY, t.now_ms + 21 * DAY);
    begin_one();
    step();
    assert_int_equal(engine_wait_ms(only()), 0); /* to ask for the window */
    step();
    assert_int_equal(t.counts[STEP_WINDOW], 1);
    int64_t moment_ms = only()->moment_ms;
    assert_in_range(moment_ms, t.now_ms + 20 * DAY - HOUR, t.now_ms + 21 * DAY);
    assert_string_equal(tell().why, "the CA's renewal window");
    assert_in_range(engine_wait_ms(only()), HOUR - 60000, HOUR);
    pass(HOUR);
    step(); /* the same window: the same moment */
    assert_int_equal(only()->moment_ms, moment_ms);
    acme_close(&t.acme); /* over a restart too */
    begin_one();
    assert_int_equal(only()->moment_ms, moment_ms);
    /* The CA will revoke it: the window is past. */
    suggest(t.now_ms - 2 * DAY, t.now_ms - DAY);
    pass(HOUR);
    step();
    assert_int_equal(engine_order_wait_ms(only()), 0);
    step();
    assert_int_equal(t.installs, 2);
    assert_true(t.replaces[0] != '\0'); /* RFC 9773 §5 */
}

TEST(a_window_that_cannot_be_had_leaves_the_old_moment)
{
    begin_one();
    step();
    int64_t moment_ms = only()->moment_ms;
    suggest(t.now_ms + 5 * DAY, t.now_ms + 4 * DAY); /* the wrong way round */
    pass(DAY);
    step();
    assert_int_equal(only()->moment_ms, moment_ms);
    assert_true(engine_wait_ms(only()) >= 60000);
}

TEST(a_clock_that_jumps_forward_orders_nothing)
{
    begin_one();
    step();
    t.skew_ms = 400 * DAY; /* everything has ended, by our clock */
    for (int i = 0; i < 5; i++) {
        engine_note_clock(t.acme);
        if (engine_wait_ms(only()) == 0)
            step();
        pass(60000);
    }
    assert_int_equal(t.installs, 1);
    assert_int_equal(t.orders_made, 1);
    assert_true(t.asked < 30);
    t.skew_ms = 0;
    for (int day = 0; day < 90; day++) { /* and nothing is missed afterwards */
        engine_note_clock(t.acme);
        if (engine_wait_ms(only()) == 0)
            step();
        assert_true(only()->not_after_ms > t.now_ms);
        pass(DAY);
    }
    assert_int_equal(t.installs, 2);
}

TEST(a_clock_that_is_behind_misses_nothing)
{
    begin_one();
    step();
    t.skew_ms = -300 * DAY;
    for (int day = 0; day < 90; day++) {
        engine_note_clock(t.acme);
        if (engine_wait_ms(only()) == 0)
            step();
        assert_true(only()->not_after_ms > t.now_ms);
        pass(DAY);
    }
    assert_int_equal(t.installs, 2);
}

TEST(a_failure_before_the_clock_went_back_does_not_wait_for_ever)
{
    begin_one();
    t.has_date = false;
    t.fault_step = STEP_ORDER;
    t.fault = FAULT_CUT;
    t.fault_count = 1;
    step();
    acme_close(&t.acme);
    t.skew_ms = -1000 * DAY;
    begin_one();
    assert_in_range(engine_wait_ms(only()), 1, 2 * 60000);
}

TEST(names_that_change_are_ordered_at_once_and_old_orders_left)
{
    static const slice both[] = { { "app.example.com", 15 }, { "www.example.com", 15 } };
    begin_one();
    t.fault_step = STEP_CHALLENGE;
    t.fault = FAULT_CUT;
    t.fault_count = 1;
    step(); /* an order is under way */
    assert_true(only()->has_order);
    want(both, 2);
    pass(engine_wait_ms(only()));
    attempt_run(only());
    assert_int_equal(t.orders_made, 2);
    assert_true(request_covers(t.leaf, both, 2));
}

TEST(a_profile_that_the_ca_does_not_have_is_said)
{
    t.settings.profile = SLICE("tiny");
    begin_one();
    step();
    assert_slice_equal(tell().error, SLICE("the CA has no profile \"tiny\""));
    t.settings.profile = SLICE("short");
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
    step();
    assert_int_equal(t.installs, 1);
}

TEST(a_certificate_is_revoked_and_replaced)
{
    char why[ACME_ERROR_BYTES];
    begin_one();
    assert_int_equal(acme_revoke(t.acme, one_name, 1, why), -ENOENT);
    step();
    assert_int_equal(acme_revoke(t.acme, one_name, 1, why), 0);
    assert_int_equal(t.revoked, 1);
    assert_int_equal(acme_renew(t.acme, one_name), 0);
    assert_int_equal(engine_wait_ms(only()), 0);
    t.fault_step = STEP_ORDER;
    t.fault = FAULT_CUT;
    t.fault_count = 1;
    step(); /* neither a failure nor the end of the process makes it forget */
    acme_close(&t.acme);
    begin_one();
    assert_in_range(engine_order_wait_ms(only()), 1, 2 * 60000);
    pass(engine_order_wait_ms(only()));
    assert_int_equal(engine_order_wait_ms(only()), 0);
    step();
    assert_int_equal(t.installs, 2);
    assert_true(engine_order_wait_ms(only()) > 50 * DAY);
}

static void nobody_wants_it(void)
{
    assert_int_equal(acme_want(t.acme, NULL, 0), 0);
}

static void another_is_in_force(void)
{
    assert_int_equal(acme_renew(t.acme, one_name), 0);
    step();
}

TEST(what_is_revoked_is_what_was_in_force_when_it_was_asked)
{
    static char expected[sizeof t.revoked_leaf];
    char why[ACME_ERROR_BYTES];
    begin_one();
    step();
    unsigned char *der = NULL;
    int bytes = i2d_X509(t.leaf, &der);
    struct writer w = writer_over(expected, sizeof expected - 1);
    jose_base64url(&w, slice_of((const char *)der, (size_t)bytes));
    OPENSSL_free(der);
    t.meanwhile = another_is_in_force;
    assert_int_equal(acme_revoke(t.acme, one_name, 1, why), 0);
    assert_int_equal(t.installs, 2);
    assert_string_equal(t.revoked_leaf, expected);
    t.meanwhile = nobody_wants_it;
    assert_int_equal(acme_revoke(t.acme, one_name, 1, why), 0);
}

static int renewed_meanwhile;

static void somebody_asks_to_renew(void)
{
    renewed_meanwhile = acme_renew(t.acme, one_name);
}

TEST(who_asks_to_renew_while_only_the_window_is_looked_at_is_heard)
{
    begin_one();
    step();
    t.meanwhile = somebody_asks_to_renew;
    only()->is_running = true; /* as the fiber of an attempt */
    pass(engine_wait_ms(only()));
    attempt_run(only());
    only()->is_running = false;
    assert_int_equal(renewed_meanwhile, 0);
    assert_int_equal(engine_order_wait_ms(only()), 0);
    t.meanwhile = somebody_asks_to_renew;
    only()->is_running = true;
    attempt_run(only());
    only()->is_running = false;
    assert_int_equal(renewed_meanwhile, -EBUSY);
    assert_int_equal(t.installs, 2);
}

TEST(records_that_are_broken_begin_anew)
{
    static const char *const broken[] = { "", "{", "[]", "{\"failures\":\"x\"}", "null" };
    for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/certificate-app.example.com.json", t.folder);
        FILE *f = fopen(path, "w");
        fputs(broken[i], f);
        fclose(f);
        begin_one();
        assert_int_equal(engine_wait_ms(only()), 0);
        acme_close(&t.acme);
    }
    begin_one();
    step();
    assert_int_equal(t.installs, 1);
}

static void check_mode(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(strstr(path, ".new"));
}

TEST(records_are_whole_and_for_their_owner_alone)
{
    char path[200];
    start_life();
    (void)snprintf(path, sizeof path, "%s/certificate-x.json.new", t.folder);
    FILE *f = fopen(path, "w"); /* of a process that died while writing */
    fclose(f);
    acme_close(&t.acme);
    begin_one();
    step();
    each_file(check_mode);
}

/* --- With a loop -------------------------------------------------------------------------------
 */

#define MANY 12

static uint32_t most_at_once, calls_at_once;

static int crowded_call(void *context, const struct acme_call *call, struct acme_reply *r)
{
    calls_at_once++;
    most_at_once = calls_at_once > most_at_once ? calls_at_once : most_at_once;
    int result = fiber_sleep(loop_now_ms() + 1);
    calls_at_once--;
    return result != 0 ? result : not_heard(r, "cannot connect");
}

static int crowded_sleep(void *context, int64_t ms)
{
    return fiber_yield();
}

/* Until all have failed once; what is planned next is a minute away. */
static void run_crowd(void *argument)
{
    struct bundle b;
    uint32_t failed = 0;
    bundle_open(&b);
    assert_int_equal(bundle_start(&b, "acme", acme_run, t.acme), 0);
    for (int i = 0; i < 10000 && failed < MANY; i++) {
        failed = 0;
        for (uint32_t k = 0; k < t.acme->item_count; k++)
            failed += t.acme->items[k]->failures == 1 && !t.acme->items[k]->is_running;
        assert_int_equal(fiber_sleep(loop_now_ms() + 1), 0);
    }
    assert_int_equal(failed, MANY);
    bundle_end(&b);
    loop_stop();
}

TEST(never_more_than_four_are_asked_for_at_once)
{
    static char texts[MANY][32];
    static slice names[MANY];
    struct acme_wish wishes[MANY] = { 0 };
    struct acme_world crowded = world;
    struct loop_options options = { .fibers_max = 32 };
    crowded.call = crowded_call;
    crowded.sleep = crowded_sleep;
    most_at_once = calls_at_once = 0;
    assert_int_equal(engine_open(&host, t.folder, &crowded, &t.acme), 0);
    assert_int_equal(acme_configure(t.acme, &t.settings), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        int length = snprintf(texts[i], sizeof texts[i], "n%02u.example.com", i);
        names[i] = slice_of(texts[i], (size_t)length);
        wishes[i] = (struct acme_wish){ .name = names[i], .names = &names[i], .name_count = 1 };
    }
    assert_int_equal(acme_want(t.acme, wishes, MANY), 0);
    assert_int_equal(loop_open(&options), 0);
    assert_int_equal(fiber_start("crowd", run_crowd, NULL, NULL), 0);
    assert_int_equal(loop_run(), 0);
    loop_close();
    assert_int_equal(most_at_once, ACME_ORDERS_MAX);
    acme_close(&t.acme);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_certificate_is_ordered_proved_and_installed),
        CASE(the_proof_is_the_token_and_the_thumbprint_of_the_account),
        CASE(a_listener_that_does_not_answer_costs_no_attempt_at_the_ca),
        CASE(several_names_and_wildcards_are_one_order),
        CASE(a_wildcard_without_a_hook_says_what_to_do),
        CASE(proofs_that_are_valid_are_not_made_again),
        CASE(refused_nonces_are_no_failures),
        CASE(a_ca_that_refuses_all_nonces_is_left_alone),
        CASE(any_fault_at_any_step_is_survived),
        CASE(a_process_that_dies_at_any_point_goes_on_or_begins_anew),
        CASE(rate_limits_are_respected_over_restarts),
        CASE(another_configuration_is_tried_at_once),
        CASE(failures_wait_longer_each_time),
        CASE(a_challenge_that_was_asked_about_before_is_no_failure),
        CASE(its_verdict_is_waited_for),
        CASE(a_challenge_that_is_refused_and_still_pending_is_a_failure),
        CASE(after_a_refused_proof_another_kind_is_tried),
        CASE(a_lost_account_is_made_again),
        CASE(a_new_contact_is_told),
        CASE(short_lived_certificates_are_renewed_for_a_year),
        CASE(the_window_of_the_ca_counts_and_is_asked_for_again),
        CASE(a_window_that_cannot_be_had_leaves_the_old_moment),
        CASE(a_clock_that_jumps_forward_orders_nothing),
        CASE(a_clock_that_is_behind_misses_nothing),
        CASE(a_failure_before_the_clock_went_back_does_not_wait_for_ever),
        CASE(names_that_change_are_ordered_at_once_and_old_orders_left),
        CASE(a_profile_that_the_ca_does_not_have_is_said),
        CASE(a_certificate_is_revoked_and_replaced),
        CASE(what_is_revoked_is_what_was_in_force_when_it_was_asked),
        CASE(who_asks_to_renew_while_only_the_window_is_looked_at_is_heard),
        CASE(records_that_are_broken_begin_anew),
        CASE(records_are_whole_and_for_their_owner_alone),
        CASE(never_more_than_four_are_asked_for_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
