#include "proxy/request_id.h"

#include "base/random.h"
#include "proxy/gate_state.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void write_base32(char *to, uint64_t value, unsigned digits)
{
    for (unsigned i = 0; i < digits; i++)
        to[i] = alphabet[value >> (5 * (digits - 1 - i)) & 31];
}

slice request_id_make(char to[REQUEST_ID_LENGTH])
{
    struct {
        uint64_t low;
        uint16_t high;
    } chance;
    random_bytes(&chance.low, sizeof chance.low);
    random_bytes(&chance.high, sizeof chance.high);
    write_base32(to, (uint64_t)gate_wall_ms() & 0xffffffffffffu, 10);
    write_base32(to + 10, (uint64_t)chance.high << 24 | chance.low >> 40, 8);
    write_base32(to + 18, chance.low & 0xffffffffffu, 8);
    return slice_of(to, REQUEST_ID_LENGTH);
}

bool request_id_is_acceptable(slice id)
{
    if (id.len == 0 || id.len > 128)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i], lower = ascii_lower(c);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && !memchr("-_.:=+/", c, 7))
            return false;
    }
    return true;
}
