/* The segments: what survives a hostile or dying writer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "shared/memory.h"

static struct shared_memory m;

static int set_up(UNUSED void **state)
{
    return shared_memory_create(&m);
}

static int tear_down(UNUSED void **state)
{
    shared_memory_close(&m);
    return 0;
}

TEST(segment_is_sealed_and_knows_its_layout)
{
    assert_int_equal(ftruncate(m.segments[SHARED_NAMES].fd, 1), -1);
    struct segment s;
    assert_int_equal(
        segment_map(&s, dup(m.segments[SHARED_NAMES].fd), 1, 1, sizeof(struct names_segment), true),
        -EPROTO);
    int fds[SHARED_COUNT];
    for (int i = 0; i < SHARED_COUNT; i++)
        fds[i] = dup(m.segments[i].fd);
    struct shared_memory again;
    assert_int_equal(shared_memory_map(&again, fds), 0);
    again.names->slots[3].name[0] = 'x';
    assert_int_equal(m.names->slots[3].name[0], 'x');
    shared_memory_close(&again);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* All segments with a limit of the kernel's: each descriptor or each size is refused once. */
static int create_below(int resource, rlim_t limit)
{
    struct rlimit old, tight;
    struct shared_memory made;
    assert_int_equal(getrlimit(resource, &old), 0);
    tight = (struct rlimit){ .rlim_cur = limit, .rlim_max = old.rlim_max };
    assert_int_equal(setrlimit(resource, &tight), 0);
    int result = shared_memory_create(&made);
    assert_int_equal(setrlimit(resource, &old), 0);
    if (result == 0)
        shared_memory_close(&made);
    return result;
}

TEST(memory_that_cannot_be_made_leaves_nothing_behind)
{
    int before = open_descriptors(), next = dup(0), refused = 0;
    close(next);
    while (create_below(RLIMIT_NOFILE, (rlim_t)(next + refused)) == -EMFILE) {
        assert_int_equal(open_descriptors(), before);
        refused++;
    }
    assert_true(refused >= SHARED_COUNT);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    unsigned too_large = 0;
    for (rlim_t bytes = 1; bytes < (256u << 20); bytes *= 4) {
        int result = create_below(RLIMIT_FSIZE, bytes);
        assert_true(result == -EFBIG || result == 0);
        too_large += result != 0;
        assert_int_equal(open_descriptors(), before);
    }
    assert_true(too_large > 3);
    signal(SIGXFSZ, old);
}

TEST(memory_of_another_layout_is_not_mapped)
{
    int before = open_descriptors();
    for (int wrong = 0; wrong < SHARED_COUNT; wrong++) {
        struct shared_memory mapped;
        int fds[SHARED_COUNT];
        for (int i = 0; i < SHARED_COUNT; i++)
            fds[i] = dup(m.segments[i == wrong ? (i + 1) % SHARED_COUNT : i].fd);
        assert_int_equal(shared_memory_map(&mapped, fds), -EPROTO);
        assert_int_equal(open_descriptors(), before); /* it has taken all of them over */
    }
}

TEST(ring_keeps_every_line_in_order)
{
    struct log_ring ring;
    log_ring_open(&ring, m.rings, 0, -1);
    uint32_t written = 0, read = 0, dropped = 0;
    srandom(3);
    while (read < 20000) {
        for (long burst = random() % 400; burst > 0; burst--) {
            uint32_t bytes = 4 + (uint32_t)random() % 3000;
            char *line = log_ring_reserve(&ring, LOG_LINE_BYTES_MAX);
            if (!line) {
                dropped++;
                break;
            }
            memset(line, (char)written, bytes);
            memcpy(line, &written, sizeof written);
            log_ring_commit(&ring, bytes, (uint16_t)(written % 7));
            written++;
        }
        slice line;
        uint16_t sink;
        for (long burst = random() % 500;
             burst > 0 && log_ring_peek(&m.rings->rings[0], &line, &sink); burst--) {
            uint32_t number;
            memcpy(&number, line.ptr, sizeof number);
            assert_int_equal(number, read);
            assert_int_equal(sink, read % 7);
            assert_int_equal(line.ptr[line.len - 1],
                             line.len > 4 ? (char)read : line.ptr[line.len - 1]);
            log_ring_release(&m.rings->rings[0]);
            read++;
        }
    }
    assert_true(dropped > 0);
}

