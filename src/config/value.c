#include "config/value.h"

#include <errno.h>

#include "base/number.h"

struct unit {
    const char *name;
    uint64_t factor;
};
/* from large to small: a compound duration names them in this order */
static const struct unit duration_units[] = {
    { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit size_units[] = {
    { "G", 1ull << 30 },   { "M", 1ull << 20 },   { "K", 1ull << 10 },   { "B", 1 },
    { "GiB", 1ull << 30 }, { "MiB", 1ull << 20 }, { "KiB", 1ull << 10 }, { "k", 1ull << 10 },
};
/* "min", not "m": the way rates are said */
static const struct unit rate_units[] = {
    { "d", 86400000 },
    { "h", 3600000 },
    { "min", 60000 },
    { "s", 1000 },
};

/* The digits at the front, taken off *rest. */
static slice take_digits(slice *rest)
{
    size_t count = 0;
    while (count < rest->len && rest->ptr[count] >= '0' && rest->ptr[count] <= '9')
        count++;
    slice digits = slice_first(*rest, count);
    *rest = slice_after(*rest, count);
    return digits;
}

static slice take_letters(slice *rest)
{
    size_t count = 0;
    while (count < rest->len && !(rest->ptr[count] >= '0' && rest->ptr[count] <= '9'))
        count++;
    slice letters = slice_first(*rest, count);
    *rest = slice_after(*rest, count);
    return letters;
}

static const struct unit *find_unit(const struct unit *units, size_t count, slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(slice_from(units[i].name), name))
            return &units[i];
    return NULL;
}

/* value = value + digits * factor, in 63 bits */
static int accumulate(slice digits, uint64_t factor, uint64_t *value)
{
    uint64_t number;
    TRY(number_parse(digits, INT64_MAX, &number));
    if (__builtin_mul_overflow(number, factor, &number) ||
        __builtin_add_overflow(*value, number, value) || *value > INT64_MAX)
        return -ERANGE;
    return 0;
}

int value_duration(slice text, uint64_t *ret_ms)
{
    uint64_t total = 0;
    const struct unit *last = NULL;
    int result = text.len ? 0 : -EINVAL;
    while (text.len) {
        slice digits = take_digits(&text), name = take_letters(&text);
        const struct unit *unit = find_unit(duration_units, ARRAY_LENGTH(duration_units), name);
        if (!unit || (last && unit <= last) || digits.len == 0)
            return -EINVAL;
        last = unit;
        int added = accumulate(digits, unit->factor, &total);
        result = result ? result : added;
    }
    TRY(result);
    *ret_ms = total;
    return 0;
}

int value_size(slice text, uint64_t *ret_bytes)
{
    slice digits = take_digits(&text);
    const struct unit *unit = find_unit(size_units, ARRAY_LENGTH(size_units), text);
    if (!unit || digits.len == 0)
        return -EINVAL;
    uint64_t total = 0;
    TRY(accumulate(digits, unit->factor, &total));
    *ret_bytes = total;
    return 0;
}

int value_size_rate(slice text, uint64_t *ret_bytes)
{
    if (!slice_ends_with(text, SLICE("/s")))
        return -EINVAL;
    return value_size(slice_first(text, text.len - 2), ret_bytes);
}

int value_rate(slice text, struct rate *ret)
{
    slice digits = take_digits(&text);
    if (text.len < 2 || text.ptr[0] != '/')
        return -EINVAL;
    text = slice_after(text, 1);
    struct rate rate = { 0 };
    const struct unit *unit = find_unit(rate_units, ARRAY_LENGTH(rate_units), text);
    if (unit)
        rate.period_ms = unit->factor;
    else
        TRY(value_duration(text, &rate.period_ms));
    if (rate.period_ms == 0 || digits.len == 0)
        return -EINVAL;
    TRY(number_parse(digits, INT64_MAX, &rate.count));
    *ret = rate;
    return 0;
}

int value_percent(slice text, uint64_t *ret)
{
    if (!slice_ends_with(text, SLICE("%")))
        return -EINVAL;
    return number_parse(slice_first(text, text.len - 1), 100, ret);
}

void value_write_duration(struct writer *w, uint64_t ms)
{
    if (ms == 0)
        writer_literal(w, "0s");
    for (size_t i = 0; i < ARRAY_LENGTH(duration_units); i++) {
        uint64_t count = ms / duration_units[i].factor;
        ms %= duration_units[i].factor;
        if (count == 0)
            continue;
        writer_decimal(w, count);
        writer_text(w, duration_units[i].name);
    }
}

void value_write_size(struct writer *w, uint64_t bytes)
{
    for (size_t i = 0; i < 4; i++) {
        if (size_units[i].factor > 1 && (bytes == 0 || bytes % size_units[i].factor != 0))
            continue;
        writer_decimal(w, bytes / size_units[i].factor);
        writer_text(w, size_units[i].name);
        return;
    }
}

/* The unit that a wrong spelling begins like; NULL: none. */
static const char *guess_duration_unit(slice name)
{
    if (name.len == 0)
        return "s";
    if (name.len >= 2 && ascii_lower(name.ptr[0]) == 'm' &&
        (ascii_lower(name.ptr[1]) == 's' || slice_starts_with(name, SLICE("mil"))))
        return "ms";
    switch (ascii_lower(name.ptr[0])) {
    case 'd':
        return "d";
    case 'h':
        return "h";
    case 'm':
        return "m";
    case 's':
        return "s";
    default:
        return NULL;
    }
}

static const char *guess_size_unit(slice name)
{
    if (name.len == 0)
        return "B";
    switch (ascii_lower(name.ptr[0])) {
    case 'g':
        return "G";
    case 'm':
        return "M";
    case 'k':
        return "K";
    case 'b':
        return "B";
    default:
        return NULL;
    }
}

bool value_suggest_duration(slice text, struct writer *w)
{
    size_t start = w->len;
    bool is_known = text.len > 0;
    while (text.len && is_known) {
        slice digits = take_digits(&text);
        const char *unit = guess_duration_unit(slice_trim(take_letters(&text)));
        is_known = digits.len > 0 && digits.len < 10 && unit;
        if (is_known) {
            writer_slice_add(w, digits);
            writer_text(w, unit);
        }
    }
    uint64_t ms;
    if (is_known && value_duration(slice_after(writer_slice(w), start), &ms) == 0)
        return true;
    w->len = start;
    return false;
}

static bool suggest_size(slice text, const char *suffix, struct writer *w)
{
    slice digits = take_digits(&text);
    const char *unit = guess_size_unit(text);
    if (digits.len == 0 || digits.len > 10 || !unit)
        return false;
    writer_slice_add(w, digits);
    writer_text(w, unit);
    writer_text(w, suffix);
    return true;
}

bool value_suggest_size(slice text, struct writer *w)
{
    return suggest_size(text, "", w);
}

bool value_suggest_size_rate(slice text, struct writer *w)
{
    return suggest_size(slice_first(text, slice_find_byte(text, '/')), "/s", w);
}

bool value_suggest_rate(slice text, struct writer *w)
{
    slice digits = take_digits(&text);
    size_t slash = slice_find_byte(text, '/');
    slice period = slash < text.len ? slice_after(text, slash + 1) : text;
    if (digits.len == 0 || digits.len > 10)
        return false;
    const char *unit = guess_duration_unit(period);
    if (!unit || slice_equal(slice_from(unit), SLICE("ms")))
        return false;
    writer_slice_add(w, digits);
    writer_byte(w, '/');
    writer_text(w, unit[0] == 'm' ? "min" : unit);
    return true;
}
