#include "proxy/held_body.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/panic.h"
#include "runtime/fiber.h"

#ifndef MFD_NOEXEC_SEAL /* the C library is older than the kernel */
#define MFD_NOEXEC_SEAL 8u
#endif

#define MEMORY_BYTES_MAX (128u << 10) /* beyond it a file */
#define GIVEN_BYTES_MAX  (64u << 10)  /* at once, so that the response is read meanwhile */

struct held_body {
    struct body_source source;
    struct body_sink sink;
    struct body_source *behind;
    struct buffer *memory;
    int file; /* -1: none */
    const char *mapping;
    struct buffer *rest; /* taken when there was no room any more: it follows what is held */
    bool is_torn;        /* and there was no room for that either */
    uint64_t length, given;
};

struct purse held_purse;

/* --- Taking it in ----------------------------------------------------------------------------- */

static struct held_body *of_sink(struct body_sink *s)
{
    return CONTAINER_OF(s, struct held_body, sink);
}

/* Makes room for `more` bytes in the buffer. 0 · -ENOBUFS */
static int grow_memory(struct held_body *h, size_t more)
{
    struct buffer *old = h->memory;
    if (old && buffer_room(old) >= more)
        return 0;
    uint64_t want = h->length + more;
    uint32_t capacity = BUFFER_BYTES;
    while (capacity < want)
        capacity *= 2;
    struct buffer *larger = buffer_take_large(capacity);
    if (!larger)
        return -ENOBUFS;
    if (old) {
        memcpy(larger->memory, old->memory, old->end);
        larger->end = old->end;
        buffer_release(old);
    }
    h->memory = larger;
    return 0;
}

