#include <errno.h>

#include "base/test.h"
#include "net/address.h"

static slice write_ip(slice text)
{
    static char memory[64];
    struct writer w = writer_over(memory, sizeof memory);
    struct ip ip;
    assert_int_equal(ip_parse(text, &ip), 0);
    ip_write(&w, ip);
    return writer_slice(&w);
}

TEST(ip_is_written_as_rfc_5952_says)
{
    static const struct {
        slice in, out;
    } cases[] = {
        { SLICE("192.0.2.1"), SLICE("192.0.2.1") },
        { SLICE("::ffff:192.0.2.1"), SLICE("192.0.2.1") },
        { SLICE("2001:DB8:0:0:0:0:2:1"), SLICE("2001:db8::2:1") },
        { SLICE("2001:db8:0:1:1:1:1:1"), SLICE("2001:db8:0:1:1:1:1:1") },
        { SLICE("2001:0:0:1:0:0:0:1"), SLICE("2001:0:0:1::1") },
        { SLICE("2001:db8:0:0:1:0:0:1"), SLICE("2001:db8::1:0:0:1") },
        { SLICE("::"), SLICE("::") },
        { SLICE("::1"), SLICE("::1") },
        { SLICE("1::"), SLICE("1::") },
        { SLICE("fe80::1:0"), SLICE("fe80::1:0") },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_slice_equal(write_ip(cases[i].in), cases[i].out);
}

TEST(ip_fits_into_as_many_bytes_as_it_has)
{
    char memory[16];
    struct ip ip;
    assert_int_equal(ip_parse(SLICE("192.0.2.101"), &ip), 0);
    for (size_t room = 0; room <= sizeof memory; room++) {
        struct writer w = writer_over(memory, room);
        ip_write(&w, ip);
        assert_int_equal(w.overflowed, room < 11);
        assert_slice_equal(writer_slice(&w), room < 11 ? SLICE("") : SLICE("192.0.2.101"));
    }
}

TEST(address_is_parsed_and_written)
{
    static const struct {
        slice text;
        int result;
    } cases[] = {
        { SLICE("127.0.0.1:80"), 0 },          { SLICE("[::1]:8080"), 0 },
        { SLICE("unix:/run/x.sock"), 0 },      { SLICE("127.0.0.1"), -EINVAL },
        { SLICE("::1:80"), -EINVAL },          { SLICE("[127.0.0.1]:80"), -EINVAL },
        { SLICE("127.0.0.1:65536"), -EINVAL }, { SLICE("127.0.0.1:"), -EINVAL },
        { SLICE("unix:relative"), -EINVAL },   { SLICE("[::1]"), -EINVAL },
        { SLICE("01.2.3.4:80"), -EINVAL },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct address a;
        assert_int_equal(address_parse(cases[i].text, &a), cases[i].result);
        if (cases[i].result != 0)
            continue;
        char memory[128];
        struct writer w = writer_over(memory, sizeof memory);
        address_write(&w, &a);
        assert_slice_equal(writer_slice(&w), cases[i].text);
        assert_true(address_equal(&a, &a));
    }
}

TEST(network_is_strict_about_host_bits)
{
    struct ip_network n;
    struct ip ip;
    assert_int_equal(ip_network_parse(SLICE("10.0.0.0/8"), &n), 0);
    assert_int_equal(ip_parse(SLICE("10.255.0.1"), &ip), 0);
    assert_true(ip_network_contains(&n, ip));
    assert_int_equal(ip_parse(SLICE("11.0.0.1"), &ip), 0);
    assert_false(ip_network_contains(&n, ip));
    assert_int_equal(ip_network_parse(SLICE("10.0.0.1/8"), &n), -EDOM);
    assert_int_equal(ip_network_parse(SLICE("10.0.0.0/33"), &n), -EINVAL);
    assert_int_equal(ip_network_parse(SLICE("10.0.0.0/"), &n), -EINVAL);
    assert_int_equal(ip_network_parse(SLICE("2001:db8::/32"), &n), 0);
    assert_int_equal(ip_network_parse(SLICE("0.0.0.0/0"), &n), 0);
    assert_int_equal(n.prefix, 96);
}

TEST(client_key_takes_ipv6_by_its_64)
{
    struct ip a, b;
    assert_int_equal(ip_parse(SLICE("2001:db8:1:2:3::4"), &a), 0);
    assert_int_equal(ip_parse(SLICE("2001:db8:1:2::9"), &b), 0);
    assert_true(ip_equal(ip_client_key(a), ip_client_key(b)));
    assert_int_equal(ip_parse(SLICE("192.0.2.1"), &a), 0);
    assert_true(ip_equal(ip_client_key(a), a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip_is_written_as_rfc_5952_says),
        cmocka_unit_test(ip_fits_into_as_many_bytes_as_it_has),
        cmocka_unit_test(address_is_parsed_and_written),
        cmocka_unit_test(network_is_strict_about_host_bits),
        cmocka_unit_test(client_key_takes_ipv6_by_its_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
