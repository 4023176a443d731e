#include "waf/seclang/audit.h"

#include "waf/patterns/pattern.h"

#define STATUS_MIN 100u

const struct audit_part_row waf_audit_parts_table[] = {
    { "A", false, "id, time, client, server, site, status, reason: always there" },
    { "B", false, "the request line and the fields of the request" },
    { "C", false, "the request's body" },
    { "D", true, "ModSecurity has none either" },
    { "E", false, "the response's body as the origin sent it, as far as rules could look at it" },
    { "F", false, "the status line and the fields of the response" },
    { "G", true, "ModSecurity has none either" },
    { "H", false, "the verdict, the rules that matched, the producer" },
    { "I", false, "the request's body without the contents of uploaded files" },
    { "J", true, "names and types of files stand in the body (C or I)" },
    { "K", false, "the rules that matched, as H" },
    { "Z", true, "an object of JSON has an end" },
};

const unsigned waf_audit_part_count = ARRAY_LENGTH(waf_audit_parts_table);

static bool is_part(char letter)
{
    for (unsigned i = 0; i < waf_audit_part_count; i++)
        if (waf_audit_parts_table[i].letter[0] == letter)
            return true;
    return false;
}

int audit_parts_parse(struct seclang *l, slice letters, const char *what, uint32_t *ret_parts)
{
    uint32_t parts = 0;
    for (size_t i = 0; i < letters.len; i++) {
        char lower = ascii_lower(letters.ptr[i]);
        char letter = lower >= 'a' && lower <= 'z' ? (char)(lower - 'a' + 'A') : '?';
        if (!is_part(letter))
            return load_error(l, letters.ptr + i, "%s %.*s: the letters A to K and Z were expected",
                              what, SLICE_ARGUMENTS(letters));
        parts |= AUDIT_PART(letter);
    }
    *ret_parts = parts;
    return 0;
}

int audit_statuses_parse(struct seclang *l, slice regex, uint64_t *to)
{
    struct pattern *pattern;
    struct work work;
    uint64_t found[AUDIT_STATUSES / 64] = { 0 };
    TRY(load_selector(l, regex, 0, &pattern));
    work_open(&work, 0, NULL, NULL);
    for (unsigned status = STATUS_MIN; status < AUDIT_STATUSES; status++) {
        char text[3] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10),
                         (char)('0' + status % 10) };
        int matches = pattern_matches(pattern, slice_of(text, sizeof text), &work);
        if (matches == -ENOMEM)
            return matches;
        if (matches < 0)
            return load_error(l, regex.ptr, "this regular expression cannot be decided");
        if (matches)
            found[status / 64] |= UINT64_C(1) << status % 64;
    }
    memcpy(to, found, sizeof found);
    return 0;
}
