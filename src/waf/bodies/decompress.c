#include "waf/bodies/decompress.h"

#include <brotli/decode.h>
#include <errno.h>
#include <stdlib.h>
#define ZLIB_CONST /* inputs are const */
#include <zlib.h>

#include "base/number.h"

/* More than any table of the libraries: only windows are as large. */
#define LIBRARY_BYTES_MAX (2u << 20)

enum coding { CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_UNKNOWN };

const char *decompress_problem_text(enum decompress_problem problem)
{
    static const char *const texts[DECOMPRESS_PROBLEM_COUNT] = {
        [DECOMPRESS_OK] = "no problem",
        [DECOMPRESS_UNKNOWN_CODING] = "the body has a content coding that is not known",
        [DECOMPRESS_TOO_MANY_CODINGS] = "the body has more than two content codings",
        [DECOMPRESS_MALFORMED] = "the compressed body is malformed",
        [DECOMPRESS_TRUNCATED] = "the compressed body ends too early",
        [DECOMPRESS_TRAILING_DATA] = "something follows the end of the compressed body",
        [DECOMPRESS_TOO_LARGE] = "the body is too large when decompressed",
        [DECOMPRESS_RATIO] = "the body is compressed by too much",
    };
    return texts[problem];
}

/* A byte that is taken costs more than one that is made: of what is compressed by little each
 * stands for one, bit by bit; of what is compressed by much most are copied. */
enum { TAKEN_STEPS = 8, CALL_STEPS = 256 };

/* What a library is given at once, which together cost no more than a block; it would go on as far
 * as that reaches. */
enum { OUT_AT_ONCE = WORK_BLOCK / 2, IN_AT_ONCE = (OUT_AT_ONCE - CALL_STEPS) / TAKEN_STEPS };

/* One coding that is being undone. */
struct run {
    struct decompress *d;
    slice in;  /* all of it */
    size_t at; /* how much of it has been taken */
    char *out; /* of malloc */
    size_t len, capacity;
    int denied; /* what became of it when a library was given no memory; 0: malloc had none */
};

static bool pay(const struct decompress *d, size_t bytes)
{
    return !d->purse || purse_take_more(d->purse, bytes);
}

static void pay_back(const struct decompress *d, size_t bytes)
{
    if (d->purse)
        purse_give(d->purse, bytes);
}

static void free_run(struct run *run)
{
    if (run->out)
        pay_back(run->d, run->capacity);
    free(run->out);
}

static int problem(struct run *run, enum decompress_problem problem)
{
    run->d->problem = problem;
    return -EBADMSG;
}

/* Room for the next block of output; grown in place where the allocator can. */
static int make_room(struct run *run)
{
    if (run->capacity - run->len >= OUT_AT_ONCE)
        return 0;
    size_t capacity = run->capacity ? 2 * run->capacity : 4 * (size_t)WORK_BLOCK;
    if (!pay(run->d, capacity - run->capacity))
        return -ENOBUFS;
    char *grown = realloc(run->out, capacity);
    if (!grown) {
        pay_back(run->d, capacity - run->capacity);
        return -ENOMEM;
    }
    run->out = grown;
    run->capacity = capacity;
    return 0;
}

/* What one call of a library has taken and made: paid for and judged. */
static int account(struct run *run, size_t taken, size_t made)
{
    const struct decompress_limits *limits = &run->d->limits;
    run->at += taken;
    run->len += made;
    TRY(work_spend(run->d->work, TAKEN_STEPS * taken + made + CALL_STEPS));
    if (run->len > limits->bytes_max)
        return problem(run, DECOMPRESS_TOO_LARGE);
    if (limits->ratio_max != 0 && run->len > DECOMPRESS_RATIO_FROM &&
        run->len / limits->ratio_max > run->in.len)
        return problem(run, DECOMPRESS_RATIO);
    return 0;
}

/* Memory of the libraries */

struct piece {
    size_t bytes; /* this header included */
    _Alignas(16) char memory[];
};

