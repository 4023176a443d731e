/* ipMatchFromFile (ipMatchF): the value is an address in one of the networks of a file, which has
 * them on lines of their own, with comments from "#" on (networks.h). */
#include "waf/operators/networks.h"
#include "waf/operators/table.h"

static int add_file(void *context, UNUSED slice file, slice content)
{
    struct networks_builder *b = context;
    while (content.len > 0) {
        size_t end = slice_find_byte(content, '\n');
        slice line = slice_first(content, end);
        line = networks_trim(slice_first(line, slice_find_byte(line, '#')));
        if (line.len > 0)
            TRY(networks_add(b, line));
        content = slice_after(content, end + 1);
    }
    return 0;
}

static int prepare(struct operator_setup *setup, slice argument, UNUSED bool has_macro,
                   void **ret_prepared)
{
    OWNS(networks_builder_release) struct networks_builder b = { .setup = setup };
    TRY(operator_read_files(setup, argument, add_file, &b));
    return networks_finish(&b, ret_prepared);
}

const struct operator operator_ip_match_from_file = {
    .name = "ipMatchFromFile",
    .alias = "ipMatchF",
    .takes_argument = true,
    .prepare = prepare,
    .evaluate = networks_evaluate,
    .meaning = "The value is an address in one of the networks of a file, one a line.",
    .example = "SecRule REMOTE_ADDR \"@ipMatchFromFile networks.txt\" \"id:1,phase:1,deny\"",
};
