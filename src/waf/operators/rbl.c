/* rbl: a list in the DNS has the value (RFC 5782): an IPv4 address as its bytes in reverse, an IPv6
 * address as its nibbles in reverse, anything else as the name it is. Asks the world of the rules;
 * where that has no answer to give nothing matches. */
#include "waf/operators/table.h"

#include "base/writer.h"
#include "waf/operators/address.h"

enum { NAME_LENGTH_MAX = 253 }; /* of a name in the DNS */

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    if (argument.len == 0 || argument.len > NAME_LENGTH_MAX)
        return waf_problem_set(setup->problem,
                               "@rbl wants the name of a list, such as list.example.org");
    return operator_take_world(setup, ret_prepared);
}

static void write_reversed(struct writer *w, const struct address *a)
{
    if (address_is_ipv4(a)) {
        for (size_t i = 16; i > 12; i--) {
            writer_decimal(w, a->bytes[i - 1]);
            writer_byte(w, '.');
        }
        return;
    }
    for (size_t i = 16; i > 0; i--) {
        writer_hex(w, a->bytes[i - 1] & 15);
        writer_byte(w, '.');
        writer_hex(w, a->bytes[i - 1] >> 4);
        writer_byte(w, '.');
    }
}

static int evaluate(const void *prepared, slice argument, slice value,
                    UNUSED struct operator_match *match, UNUSED struct work *work)
{
    const struct operator_world *world = prepared;
    if (!world->rbl_lookup || value.len == 0)
        return 0;
    char name[NAME_LENGTH_MAX];
    struct writer w = writer_over(name, sizeof name);
    struct address a;
    if (ip_address_parse(value, &a) == 0) {
        write_reversed(&w, &a);
    } else {
        writer_slice_add(&w, value);
        writer_byte(&w, '.');
    }
    writer_slice_add(&w, argument);
    return w.overflowed ? 0 : world->rbl_lookup(world->context, writer_slice(&w));
}

const struct operator operator_rbl = {
    .name = "rbl",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = evaluate,
    .meaning = "The value is on a block list of the DNS; without a resolver nothing matches.",
    .example = "SecRule REMOTE_ADDR \"@rbl list.example.org\" \"id:1,phase:1,deny\"",
};
