#include "acme/renewal.h"

#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "acme/jose.h"
#include "base/number.h"

#define LIMITED_MIN_MS (3600 * 1000ll)

/* The content of an INTEGER: big endian, with a zero in front when the first bit is set. */
static int write_serial(const ASN1_INTEGER *serial, struct writer *w)
{
    unsigned char *der = NULL;
    int length = i2d_ASN1_INTEGER(serial, &der);
    int result = length > 2 && !(der[1] & 0x80) ? 0 : -ENOENT; /* at most 20 bytes (RFC 5280) */
    if (result == 0)
        jose_base64url(w, slice_of((const char *)der + 2, (size_t)length - 2));
    OPENSSL_free(der);
    return result;
}

int renewal_id(X509 *leaf, struct writer *w)
{
    ERR_clear_error();
    const ASN1_OCTET_STRING *authority = X509_get0_authority_key_id(leaf);
    if (!authority || ASN1_STRING_length(authority) <= 0)
        return -ENOENT;
    jose_base64url(w, slice_of((const char *)ASN1_STRING_get0_data(authority),
                               (size_t)ASN1_STRING_length(authority)));
    writer_byte(w, '.');
    return write_serial(X509_get0_serialNumber(leaf), w);
}

/* --- Time ------------------------------------------------------------------------------------- */

/* `count` digits at the front, taken off. */
static bool take_number(slice *text, size_t count, uint64_t min, uint64_t max, int *ret)
{
    uint64_t value;
    if (text->len < count || number_parse(slice_first(*text, count), max, &value) != 0 ||
        value < min)
        return false;
    *ret = (int)value;
    *text = slice_after(*text, count);
    return true;
}

static bool take_byte(slice *text, const char *any_of)
{
    if (!text->len || !strchr(any_of, text->ptr[0]) || !text->ptr[0])
        return false;
    *text = slice_after(*text, 1);
    return true;
}

/* "Z", "+01:00". */
static bool take_offset(slice *text, int *ret_minutes)
{
    int hours, minutes;
    *ret_minutes = 0;
    if (take_byte(text, "Zz"))
        return true;
    bool is_behind = text->len && text->ptr[0] == '-';
    if (!take_byte(text, "+-") || !take_number(text, 2, 0, 23, &hours) || !take_byte(text, ":") ||
        !take_number(text, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = (is_behind ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

int renewal_parse_time(slice text, int64_t *ret_ms)
{
    struct tm t = { 0 };
    int offset;
    bool is_good = take_number(&text, 4, 1970, 9999, &t.tm_year) && take_byte(&text, "-") &&
                   take_number(&text, 2, 1, 12, &t.tm_mon) && take_byte(&text, "-") &&
                   take_number(&text, 2, 1, 31, &t.tm_mday) && take_byte(&text, "Tt ") &&
                   take_number(&text, 2, 0, 23, &t.tm_hour) && take_byte(&text, ":") &&
                   take_number(&text, 2, 0, 59, &t.tm_min) && take_byte(&text, ":") &&
                   take_number(&text, 2, 0, 60, &t.tm_sec);
    if (is_good && take_byte(&text, "."))
        while (take_byte(&text, "0123456789"))
            ;
    if (!is_good || !take_offset(&text, &offset) || text.len)
        return -EPROTO;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *ret_ms = ((int64_t)timegm(&t) - offset * 60) * 1000;
    return 0;
}

int renewal_take_window(const json_t *answer, struct renewal_window *ret)
{
    const json_t *window = json_object_get(answer, "suggestedWindow");
    const json_t *start = json_object_get(window, "start"), *end = json_object_get(window, "end");
    struct renewal_window w;
    TRY(renewal_parse_time(slice_of(json_string_value(start), json_string_length(start)),
                           &w.start_ms));
    TRY(renewal_parse_time(slice_of(json_string_value(end), json_string_length(end)), &w.end_ms));
    /* RFC 9773 §4.2: "a start which is after the end … MUST be treated as invalid" */
    if (w.end_ms <= w.start_ms)
        return -EPROTO;
    *ret = w;
    return 0;
}

static int time_of(const ASN1_TIME *time, int64_t *ret_ms)
{
    struct tm t;
    ERR_clear_error();
    if (!time || ASN1_TIME_to_tm(time, &t) != 1)
        return -EPROTO;
    *ret_ms = (int64_t)timegm(&t) * 1000;
    return 0;
}

int renewal_lifetime(const X509 *leaf, int64_t *ret_not_before_ms, int64_t *ret_not_after_ms)
{
    TRY(time_of(X509_get0_notBefore(leaf), ret_not_before_ms));
    return time_of(X509_get0_notAfter(leaf), ret_not_after_ms);
}

/* --- Moments ---------------------------------------------------------------------------------- */

static int64_t random_part(int64_t span, uint64_t chance)
{
    return span > 0 ? (int64_t)(chance % (uint64_t)span) : 0;
}

int64_t renewal_by_lifetime(int64_t not_before_ms, int64_t not_after_ms, uint64_t chance)
{
    int64_t life = not_after_ms - not_before_ms;
    if (life <= 0)
        return not_before_ms;
    return not_before_ms + life / 3 * 2 - random_part(life / 20, chance);
}

int64_t renewal_by_window(const struct renewal_window *window, int64_t not_before_ms,
                          int64_t not_after_ms, uint64_t chance)
{
    int64_t moment = window->start_ms + random_part(window->end_ms - window->start_ms, chance);
    int64_t latest = not_after_ms - (not_after_ms - not_before_ms) / 12;
    return moment < latest ? moment : latest;
}

int64_t renewal_back_off(uint32_t failures, int64_t retry_after_s, bool is_limited, uint64_t chance)
{
    uint32_t doublings = failures > 1 ? failures - 1 : 0;
    int64_t delay = RENEWAL_BACK_OFF_MAX_MS;
    if (doublings < 11 && (RENEWAL_BACK_OFF_MIN_MS << doublings) < delay)
        delay = RENEWAL_BACK_OFF_MIN_MS << doublings;
    if (is_limited && delay < LIMITED_MIN_MS)
        delay = LIMITED_MIN_MS;
    delay = delay - delay / 5 + random_part(delay / 5 * 2, chance);
    int64_t asked = retry_after_s > 0 ? retry_after_s * 1000 : 0;
    return delay > asked ? delay : asked + random_part(RENEWAL_BACK_OFF_MIN_MS, chance);
}