TEST(ring_shows_nothing_of_a_writer_that_was_killed)
{
    for (int round = 0; round < 20; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct log_ring ring;
            log_ring_open(&ring, m.rings, 1, -1);
            for (uint32_t i = 0;; i++) {
                char *line = log_ring_reserve(&ring, 64);
                if (!line)
                    continue;
                memset(line, 'a' + (int)(i % 26), 64);
                log_ring_commit(&ring, 64, 1);
            }
        }
        slice line;
        uint16_t sink;
        for (uint32_t lines = 0; lines < 3000;) {
            if (!log_ring_peek(&m.rings->rings[1], &line, &sink))
                continue;
            assert_int_equal(line.len, 64);
            for (size_t i = 1; i < line.len; i++)
                assert_int_equal(line.ptr[i], line.ptr[0]);
            log_ring_release(&m.rings->rings[1]);
            lines++;
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (log_ring_peek(&m.rings->rings[1], &line, &sink)) {
            assert_int_equal(line.ptr[0], line.ptr[63]);
            log_ring_release(&m.rings->rings[1]);
        }
    }
}

TEST(ring_reader_stays_inside_whatever_the_writer_says)
{
    struct log_ring_shared *r = &m.rings->rings[2];
    srandom(5);
    for (int round = 0; round < 20000; round++) {
        uint64_t tail = (uint64_t)random() * 8 % (4 * LOG_RING_BYTES);
        atomic_store(&r->tail, tail);
        atomic_store(&r->head, round % 3 ? tail + (uint64_t)random() % (2 * LOG_RING_BYTES)
                                         : (uint64_t)random());
        for (int i = 0; i < 4; i++) {
            uint32_t junk = (uint32_t)random();
            memcpy(r->data + (tail + (uint64_t)i * 8) % LOG_RING_BYTES, &junk, sizeof junk);
        }
        slice line;
        uint16_t sink;
        for (int i = 0; i < 100 && log_ring_peek(r, &line, &sink); i++) {
            assert_true(line.ptr >= r->data && line.ptr + line.len <= r->data + LOG_RING_BYTES);
            log_ring_release(r);
        }
    }
}

TEST(clients_are_counted_over_all_slots)
{
    struct client_key key = { { 1, 2, 3 } };
    clients_clear(m.clients, 0);
    clients_clear(m.clients, 1);
    assert_int_equal(clients_enter(m.clients, 0, &key), 1);
    assert_int_equal(clients_enter(m.clients, 1, &key), 2);
    assert_int_equal(clients_enter(m.clients, 1, &key), 3);
    clients_leave(m.clients, 0, &key);
    assert_int_equal(clients_enter(m.clients, 1, &key), 3);
    clients_clear(m.clients, 1);
    assert_int_equal(clients_enter(m.clients, 0, &key), 1);
}

TEST(clients_come_and_go_without_leaving_anything)
{
    static uint8_t present[3000];
    uint32_t living = 0;
    clients_clear(m.clients, 0);
    srandom(11);
    for (int step = 0; step < 200000; step++) {
        uint32_t who = (uint32_t)random() % ARRAY_LENGTH(present);
        struct client_key key = { { 0 } };
        memcpy(key.bytes, &who, sizeof who);
        if (random() % 2 && present[who] < 200) {
            assert_int_equal(clients_enter(m.clients, 0, &key), ++present[who]);
            living++;
        } else if (present[who]) {
            clients_leave(m.clients, 0, &key);
            present[who]--;
            living--;
        }
    }
    uint32_t counted = 0;
    for (uint32_t i = 0; i < CLIENTS_PER_SLOT; i++)
        counted += m.clients->entries[0][i].count;
    assert_int_equal(counted, living);
}

TEST(name_servers_are_read_as_they_were_set)
{
    char got[NAME_SERVERS_BYTES_MAX + 1], long_list[NAME_SERVERS_BYTES_MAX + 20];
    names_read_servers(m.names, got);
    assert_string_equal(got, "");
    names_set_servers(m.names, SLICE("192.0.2.53:53,[::1]:5353"));
    names_read_servers(m.names, got);
    assert_string_equal(got, "192.0.2.53:53,[::1]:5353");
    memset(long_list, '1', sizeof long_list);
    names_set_servers(m.names, slice_of(long_list, sizeof long_list));
    names_read_servers(m.names, got);
    assert_int_equal(strlen(got), NAME_SERVERS_BYTES_MAX);
    names_set_servers(m.names, slice_of(NULL, 0));
    names_read_servers(m.names, got);
    assert_string_equal(got, "");
}

