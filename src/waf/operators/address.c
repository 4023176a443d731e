#include "waf/operators/address.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/number.h"

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

int ip_address_parse(slice text, struct address *ret_address)
{
    char buffer[INET6_ADDRSTRLEN];
    if (text.len >= sizeof buffer || memchr(text.ptr, '\0', text.len))
        return -EINVAL;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    struct address a;
    memcpy(a.bytes, mapped_prefix, sizeof mapped_prefix);
    if (inet_pton(AF_INET, buffer, a.bytes + sizeof mapped_prefix) != 1 &&
        inet_pton(AF_INET6, buffer, a.bytes) != 1)
        return -EINVAL;
    *ret_address = a;
    return 0;
}

bool address_is_ipv4(const struct address *a)
{
    return memcmp(a->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

int address_range_parse(slice text, struct address_range *ret_range)
{
    size_t slash = slice_find_byte(text, '/');
    struct address a;
    TRY(ip_address_parse(slice_first(text, slash), &a));
    bool is_ipv4 = slice_find_byte(slice_first(text, slash), ':') == slash;
    uint64_t prefix = is_ipv4 ? 32 : 128;
    if (slash < text.len && number_parse(slice_after(text, slash + 1), prefix, &prefix) != 0)
        return -EINVAL;
    if (is_ipv4)
        prefix += 96;
    *ret_range = (struct address_range){ .first = a, .last = a };
    for (size_t bit = prefix; bit < 128; bit++) {
        unsigned char mask = (unsigned char)(0x80 >> (bit & 7));
        ret_range->first.bytes[bit / 8] &= (unsigned char)~mask;
        ret_range->last.bytes[bit / 8] |= mask;
    }
    return 0;
}
