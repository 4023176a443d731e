#include "net/pkcs12.h"

/* A length in the short form, in the indefinite one (BER), or in up to four bytes. */
bool pkcs12_begins(slice bytes)
{
    if (bytes.len < 2 || bytes.ptr[0] != 0x30)
        return false;
    unsigned char length = (unsigned char)bytes.ptr[1];
    size_t more = length > 0x80 ? length - 0x80u : 0;
    return more <= 4 && slice_starts_with(slice_after(bytes, 2 + more), SLICE("\x02\x01\x03"));
}