/* A window that is larger than all that may come out is for a body that is too large. */
static void *library_take(struct run *run, size_t bytes)
{
    size_t bytes_max = 2 * run->d->limits.bytes_max + WORK_BLOCK;
    if (bytes > (bytes_max > LIBRARY_BYTES_MAX ? bytes_max : LIBRARY_BYTES_MAX)) {
        run->denied = problem(run, DECOMPRESS_TOO_LARGE);
        return NULL;
    }
    bytes += sizeof(struct piece);
    if (!pay(run->d, bytes)) {
        run->denied = -ENOBUFS;
        return NULL;
    }
    struct piece *piece = calloc(1, bytes);
    if (!piece) {
        pay_back(run->d, bytes);
        return NULL;
    }
    piece->bytes = bytes;
    return piece->memory;
}

static void library_give(void *context, void *memory)
{
    struct run *run = context;
    if (!memory)
        return;
    struct piece *piece = CONTAINER_OF((char(*)[])memory, struct piece, memory);
    pay_back(run->d, piece->bytes);
    free(piece);
}

static int no_memory(const struct run *run)
{
    return run->denied ? run->denied : -ENOMEM;
}

/* zlib */

static void *allocate_for_zlib(void *context, unsigned items, unsigned size)
{
    size_t bytes;
    return size_multiply(items, size, &bytes) ? library_take(context, bytes) : NULL;
}

static void end_inflate(z_stream *z)
{
    (void)inflateEnd(z);
}

static int inflate_block(struct run *run, z_stream *z, int *ret_status)
{
    TRY(make_room(run));
    slice block = slice_first(slice_after(run->in, run->at), IN_AT_ONCE);
    z->next_in = (const unsigned char *)block.ptr;
    z->avail_in = (unsigned)block.len;
    z->next_out = (unsigned char *)run->out + run->len;
    z->avail_out = OUT_AT_ONCE;
    *ret_status = inflate(z, Z_NO_FLUSH);
    return account(run, block.len - z->avail_in, OUT_AT_ONCE - z->avail_out);
}

/* RFC 1952 §2.2: "A gzip file consists of a series of members" */
static bool begins_member(const struct run *run)
{
    return slice_starts_with(slice_after(run->in, run->at), SLICE("\x1f\x8b"));
}

/* bits: the window's, as inflateInit2 wants them. */
static int undo_zlib(struct run *run, int bits, bool members)
{
    OWNS(end_inflate)
    z_stream z = { .zalloc = allocate_for_zlib, .zfree = library_give, .opaque = run };
    if (inflateInit2(&z, bits) != Z_OK)
        return no_memory(run);
    for (int status = Z_OK;;) {
        TRY(inflate_block(run, &z, &status));
        if (status == Z_STREAM_END) {
            if (run->at == run->in.len)
                return 0;
            if (!members || !begins_member(run))
                return problem(run, DECOMPRESS_TRAILING_DATA);
            status = inflateReset(&z);
        }
        if (status == Z_MEM_ERROR)
            return no_memory(run);
        if (status == Z_BUF_ERROR && run->at == run->in.len)
            return problem(run, DECOMPRESS_TRUNCATED);
        if (status != Z_OK)
            return problem(run, DECOMPRESS_MALFORMED);
    }
}

/* RFC 9110 §8.4.1.2: "deflate" is zlib's frame, but "some non-conformant implementations send the
 * deflate compressed data without the zlib wrapper". RFC 1950 §2.2 tells them apart. */
static int undo_deflate(struct run *run)
{
    const unsigned char *p = (const unsigned char *)run->in.ptr;
    bool framed =
        run->in.len >= 2 && (p[0] & 0x0f) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0;
    return undo_zlib(run, framed ? MAX_WBITS : -MAX_WBITS, false);
}

/* Brotli */

static void *allocate_for_brotli(void *context, size_t bytes)
{
    return library_take(context, bytes);
}

static void end_brotli(BrotliDecoderState **state)
{
    if (*state)
        BrotliDecoderDestroyInstance(*state);
}

static bool is_memory_error(const BrotliDecoderState *state)
{
    int code = BrotliDecoderGetErrorCode(state);
    return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
           code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
}

