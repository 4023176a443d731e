#include "waf/transforms/url.h"

const struct byte_set url_escapes = { .bits = { BYTE_BIT('%') | BYTE_BIT('+') } };

size_t url_escape_decode(struct transform_run *run, size_t at)
{
    int byte = run_hex_pair(run, at + 1);
    run_put(run, byte >= 0 ? (unsigned)byte : '%');
    return byte >= 0 ? 3 : 1;
}

void url_decode_step(struct transform_run *run, size_t bytes_max,
                     size_t (*escape)(struct transform_run *run, size_t at))
{
    size_t stop = run_stop(run, bytes_max), i = run->at;
    while (i < stop) {
        i = run_copy_to_set(run, i, stop, &url_escapes);
        if (i == stop)
            break;
        if (run->in.ptr[i] == '%') {
            i += escape(run, i);
        } else {
            run_put(run, ' ');
            i++;
        }
    }
    run_end(run, i);
}
