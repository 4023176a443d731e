#include "base/siphash.h"
#include "base/test.h"

/* The reference vectors of the SipHash paper: key 00..0f, input 00, 00 01, ... */
TEST(siphash_gives_the_papers_values)
{
    struct siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    unsigned char input[15];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)i;
    assert_true(siphash(&key, input, 0) == 0x726fdb47dd0e0e31u);
    assert_true(siphash(&key, input, 1) == 0x74f839c593dc67fdu);
    assert_true(siphash(&key, input, 8) == 0x93f5f5799a932462u);
    assert_true(siphash(&key, input, 15) == 0xa129ca6149be45e5u);
}

/* The reference vectors of the variant with 128 bits; the first eight bytes are the first word. */
TEST(siphash128_gives_the_reference_values)
{
    struct siphash_key key = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
    unsigned char input[16];
    uint64_t hash[2];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)i;
    siphash128(&key, input, 0, hash);
    assert_true(hash[0] == 0xe6a825ba047f81a3u && hash[1] == 0x930255c71472f66du);
    siphash128(&key, input, 1, hash);
    assert_true(hash[0] == 0x44af996bd8c187dau && hash[1] == 0x45fc229b11597634u);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(siphash_gives_the_papers_values),
                                        cmocka_unit_test(siphash128_gives_the_reference_values) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
