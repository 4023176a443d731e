/* Ceilings of memory: what ten thousand idle connections are multiplied with. */
#include "base/test.h"
#include "proxy/connection.h"
#include "proxy/exchange.h"
#include "proxy/upstream.h"

TEST(a_parked_connection_stays_small)
{
    assert_in_range(sizeof(struct connection), 1, 208);
    assert_in_range(sizeof(struct upstream), 1, 144);
}

/* Its pages are taken again by the next exchange; more of them would not stay in the caches. */
TEST(an_exchange_stays_within_five_pages)
{
    assert_in_range(sizeof(struct exchange), 1, 5 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parked_connection_stays_small),
        cmocka_unit_test(an_exchange_stays_within_five_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