TEST(names_are_wanted_once_and_read_whole)
{
    int a = names_want(m.names, SLICE("app.internal"));
    assert_true(a >= 0);
    assert_int_equal(names_want(m.names, SLICE("app.internal")), a);
    assert_true(names_want(m.names, SLICE("other")) != a);
    struct resolved_name result = { .count = 2, .addresses = { { 1 }, { 2 } } }, got;
    names_read(m.names, a, &got);
    assert_int_equal(got.count, 0);
    names_write(m.names, a, &result);
    names_read(m.names, a, &got);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.addresses[1][0], 2);
    m.names->slots[a].copies[atomic_load(&m.names->slots[a].version) & 1].count = 9999;
    names_read(m.names, a, &got);
    assert_int_equal(got.count, NAME_ADDRESSES_MAX);
}

TEST(counters_outlive_their_worker)
{
    static struct worker_counters sum;
    uint32_t row = counters_site_row(m.counters, SLICE("example.com"), 1);
    assert_int_equal(counters_site_row(m.counters, SLICE("example.com"), 1), row);
    struct worker_counters *w = &m.counters->workers[4];
    w->connections_open = 5;
    w->connections_accepted = 7;
    w->requests = 9;
    w->sites[row].requests = 9;
    w->servers[2].in_flight = 3;
    counters_retire(m.counters, 4);
    counters_sum(m.counters, &sum);
    assert_int_equal(sum.connections_open, 0);
    assert_int_equal(sum.requests, 9);
    assert_int_equal(sum.sites[row].requests, 9);
    assert_int_equal(sum.servers[2].in_flight, 0);
    assert_int_equal(w->requests, 0);
    for (int i = 0; i < 3000; i++) {
        char name[16];
        slice text = slice_of(name, (size_t)snprintf(name, sizeof name, "site%d", i));
        assert_true(counters_site_row(m.counters, text, 1) < COUNTER_SITES_MAX);
    }
    assert_int_equal(counters_site_row(m.counters, SLICE("one more"), 1), COUNTER_SITES_MAX - 1);
    assert_int_equal(counters_site_row(m.counters, SLICE("example.com"), 1), row);
}

TEST(totals_never_go_back_while_dead_workers_are_retired)
{
    static struct worker_counters sum;
    struct worker_counters *w = &m.counters->workers[4];
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            __atomic_store_n(&w->connections_accepted, w->connections_accepted + 1,
                             __ATOMIC_RELAXED);
            __atomic_store_n(&w->requests, w->requests + 1, __ATOMIC_RELAXED);
            (void)usleep(100); /* far more often than workers die, not all the time */
            if (w->requests % 7 == 0)
                counters_retire(m.counters, 4);
        }
    }
    uint64_t last = 0;
    for (int i = 0; i < 100 || last < 100; i++) {
        counters_sum(m.counters, &sum);
        assert_true(sum.requests >= last);
        last = sum.requests;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    counters_sum(m.counters, &sum); /* whatever state it died in: it comes back */
    assert_true(sum.requests >= last - 7);
}

TEST(reasons_are_found_by_their_words)
{
    uint32_t row = counters_reason_row(m.counters, SLICE("h1.bare-lf"), 3);
    assert_int_equal(counters_find_reason(m.counters->reason_rows, SLICE("h1.bare-lf")), row);
    assert_int_equal(m.counters->reason_rows[row].generation, 3);
    assert_int_equal(counters_reason_row(m.counters, SLICE("h1.bare-lf"), 4), row);
    assert_int_equal(m.counters->reason_rows[row].generation, 4);
    assert_int_equal(counters_find_reason(m.counters->reason_rows, SLICE("nothing")),
                     COUNTER_REASONS_MAX - 1);
    assert_int_equal(counters_find_reason(NULL, SLICE("h1.bare-lf")), COUNTER_REASONS_MAX - 1);
}

TEST(rules_have_rows_by_site_and_mode_until_there_are_no_more)
{
    _Atomic uint64_t *rows = m.counters->rule_rows;
    struct rule_key key = { .site = 7, .rule = UINT32_MAX }, other = key, found;
    uint32_t row = counters_rule_row(rows, key);
    other.is_shadow = true;
    assert_int_equal(counters_rule_row(rows, key), row);
    assert_int_not_equal(counters_rule_row(rows, other), row);
    assert_true(counters_rule_of(rows, row, &found));
    assert_true(found.site == 7 && found.rule == UINT32_MAX && !found.is_shadow);
    assert_true(counters_rule_of(rows, counters_rule_row(rows, other), &found) && found.is_shadow);
    for (uint32_t i = 0; i < 4 * COUNTER_RULES_MAX; i++)
        (void)counters_rule_row(rows, (struct rule_key){ .site = i % 1024, .rule = i });
    assert_int_equal(counters_rule_row(rows, (struct rule_key){ .rule = 1u << 31 }),
                     COUNTER_RULES_MAX - 1);
    assert_int_equal(counters_rule_row(rows, key), row);
    assert_false(counters_rule_of(rows, COUNTER_RULES_MAX - 1, &found));
}

