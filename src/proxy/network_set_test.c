#include "base/test.h"
#include "proxy/network_set.h"

static struct network_entry entry(const char *text, uint8_t depth, bool denies)
{
    struct network_entry e = { .depth = depth, .denies = denies };
    assert_int_equal(ip_network_parse(slice_from(text), &e.network), 0);
    return e;
}

static struct ip ip(const char *text)
{
    struct ip parsed;
    assert_int_equal(ip_parse(slice_from(text), &parsed), 0);
    return parsed;
}

TEST(network_set_lets_the_longest_prefix_decide)
{
    struct arena a;
    arena_open(&a, NULL, 0, 4096, 1 << 20);
    struct network_entry entries[] = {
        entry("0.0.0.0/0", 0, true),      entry("10.0.0.0/8", 0, false),
        entry("10.1.0.0/16", 0, true),    entry("10.1.2.3", 0, false),
        entry("2001:db8::/32", 0, false), entry("::/0", 0, true),
    };
    struct network_set set;
    assert_int_equal(network_set_build(&a, entries, ARRAY_LENGTH(entries), &set), 0);
    static const struct {
        const char *ip;
        bool denied;
    } cases[] = {
        { "10.1.2.3", false }, { "10.1.2.4", true },     { "10.2.0.1", false },
        { "192.0.2.1", true }, { "2001:db8::1", false }, { "2001:db9::1", true },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(network_set_find(&set, ip(cases[i].ip))->denies, cases[i].denied);
    arena_close(&a);
}

TEST(network_set_prefers_the_nearer_block_then_deny)
{
    struct arena a;
    arena_open(&a, NULL, 0, 4096, 1 << 20);
    struct network_entry entries[] = {
        entry("10.0.0.0/8", 1, true),
        entry("10.0.0.0/8", 2, false),
        entry("192.0.2.1", 1, false),
        entry("192.0.2.1", 1, true),
    };
    struct network_set set;
    assert_int_equal(network_set_build(&a, entries, ARRAY_LENGTH(entries), &set), 0);
    assert_int_equal(set.count, 2);
    assert_false(network_set_find(&set, ip("10.9.9.9"))->denies);
    assert_true(network_set_find(&set, ip("192.0.2.1"))->denies);
    assert_null(network_set_find(&set, ip("198.51.100.1")));
    arena_close(&a);
}

TEST(network_set_agrees_with_a_walk_over_all_entries)
{
    struct arena a;
    arena_open(&a, NULL, 0, 4096, 1 << 20);
    struct network_entry entries[200];
    uint32_t seed = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(entries); i++) {
        seed = seed * 1664525u + 1013904223u;
        uint8_t prefix = (uint8_t)(96 + seed % 33);
        struct ip base = { .bytes = { [10] = 0xff, 0xff } };
        uint32_t bits = (seed >> 4) & (prefix == 96 ? 0 : 0xffffffffu << (128 - prefix));
        for (int b = 0; b < 4; b++)
            base.bytes[12 + b] = (uint8_t)(bits >> (24 - 8 * b));
        entries[i] = (struct network_entry){ .network = { base, prefix }, .denies = seed >> 31 };
    }
    struct network_set set;
    assert_int_equal(network_set_build(&a, entries, ARRAY_LENGTH(entries), &set), 0);
    for (int probe = 0; probe < 2000; probe++) {
        seed = seed * 1664525u + 1013904223u;
        struct ip address = { .bytes = { [10] = 0xff,
                                         0xff,
                                         (uint8_t)(seed >> 24),
                                         (uint8_t)(seed >> 16),
                                         (uint8_t)(seed >> 8),
                                         (uint8_t)seed } };
        int longest = -1;
        for (size_t i = 0; i < ARRAY_LENGTH(entries); i++)
            if (ip_network_contains(&entries[i].network, address) &&
                entries[i].network.prefix > longest)
                longest = entries[i].network.prefix;
        const struct network_entry *found = network_set_find(&set, address);
        assert_int_equal(found ? found->network.prefix : -1, longest);
    }
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_set_lets_the_longest_prefix_decide),
        cmocka_unit_test(network_set_prefers_the_nearer_block_then_deny),
        cmocka_unit_test(network_set_agrees_with_a_walk_over_all_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
