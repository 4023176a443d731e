#include "wire/ipv6.h"

#include <errno.h>

#include "base/number.h"
#include "wire/bytes.h"

/* A dotted quad at the end of an address. */
static int parse_quad(slice text, uint8_t ret[4])
{
    for (int i = 0; i < 4; i++) {
        size_t dot = slice_find_byte(text, '.');
        slice part = slice_first(text, dot);
        uint64_t value;
        if (part.len == 0 || part.len > 3 || (part.len > 1 && part.ptr[0] == '0') ||
            number_parse(part, 255, &value) != 0 || (dot == text.len) != (i == 3))
            return -EINVAL;
        ret[i] = (uint8_t)value;
        text = slice_after(text, dot + 1);
    }
    return 0;
}

struct groups {
    uint8_t bytes[16];
    size_t len; /* bytes so far */
    int gap;    /* where "::" stands, in bytes; -1 none */
};

static int take_group(struct groups *g, slice *rest)
{
    size_t end = slice_find_byte(*rest, ':');
    slice group = slice_first(*rest, end);
    uint64_t value;
    if (end == rest->len && slice_find_byte(group, '.') < group.len) {
        if (g->len > 12)
            return -EINVAL;
        TRY(parse_quad(group, g->bytes + g->len));
        g->len += 4;
        *rest = slice_after(*rest, end);
        return 0;
    }
    if (g->len > 14 || group.len > 4 || number_parse_hex(group, 0xffff, &value) != 0)
        return -EINVAL;
    g->bytes[g->len++] = (uint8_t)(value >> 8);
    g->bytes[g->len++] = (uint8_t)value;
    *rest = slice_after(*rest, end);
    return 0;
}

int ipv6_parse(slice text, uint8_t ret[16])
{
    struct groups g = { .gap = -1 };
    slice rest = text;
    if (text.len < 2 || text.len > 45)
        return -EINVAL;
    if (slice_starts_with(rest, SLICE("::"))) {
        g.gap = 0;
        rest = slice_after(rest, 2);
    }
    while (rest.len) {
        TRY(take_group(&g, &rest));
        if (rest.len == 0)
            break;
        rest = slice_after(rest, 1); /* ':' */
        if (rest.len == 0)
            return -EINVAL; /* a single colon at the end */
        if (rest.ptr[0] == ':') {
            if (g.gap >= 0)
                return -EINVAL;
            g.gap = (int)g.len;
            rest = slice_after(rest, 1);
        }
    }
    if (g.gap < 0 ? g.len != 16 : g.len > 14)
        return -EINVAL;
    size_t gap = g.gap < 0 ? 16 : (size_t)g.gap, behind = g.len - (g.gap < 0 ? g.len : gap);
    memset(ret, 0, 16);
    memcpy(ret, g.bytes, g.gap < 0 ? 16 : gap);
    if (behind)
        memcpy(ret + 16 - behind, g.bytes + gap, behind);
    return 0;
}

void ipv6_write(struct writer *w, const uint8_t bytes[16])
{
    unsigned groups[8];
    int best = -1, best_length = 1;
    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    for (int i = 0; i < 8;) {
        int length = 0;
        while (i + length < 8 && groups[i + length] == 0)
            length++;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
        i += length + 1;
    }
    for (int i = 0; i < 8;) {
        if (i == best) {
            writer_literal(w, "::");
            i += best_length;
            continue;
        }
        if (i && (best < 0 || i != best + best_length))
            writer_byte(w, ':');
        writer_hex(w, groups[i++]);
    }
}
