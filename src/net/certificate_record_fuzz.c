/* Sheets of certificates: whatever comes, slices stay inside, limits hold, walks end. */
#include "base/fuzz.h"
#include "net/certificate_record.h"

static void inside(slice whole, slice part)
{
    ASSERT(part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
    ASSERT(part.len <= CERTIFICATE_PART_MAX);
}

static void check_record(slice input, const struct certificate_record *r)
{
    const slice parts[] = { r->set, r->certificate_path, r->key_path, r->spki, r->ocsp, r->error };
    struct certificate *c = NULL;
    const char *why;
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        inside(input, parts[i]);
    ASSERT(r->set.len > 0 && r->source < CERTIFICATE_SOURCES);
    ASSERT(r->name_count <= CERTIFICATE_NAMES_MAX && r->chain_count <= CERTIFICATE_CHAIN_MAX);
    for (uint32_t i = 0; i < r->name_count; i++)
        inside(input, r->names[i]);
    for (uint32_t i = 0; i < r->chain_count; i++)
        inside(input, r->chain[i]);
    if (certificate_record_make(r, NULL, &c, &why) == 0)
        certificate_drop(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct certificate_reader reader;
    struct certificate_record record;
    slice input = fuzz_input(bytes, count);
    size_t records = 0;
    if (certificate_reader_open(&reader, input) != 0)
        return 0;
    while (certificate_reader_next(&reader, &record) == 1) {
        check_record(input, &record);
        ASSERT(++records <= CERTIFICATE_RECORDS_MAX);
    }
    return 0;
}