/* All of it at `offset`, or nothing that counts. 0 · -ENOBUFS */
static int write_file(int file, slice bytes, uint64_t offset)
{
    if (!purse_take_more(&held_purse, bytes.len))
        return -ENOBUFS;
    for (size_t done = 0; done < bytes.len;) {
        slice left = slice_after(bytes, done);
        ssize_t wrote = pwrite(file, left.ptr, left.len, (off_t)(offset + done));
        if (wrote <= 0 && !(wrote < 0 && errno == EINTR)) {
            purse_give(&held_purse, bytes.len);
            return -ENOBUFS;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

/* What is in the buffer stays there unless all of it is in the file. 0 · -ENOBUFS */
static int move_to_file(struct held_body *h)
{
    int file = memfd_create("held body", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (file < 0 && errno == EINVAL) /* a kernel before 6.3 */
        file = memfd_create("held body", MFD_CLOEXEC);
    if (file < 0)
        return -ENOBUFS;
    slice held = held_body_bytes(h);
    if (write_file(file, held, 0) != 0) {
        close(file);
        return -ENOBUFS;
    }
    h->file = file;
    buffer_drop(&h->memory);
    return 0;
}

/* 0 · -ENOBUFS, and what was held before is held still */
static int store(struct held_body *h, const char *bytes, size_t count)
{
    if (h->file < 0 && h->length + count > MEMORY_BYTES_MAX)
        TRY(move_to_file(h));
    if (h->file >= 0) {
        TRY(write_file(h->file, slice_of(bytes, count), h->length));
        h->length += count;
        return 0;
    }
    TRY(grow_memory(h, count));
    memcpy(h->memory->memory + h->memory->end, bytes, count);
    h->memory->end += (uint32_t)count;
    h->length += count;
    return 0;
}

/* No room for these pieces from number `first` on: they are put by, so that nothing is lost. */
static void put_by(struct held_body *h, const struct pieces *p, int first)
{
    size_t bytes = 0;
    for (int i = first; i < p->count; i++)
        bytes += p->parts[PIECES_FIRST + i].iov_len;
    h->rest = buffer_take_large((uint32_t)bytes);
    h->is_torn = !h->rest;
    for (int i = first; h->rest && i < p->count; i++) {
        const struct iovec *part = &p->parts[PIECES_FIRST + i];
        memcpy(h->rest->memory + h->rest->end, part->iov_base, part->iov_len);
        h->rest->end += (uint32_t)part->iov_len;
    }
}

static int send_now(struct body_sink *s, struct pieces *p)
{
    struct held_body *h = of_sink(s);
    ASSERT(!h->rest && !h->is_torn);
    for (int i = 0; i < p->count; i++) {
        const struct iovec *part = &p->parts[PIECES_FIRST + i];
        if (store(h, part->iov_base, part->iov_len) == 0)
            continue;
        put_by(h, p, i);
        return -ENOBUFS;
    }
    return 0;
}

static int flush(UNUSED struct body_sink *s, UNUSED const struct send_options *options)
{
    UNREACHABLE(); /* nothing is ever left over */
}

static void nothing_to_do(UNUSED struct body_sink *s)
{
}

static const struct body_sink_operations sink_operations = { .send_now = send_now,
                                                             .flush = flush,
                                                             .drop = nothing_to_do,
                                                             .finish = nothing_to_do,
                                                             .abort = nothing_to_do };

/* --- Giving it again -------------------------------------------------------------------------- */

static struct held_body *of_source(struct body_source *s)
{
    return CONTAINER_OF(s, struct held_body, source);
}

static size_t rest_bytes(const struct held_body *h)
{
    return h->rest ? buffer_length(h->rest) : 0;
}

static bool is_all_given(const struct held_body *h)
{
    return h->given == h->length + rest_bytes(h);
}

/* What comes next of what is here. */
static slice next_piece(const struct held_body *h)
{
    if (h->given < h->length)
        return slice_after(held_body_bytes(h), h->given);
    return slice_after(slice_of(h->rest->memory, h->rest->end), h->given - h->length);
}

/* Where what is behind has come to. */
static void follow(struct held_body *h)
{
    struct body_source *s = &h->source;
    bool all_given = is_all_given(h);
    s->bytes_read = h->behind->bytes_read;
    s->closed = all_given && h->behind->closed;
    s->ended = all_given && h->behind->ended;
    s->trailers = s->ended ? h->behind->trailers : NULL;
}

static int take(struct body_source *s, struct pieces *to)
{
    struct held_body *h = of_source(s);
    size_t before = to->bytes;
    if (!is_all_given(h)) {
        pieces_add(to, slice_first(next_piece(h), GIVEN_BYTES_MAX));
        h->given += to->bytes - before;
    } else if (!h->behind->ended) {
        TRY(h->behind->operations->take(h->behind, to));
    }
    s->decoded += to->bytes - before;
    fiber_charge(to->bytes - before);
    follow(h);
    return 0;
}

static int wait_for_more(struct body_source *s, int64_t deadline_ms)
{
    struct held_body *h = of_source(s);
    if (!is_all_given(h))
        return fiber_be_fair();
    int result = h->behind->operations->wait(h->behind, deadline_ms);
    follow(h);
    return result;
}

static int keep(struct body_source *s)
{
    struct body_source *behind = of_source(s)->behind;
    return behind->operations->keep ? behind->operations->keep(behind) : 0;
}

static void release(struct body_source *s)
{
    struct held_body *h = of_source(s);
    if (is_all_given(h) && h->behind->operations->release)
        h->behind->operations->release(h->behind);
}

static void rewind_source(struct body_source *s)
{
    struct held_body *h = of_source(s);
    h->given = 0;
    s->decoded = 0;
    follow(h);
}

/* From its end, which unmaps as well. What cannot be cut off is freed with the file. */
static void free_file(struct held_body *h)
{
    uint64_t left = h->length;
    while (left > HELD_FREED_AT_ONCE &&
           ftruncate(h->file, (off_t)(left - HELD_FREED_AT_ONCE)) == 0) {
        left -= HELD_FREED_AT_ONCE;
        purse_give(&held_purse, HELD_FREED_AT_ONCE);
        fiber_step_aside();
    }
    if (h->mapping)
        (void)munmap((void *)(uintptr_t)h->mapping, h->length);
    close(h->file);
    purse_give(&held_purse, left);
}

static void close_source(struct body_source *s)
{
    struct held_body *h = of_source(s);
    h->behind->operations->close(h->behind);
    if (h->file >= 0)
        free_file(h);
    buffer_drop(&h->memory);
    buffer_drop(&h->rest);
    free(h);
}

static const struct body_source_operations source_operations = { .take = take,
                                                                 .wait = wait_for_more,
                                                                 .keep = keep,
                                                                 .release = release,
                                                                 .rewind = rewind_source,
                                                                 .close = close_source };

/* --- Its life --------------------------------------------------------------------------------- */

struct held_body *held_body_make(struct body_source *behind)
{
    struct held_body *h = malloc(sizeof *h);
    if (h)
        *h = (struct held_body){ .source.operations = &source_operations,
                                 .sink.operations = &sink_operations,
                                 .behind = behind,
                                 .file = -1 };
    return h;
}

struct body_sink *held_body_sink(struct held_body *h)
{
    return &h->sink;
}

int held_body_settle(struct held_body *h)
{
    follow(h);
    if (h->is_torn)
        return -ENOBUFS;
    if (h->file < 0 || h->length == 0)
        return 0;
    void *mapping = mmap(NULL, h->length, PROT_READ, MAP_SHARED, h->file, 0);
    if (mapping == MAP_FAILED)
        return -ENOBUFS;
    h->mapping = mapping;
    return 0;
}

struct body_source *held_body_source(struct held_body *h)
{
    follow(h);
    return &h->source;
}

slice held_body_bytes(const struct held_body *h)
{
    if (h->mapping)
        return slice_of(h->mapping, h->length);
    return h->memory ? slice_of(h->memory->memory, h->memory->end) : slice_of(NULL, 0);
}