TEST(rules_of_several_workers_claim_each_row_once)
{
    enum { WORKERS = 4, KEYS = 500 };
    _Atomic uint64_t *rows = m.counters->rule_rows;
    memset(rows, 0, sizeof m.counters->rule_rows);
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0) {
            for (uint32_t rule = 1; rule <= KEYS; rule++)
                (void)counters_rule_row(rows, (struct rule_key){ .rule = rule });
            _exit(0);
        }
    for (int i = 0; i < WORKERS; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    uint32_t claimed = 0;
    struct rule_key key;
    for (uint32_t row = 0; row < COUNTER_RULES_MAX; row++)
        if (counters_rule_of(rows, row, &key)) {
            assert_int_equal(counters_rule_row(rows, key), row);
            claimed++;
        }
    assert_int_equal(claimed, KEYS);
}

TEST(histogram_counts_each_value_once)
{
    struct histogram h = { 0 };
    histogram_add(&h, 0);
    histogram_add(&h, 1000);
    histogram_add(&h, 1001);
    histogram_add(&h, INT64_MAX / 2);
    assert_int_equal(h.bucket[0], 2);
    assert_int_equal(h.bucket[1], 1);
    assert_int_equal(h.bucket[HISTOGRAM_BUCKETS - 1], 1);
}

TEST(sinks_are_shared_by_path)
{
    int a = sinks_claim(m.sinks, SLICE("/var/log/a.json"));
    assert_int_equal(sinks_claim(m.sinks, SLICE("/var/log/a.json")), a);
    for (uint32_t i = 1; i < SINKS_MAX; i++) {
        char name[16];
        assert_true(sinks_claim(m.sinks, slice_of(name, (size_t)snprintf(name, sizeof name, "/s%u",
                                                                         i))) >= 0);
    }
    assert_int_equal(sinks_claim(m.sinks, SLICE("/one/more")), -ENOSPC);
}

#define OFFERED_MS 5000 /* any moment */

static bool finds_at(int64_t now_ms, enum challenge_kind kind, const char *domain,
                     const char *token, const char *answer)
{
    struct challenge c;
    slice wanted = token ? slice_from(token) : (slice){ 0 };
    return challenges_find(m.challenges, kind, slice_from(domain), wanted, now_ms, &c) &&
           slice_equal(slice_of(c.answer, c.answer_bytes), slice_from(answer));
}

static bool finds(enum challenge_kind kind, const char *domain, const char *token,
                  const char *answer)
{
    return finds_at(OFFERED_MS, kind, domain, token, answer);
}

static int offer(enum challenge_kind kind, slice domain, slice token, slice answer)
{
    return challenges_offer(m.challenges, kind, domain, token, answer, OFFERED_MS);
}

