/* When memory ends: every request of the libraries behind the readers fails once, and all later
 * ones do with it; who asked hears of it, and nothing is left. The linker puts the functions below
 * in front of those of the C library. */
#include "waf/bodies/body_record.h"
#include "waf/bodies/decompress.h"
#include "waf/bodies/xml.h"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_realloc(void *memory, size_t bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_realloc(void *memory, size_t bytes);
void __wrap_free(void *memory);

static uint32_t requests, failing = UINT32_MAX; /* the number of the first that fails */
static int64_t held;

static bool may_have(void)
{
    return requests++ < failing;
}

void *__wrap_malloc(size_t bytes)
{
    if (!may_have())
        return NULL;
    held++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t each)
{
    if (!may_have())
        return NULL;
    held++;
    return __real_calloc(count, each);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    if (!may_have())
        return NULL;
    held += memory == NULL;
    return __real_realloc(memory, bytes);
}

void __wrap_free(void *memory)
{
    held -= memory != NULL;
    __real_free(memory);
}

static int use_xml(void)
{
    struct body_record r;
    uint32_t limit = failing;
    failing = UINT32_MAX;
    body_record_open(&r, (struct body_limits){ 0 }, 0);
    failing = limit;
    requests = 0;
    int result = xml_read(&r.reader, SLICE("<a x='1' y='2'><b z='3'>text</b><c/>&lt;</a>"));
    body_record_close(&r);
    return result;
}

static int use_decompress(const char *encoding, slice in)
{
    struct work work;
    work_open(&work, 0, NULL, NULL);
    struct decompress d = { .limits = { .bytes_max = 1 << 21 }, .work = &work };
    slice out;
    requests = 0;
    int result = decompress_body(&d, slice_from(encoding), in, &out);
    decompress_release(&d);
    return result;
}

static int use_brotli(void)
{
    return use_decompress("br", SLICE("\x5b\xff\xff\x8f\x5f\x22\x2c\x1e\x0b\x04\x72\xef\x1f\x00"));
}

static int use_gzip(void)
{
    return use_decompress(
        "gzip", SLICE("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6"
                      "\x10\x36\x05\x00\x00\x00"));
}

TEST(each_failing_request_is_told_and_nothing_is_left)
{
    static int (*const uses[])(void) = { use_xml, use_brotli, use_gzip };
    for (size_t i = 0; i < ARRAY_LENGTH(uses); i++) {
        int result = -ENOMEM;
        uint32_t count = 0;
        for (; result == -ENOMEM; count++) {
            assert_true(count < 1000);
            int64_t before = held;
            failing = count;
            result = uses[i]();
            failing = UINT32_MAX;
            assert_int_equal(held, before);
        }
        assert_int_equal(result, 0);
        assert_true(count >= 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failing_request_is_told_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
