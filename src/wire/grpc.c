#include "wire/grpc.h"

#include <errno.h>

#include "base/number.h"

#define TIMEOUT_DIGITS_MAX 8u

bool grpc_is_content_type(slice value)
{
    static const slice name = SLICE("application/grpc");
    if (!slice_equal_fold(slice_first(value, name.len), name))
        return false;
    slice rest = slice_after(value, name.len);
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
}

/* Nanoseconds of one unit; 0: no such unit. */
static uint64_t unit_of(char c)
{
    switch (c) {
    case 'H':
        return 3600ull * 1000000000;
    case 'M':
        return 60ull * 1000000000;
    case 'S':
        return 1000000000;
    case 'm':
        return 1000000;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

int grpc_timeout_parse(slice value, int64_t *ret_ms)
{
    uint64_t count, unit;
    if (value.len < 2 || value.len > TIMEOUT_DIGITS_MAX + 1)
        return -EINVAL;
    unit = unit_of(value.ptr[value.len - 1]);
    if (unit == 0 || number_parse(slice_first(value, value.len - 1), 99999999, &count) != 0)
        return -EINVAL;
    if (unit >= 1000000)
        *ret_ms = (int64_t)(count * (unit / 1000000));
    else
        *ret_ms = (int64_t)((count * unit + 999999) / 1000000);
    return 0;
}

enum grpc_status grpc_status_of(uint16_t http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 413:
    case 431:
        return GRPC_RESOURCE_EXHAUSTED; /* ours: the mapping has no word for what is too large */
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

void grpc_message_write(struct writer *w, slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c >= 0x20 && c <= 0x7e && c != '%')
            writer_byte(w, c);
        else
            writer_percent(w, (unsigned char)c);
    }
}