TEST(proofs_are_found_by_all_that_they_are_for)
{
    slice a = SLICE("a.example"), b = SLICE("b.example"), token = SLICE("t1");
    assert_int_equal(offer(CHALLENGE_HTTP, a, token, SLICE("t1.x")), 0);
    assert_int_equal(offer(CHALLENGE_TLS, b, token, SLICE("der")), 0);
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
    assert_true(finds(CHALLENGE_TLS, "b.example", NULL, "der"));
    assert_false(finds(CHALLENGE_HTTP, "a.example", "t2", "t1.x"));
    assert_false(finds(CHALLENGE_HTTP, "a.example", "", "t1.x"));
    assert_false(finds(CHALLENGE_HTTP, "b.example", "t1", "der"));
    assert_false(finds(CHALLENGE_TLS, "a.example", NULL, "t1.x"));
    assert_int_equal(offer(CHALLENGE_HTTP, a, token, SLICE("t1.y")), 0);
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.y"));
    challenges_withdraw(m.challenges, CHALLENGE_HTTP, a, token);
    assert_false(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.y"));
    assert_true(finds(CHALLENGE_TLS, "b.example", NULL, "der"));
}

TEST(a_domain_has_many_proofs_over_http_but_one_over_tls)
{
    slice a = SLICE("a.example");
    assert_int_equal(offer(CHALLENGE_HTTP, a, SLICE("t1"), SLICE("t1.x")), 0);
    assert_int_equal(offer(CHALLENGE_HTTP, a, SLICE("t2"), SLICE("t2.x")), 0);
    assert_int_equal(offer(CHALLENGE_TLS, a, SLICE("t1"), SLICE("left by who died")), 0);
    assert_int_equal(offer(CHALLENGE_TLS, a, SLICE("t2"), SLICE("der")), 0);
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t2", "t2.x"));
    assert_true(finds(CHALLENGE_TLS, "a.example", NULL, "der"));
    challenges_withdraw(m.challenges, CHALLENGE_TLS, a, SLICE("t1"));
    assert_true(finds(CHALLENGE_TLS, "a.example", NULL, "der"));
    challenges_withdraw(m.challenges, CHALLENGE_TLS, a, SLICE("t2"));
    assert_false(finds(CHALLENGE_TLS, "a.example", NULL, "der"));
}

TEST(the_table_of_proofs_is_full_at_its_size_until_their_time_is_over)
{
    static char long_text[CHALLENGE_ANSWER_BYTES_MAX + 1];
    char name[16];
    slice domain = SLICE("a.example"), more = SLICE("more");
    int64_t over_ms = OFFERED_MS + CHALLENGE_LIFE_MS;
    memset(long_text, 'x', sizeof long_text);
    assert_int_equal(
        offer(CHALLENGE_HTTP, domain, SLICE("t"), slice_of(long_text, sizeof long_text)),
        -EMSGSIZE);
    assert_int_equal(offer(CHALLENGE_HTTP, slice_of(long_text, CHALLENGE_DOMAIN_BYTES_MAX + 1),
                           SLICE("t"), SLICE("x")),
                     -EMSGSIZE);
    for (uint32_t i = 0; i < CHALLENGES_MAX; i++) {
        slice token = slice_of(name, (size_t)snprintf(name, sizeof name, "t%u", i));
        assert_int_equal(offer(CHALLENGE_HTTP, domain, token, token), 0);
    }
    assert_int_equal(offer(CHALLENGE_HTTP, domain, more, SLICE("x")), -ENOSPC);
    assert_true(finds_at(over_ms - 1, CHALLENGE_HTTP, "a.example", "t511", "t511"));
    assert_false(finds_at(over_ms, CHALLENGE_HTTP, "a.example", "t511", "t511"));
    assert_int_equal(
        challenges_offer(m.challenges, CHALLENGE_HTTP, domain, more, SLICE("x"), over_ms), 0);
    assert_true(finds_at(over_ms, CHALLENGE_HTTP, "a.example", "more", "x"));
}

TEST(a_proof_that_was_half_written_or_nonsense_is_not_found)
{
    slice a = SLICE("a.example"), token = SLICE("t1");
    assert_int_equal(offer(CHALLENGE_HTTP, a, token, SLICE("t1.x")), 0);
    assert_int_equal(offer(CHALLENGE_HTTP, a, SLICE("t2"), SLICE("t2.x")), 0);
    struct challenge_slot *slot = &m.challenges->slots[0];
    atomic_fetch_add(&slot->version, 1); /* the certifier died here */
    assert_false(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
    challenges_mend(m.challenges); /* and the next one starts */
    assert_false(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t2", "t2.x")); /* it goes on with it */
    assert_int_equal(offer(CHALLENGE_HTTP, a, token, SLICE("t1.x")), 0);
    assert_true(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
    slot->challenge.answer_bytes = CHALLENGE_ANSWER_BYTES_MAX + 1; /* a hostile worker */
    assert_false(finds(CHALLENGE_HTTP, "a.example", "t1", "t1.x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(segment_is_sealed_and_knows_its_layout, set_up, tear_down),
        cmocka_unit_test(memory_that_cannot_be_made_leaves_nothing_behind),
        cmocka_unit_test_setup_teardown(memory_of_another_layout_is_not_mapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ring_keeps_every_line_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ring_shows_nothing_of_a_writer_that_was_killed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ring_reader_stays_inside_whatever_the_writer_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(clients_are_counted_over_all_slots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_come_and_go_without_leaving_anything, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(name_servers_are_read_as_they_were_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_wanted_once_and_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counters_outlive_their_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(totals_never_go_back_while_dead_workers_are_retired, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reasons_are_found_by_their_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules_have_rows_by_site_and_mode_until_there_are_no_more,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules_of_several_workers_claim_each_row_once, set_up,
                                        tear_down),
        cmocka_unit_test(histogram_counts_each_value_once),
        cmocka_unit_test_setup_teardown(sinks_are_shared_by_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proofs_are_found_by_all_that_they_are_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_domain_has_many_proofs_over_http_but_one_over_tls, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            the_table_of_proofs_is_full_at_its_size_until_their_time_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_proof_that_was_half_written_or_nonsense_is_not_found,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