static int undo_brotli(struct run *run)
{
    OWNS(end_brotli)
    BrotliDecoderState *state = BrotliDecoderCreateInstance(allocate_for_brotli, library_give, run);
    if (!state)
        return no_memory(run);
    for (;;) {
        TRY(make_room(run));
        slice block = slice_first(slice_after(run->in, run->at), IN_AT_ONCE);
        const uint8_t *next_in = (const uint8_t *)block.ptr;
        uint8_t *next_out = (uint8_t *)run->out + run->len;
        size_t in = block.len, out = OUT_AT_ONCE;
        BrotliDecoderResult result =
            BrotliDecoderDecompressStream(state, &in, &next_in, &out, &next_out, NULL);
        TRY(account(run, block.len - in, OUT_AT_ONCE - out));
        switch (result) {
        case BROTLI_DECODER_RESULT_SUCCESS:
            return run->at == run->in.len ? 0 : problem(run, DECOMPRESS_TRAILING_DATA);
        case BROTLI_DECODER_RESULT_ERROR:
            return is_memory_error(state) ? no_memory(run) : problem(run, DECOMPRESS_MALFORMED);
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
            if (run->at == run->in.len)
                return problem(run, DECOMPRESS_TRUNCATED);
            break;
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
            break;
        }
    }
}

static int undo_one(struct run *run, enum coding coding)
{
    switch (coding) {
    case CODING_GZIP:
        return undo_zlib(run, MAX_WBITS + 16, true);
    case CODING_DEFLATE:
        return undo_deflate(run);
    case CODING_BROTLI:
        return undo_brotli(run);
    case CODING_UNKNOWN:
        break;
    }
    return problem(run, DECOMPRESS_UNKNOWN_CODING);
}

static bool has_beginning(const struct decompress *d)
{
    return d->limits.takes_beginning &&
           (d->problem == DECOMPRESS_TRUNCATED || d->problem == DECOMPRESS_TOO_LARGE ||
            d->problem == DECOMPRESS_RATIO);
}

static int undo(struct decompress *d, enum coding coding, slice in)
{
    OWNS(free_run) struct run run = { .d = d, .in = in };
    int result = undo_one(&run, coding);
    if (result == -EBADMSG && has_beginning(d))
        d->problem = DECOMPRESS_OK;
    else
        TRY(result);
    decompress_release(d);
    d->out = run.out;
    d->len = run.len < d->limits.bytes_max ? run.len : d->limits.bytes_max;
    d->capacity = run.capacity;
    run.out = NULL;
    return 0;
}

static enum coding coding_of(slice word)
{
    static const struct {
        slice word;
        enum coding coding;
    } codings[] = {
        { SLICE("gzip"), CODING_GZIP },
        { SLICE("x-gzip"), CODING_GZIP },
        { SLICE("deflate"), CODING_DEFLATE },
        { SLICE("br"), CODING_BROTLI },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(codings); i++) {
        if (slice_equal_fold(word, codings[i].word))
            return codings[i].coding;
    }
    return CODING_UNKNOWN;
}

/* The codings of the field, but for "identity" and empty elements. */
static int read_codings(struct decompress *d, slice encoding, enum coding *codings,
                        unsigned *ret_count)
{
    unsigned count = 0;
    while (encoding.len) {
        size_t comma = slice_find_byte(encoding, ',');
        slice word = slice_trim(slice_first(encoding, comma));
        encoding = slice_after(encoding, comma + 1);
        if (word.len == 0 || slice_equal_fold(word, SLICE("identity")))
            continue;
        if (count == DECOMPRESS_CODINGS_MAX) {
            d->problem = DECOMPRESS_TOO_MANY_CODINGS;
            return -EBADMSG;
        }
        codings[count++] = coding_of(word);
    }
    *ret_count = count;
    return 0;
}

int decompress_body(struct decompress *d, slice encoding, slice in, slice *ret_out)
{
    enum coding codings[DECOMPRESS_CODINGS_MAX];
    unsigned count = 0;
    TRY(read_codings(d, encoding, codings, &count));
    slice out = in;
    while (count-- > 0) {
        TRY(undo(d, codings[count], out));
        out = slice_of(d->out, d->len);
    }
    *ret_out = out;
    return 0;
}

void decompress_release(struct decompress *d)
{
    pay_back(d, d->capacity);
    free(d->out);
    d->out = NULL;
    d->len = d->capacity = 0;
}
