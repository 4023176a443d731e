/* ipMatch: the value is an address in one of these networks, which the argument lists with commas
 * between (networks.h). */
#include "waf/operators/networks.h"
#include "waf/operators/table.h"

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(networks_builder_release) struct networks_builder b = { .setup = setup };
    TRY(networks_add(&b, argument));
    return networks_finish(&b, ret_prepared);
}

const struct operator operator_ip_match = {
    .name = "ipMatch",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = networks_evaluate,
    .meaning = "The value is an address in one of these networks.",
    .example =
        "SecRule REMOTE_ADDR \"@ipMatch 127.0.0.1,192.168.0.0/16,::1\" \"id:1,phase:1,pass\"",
};
