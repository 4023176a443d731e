#include "wire/h2_fingerprint.h"

#include <string.h>

void h2_fingerprint_setting(struct h2_fingerprint *f, uint16_t id, uint32_t value)
{
    if (f->is_complete || f->has_settings || f->setting_count == H2_FINGERPRINT_SETTINGS_MAX)
        return;
    f->settings[f->setting_count].id = id;
    f->settings[f->setting_count].value = value;
    f->setting_count++;
}

void h2_fingerprint_settings_end(struct h2_fingerprint *f)
{
    f->has_settings = true;
}

void h2_fingerprint_window_update(struct h2_fingerprint *f, uint32_t increment)
{
    if (!f->is_complete && f->window_update == 0)
        f->window_update = increment;
}

void h2_fingerprint_priority(struct h2_fingerprint *f, uint32_t stream, uint32_t dependency,
                             uint16_t weight, bool is_exclusive)
{
    if (f->is_complete || f->priority_count == H2_FINGERPRINT_PRIORITIES_MAX)
        return;
    f->priorities[f->priority_count].stream = stream;
    f->priorities[f->priority_count].dependency = dependency;
    f->priorities[f->priority_count].weight = weight;
    f->priorities[f->priority_count].is_exclusive = is_exclusive;
    f->priority_count++;
}

void h2_fingerprint_field(struct h2_fingerprint *f, slice name)
{
    static const slice known[] = { SLICE(":method"), SLICE(":authority"), SLICE(":scheme"),
                                   SLICE(":path") };
    if (f->is_complete || f->pseudo_count == sizeof f->pseudo)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        if (slice_equal(name, known[i]))
            f->pseudo[f->pseudo_count++] = name.ptr[1];
}

void h2_fingerprint_end(struct h2_fingerprint *f)
{
    f->is_complete = true;
}

static void write_priorities(struct writer *w, const struct h2_fingerprint *f)
{
    if (f->priority_count == 0)
        writer_byte(w, '0');
    for (uint32_t i = 0; i < f->priority_count; i++) {
        if (i)
            writer_byte(w, ',');
        writer_decimal(w, f->priorities[i].stream);
        writer_byte(w, ':');
        writer_byte(w, f->priorities[i].is_exclusive ? '1' : '0');
        writer_byte(w, ':');
        writer_decimal(w, f->priorities[i].dependency);
        writer_byte(w, ':');
        writer_decimal(w, f->priorities[i].weight);
    }
}

void h2_fingerprint_write(struct writer *w, const struct h2_fingerprint *f)
{
    for (uint32_t i = 0; i < f->setting_count; i++) {
        if (i)
            writer_byte(w, ';');
        writer_decimal(w, f->settings[i].id);
        writer_byte(w, ':');
        writer_decimal(w, f->settings[i].value);
    }
    writer_byte(w, '|');
    if (f->window_update)
        writer_decimal(w, f->window_update);
    else
        writer_literal(w, "00");
    writer_byte(w, '|');
    write_priorities(w, f);
    writer_byte(w, '|');
    for (uint32_t i = 0; i < f->pseudo_count; i++) {
        if (i)
            writer_byte(w, ',');
        writer_byte(w, f->pseudo[i]);
    }
}

/* --- What people write ------------------------------------------------------------------------ */

enum { PARTS = 4 };
static const char *const part_bytes[PARTS] = { "0123456789:;", "0123456789", "0123456789:,",
                                               "masp," };

/* The number of its parts, all of them of the bytes that they may have; 0: it has others. */
static unsigned count_parts(slice text)
{
    unsigned part = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|' && part + 1 < PARTS)
            part++;
        else if (!text.ptr[i] || !strchr(part_bytes[part], text.ptr[i]))
            return 0;
    }
    return part + 1;
}

bool h2_fingerprint_is_valid(slice text)
{
    return text.len <= H2_FINGERPRINT_BYTES_MAX && count_parts(text) == PARTS;
}

bool h2_fingerprint_pattern_is_valid(slice text)
{
    if (!slice_ends_with(text, SLICE("*")))
        return h2_fingerprint_is_valid(text);
    slice fixed = slice_first(text, text.len - 1);
    return fixed.len > 0 && fixed.len <= H2_FINGERPRINT_BYTES_MAX && count_parts(fixed) > 0;
}
