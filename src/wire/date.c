#include "wire/date.h"

#include <errno.h>

#include "base/number.h"
#include "base/panic.h"
#include "wire/bytes.h"

static const char day_names[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
static const char long_day_names[7][10] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                            "Monday",   "Tuesday", "Wednesday" };
static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, counted in eras of 400 years
 * that begin in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct civil {
    int64_t year, month, day;
};

static struct civil civil_of(int64_t days)
{
    days += 719468;
    int64_t era = days / 146097, of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    struct civil c = { .day = of_year - (153 * month + 2) / 5 + 1,
                       .month = month < 10 ? month + 3 : month - 9 };
    c.year = year + era * 400 + (c.month <= 2);
    return c;
}

static void write_two(struct writer *w, int64_t value)
{
    writer_byte(w, (char)('0' + value / 10));
    writer_byte(w, (char)('0' + value % 10));
}

void http_date_write(struct writer *w, int64_t seconds)
{
    ASSERT(seconds >= 0 && seconds <= 253402300799);
    int64_t days = seconds / 86400, of_day = seconds % 86400;
    struct civil c = civil_of(days);
    writer_bytes(w, day_names[days % 7], 3);
    writer_literal(w, ", ");
    write_two(w, c.day);
    writer_byte(w, ' ');
    writer_bytes(w, month_names[c.month - 1], 3);
    writer_byte(w, ' ');
    write_two(w, c.year / 100);
    write_two(w, c.year % 100);
    writer_byte(w, ' ');
    write_two(w, of_day / 3600);
    writer_byte(w, ':');
    write_two(w, of_day % 3600 / 60);
    writer_byte(w, ':');
    write_two(w, of_day % 60);
    writer_literal(w, " GMT");
}

struct cursor {
    slice rest;
    bool failed;
};

static void take_text(struct cursor *c, const char *text)
{
    slice wanted = slice_from(text);
    c->failed |= !slice_starts_with(c->rest, wanted);
    c->rest = slice_after(c->rest, wanted.len);
}

static int64_t take_number(struct cursor *c, size_t digits, int64_t max)
{
    uint64_t value = 0;
    if (c->rest.len < digits ||
        number_parse(slice_first(c->rest, digits), (uint64_t)max, &value) != 0)
        c->failed = true;
    c->rest = slice_after(c->rest, digits);
    return (int64_t)value;
}

static int64_t take_month(struct cursor *c)
{
    for (int64_t i = 0; i < 12; i++)
        if (slice_starts_with(c->rest, slice_from(month_names[i]))) {
            c->rest = slice_after(c->rest, 3);
            return i + 1;
        }
    c->failed = true;
    return 1;
}

static int64_t take_time(struct cursor *c)
{
    int64_t hour = take_number(c, 2, 23);
    take_text(c, ":");
    int64_t minute = take_number(c, 2, 59);
    take_text(c, ":");
    return hour * 3600 + minute * 60 + take_number(c, 2, 60);
}

static bool take_day_name(struct cursor *c, bool is_long)
{
    for (size_t i = 0; i < 7; i++) {
        slice name = slice_from(is_long ? long_day_names[i] : day_names[i]);
        slice behind = slice_after(c->rest, name.len);
        if (slice_starts_with(c->rest, name) && behind.len &&
            !byte_is(ascii_lower(behind.ptr[0]), BYTE_UNRESERVED)) {
            c->rest = behind;
            return true;
        }
    }
    return false;
}

static int finish(const struct cursor *c, struct civil date, int64_t of_day, int64_t *ret)
{
    if (c->failed || c->rest.len || date.day < 1)
        return -EINVAL;
    int64_t days = days_of(date.year, date.month, date.day);
    struct civil again = civil_of(days);
    if (days < 0 || again.day != date.day || again.month != date.month)
        return -EINVAL; /* 30 February */
    *ret = days * 86400 + of_day;
    return 0;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": a year that seems more than 50 years ahead is in the past. */
static int parse_rfc850(struct cursor c, int64_t now, int64_t *ret)
{
    struct civil date;
    take_text(&c, ", ");
    date.day = take_number(&c, 2, 31);
    take_text(&c, "-");
    date.month = take_month(&c);
    take_text(&c, "-");
    int64_t year_now = civil_of(now / 86400).year;
    date.year = take_number(&c, 2, 99) + year_now / 100 * 100;
    if (date.year > year_now + 50)
        date.year -= 100;
    take_text(&c, " ");
    int64_t of_day = take_time(&c);
    take_text(&c, " GMT");
    return finish(&c, date, of_day, ret);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static int parse_imf(struct cursor c, int64_t *ret)
{
    struct civil date;
    take_text(&c, ", ");
    date.day = take_number(&c, 2, 31);
    take_text(&c, " ");
    date.month = take_month(&c);
    take_text(&c, " ");
    date.year = take_number(&c, 4, 9999);
    take_text(&c, " ");
    int64_t of_day = take_time(&c);
    take_text(&c, " GMT");
    return finish(&c, date, of_day, ret);
}

/* "Sun Nov  6 08:49:37 1994" */
static int parse_asctime(struct cursor c, int64_t *ret)
{
    struct civil date;
    take_text(&c, " ");
    date.month = take_month(&c);
    take_text(&c, " ");
    if (slice_starts_with(c.rest, SLICE(" "))) {
        c.rest = slice_after(c.rest, 1);
        date.day = take_number(&c, 1, 9);
    } else {
        date.day = take_number(&c, 2, 31);
    }
    take_text(&c, " ");
    int64_t of_day = take_time(&c);
    take_text(&c, " ");
    date.year = take_number(&c, 4, 9999);
    return finish(&c, date, of_day, ret);
}

int http_date_parse(slice text, int64_t now, int64_t *ret_seconds)
{
    struct cursor c = { .rest = text };
    if (take_day_name(&c, true))
        return parse_rfc850(c, now, ret_seconds);
    if (!take_day_name(&c, false))
        return -EINVAL;
    return slice_starts_with(c.rest, SLICE(",")) ? parse_imf(c, ret_seconds)
                                                 : parse_asctime(c, ret_seconds);
}
