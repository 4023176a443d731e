#include "net/certificate_record.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/panic.h"
#include "base/writer.h"

#define SHEET_MAGIC   0x5445454853544350u /* "PCTSHEET" */
#define SHEET_VERSION 1u
#define SEALS         (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct sheet_head {
    uint64_t magic;
    uint32_t version, count;
    uint64_t bytes; /* of all records */
};

enum tag {
    TAG_SET = 1,
    TAG_SOURCE,
    TAG_NAME,
    TAG_CERTIFICATE_PATH,
    TAG_KEY_PATH,
    TAG_KEY_ID,
    TAG_SPKI,
    TAG_CERTIFICATE,
    TAG_OCSP,
    TAG_ERROR,
    TAG_SETTINGS,
    TAG_LISTS,
    TAG_LISTS_HASH
};

static size_t bytes_max(uint32_t tag)
{
    return tag == TAG_LISTS ? CERTIFICATE_LISTS_MAX : CERTIFICATE_PART_MAX;
}

struct field_head {
    uint32_t tag, bytes;
};

/* --- Writing ---------------------------------------------------------------------------------- */

static int write_all(int fd, const void *bytes, size_t count, off_t at)
{
    for (size_t done = 0; done < count;) {
        ssize_t written = pwrite(fd, (const char *)bytes + done, count - done, at + (off_t)done);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0)
            done += (size_t)written;
    }
    return 0;
}

int certificate_sheet_open(struct certificate_sheet *s)
{
    *s = (struct certificate_sheet){ .fd = -1, .bytes = sizeof(struct sheet_head) };
    s->buffer = malloc(CERTIFICATE_RECORD_MAX);
    if (!s->buffer)
        return -ENOMEM;
    s->fd = memfd_create("portcullis-certificates", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return s->fd < 0 ? -errno : 0;
}

static void put(struct writer *w, enum tag tag, slice value)
{
    struct field_head head = { tag, (uint32_t)value.len };
    if (value.len > bytes_max(tag)) {
        w->overflowed = true;
        return;
    }
    writer_bytes(w, &head, sizeof head);
    writer_slice_add(w, value);
}

static void put_some(struct writer *w, enum tag tag, slice value)
{
    if (value.len)
        put(w, tag, value);
}

static void write_record(struct writer *w, const struct certificate_record *r)
{
    uint32_t source = r->source;
    put(w, TAG_SET, r->set);
    put(w, TAG_SOURCE, slice_of((const char *)&source, sizeof source));
    for (uint32_t i = 0; i < r->name_count; i++)
        put(w, TAG_NAME, r->names[i]);
    put_some(w, TAG_CERTIFICATE_PATH, r->certificate_path);
    put_some(w, TAG_KEY_PATH, r->key_path);
    if (r->key_id)
        put(w, TAG_KEY_ID, slice_of((const char *)&r->key_id, sizeof r->key_id));
    put_some(w, TAG_SPKI, r->spki);
    for (uint32_t i = 0; i < r->chain_count; i++)
        put(w, TAG_CERTIFICATE, r->chain[i]);
    put_some(w, TAG_OCSP, r->ocsp);
    put_some(w, TAG_ERROR, r->error);
    put_some(w, TAG_SETTINGS, r->settings);
    put_some(w, TAG_LISTS, r->lists);
    put_some(w, TAG_LISTS_HASH, r->lists_hash);
}

int certificate_sheet_add(struct certificate_sheet *s, const struct certificate_record *r)
{
    ASSERT(r->name_count <= CERTIFICATE_NAMES_MAX && r->chain_count <= CERTIFICATE_CHAIN_MAX);
    uint32_t bytes;
    struct writer w = writer_over(s->buffer, CERTIFICATE_RECORD_MAX);
    writer_bytes(&w, &(uint32_t){ 0 }, sizeof bytes);
    write_record(&w, r);
    if (w.overflowed || s->bytes + w.len > CERTIFICATE_SHEET_MAX ||
        s->count >= CERTIFICATE_RECORDS_MAX)
        return -EMSGSIZE;
    bytes = (uint32_t)(w.len - sizeof bytes);
    memcpy(s->buffer, &bytes, sizeof bytes);
    int result = write_all(s->fd, w.ptr, w.len, (off_t)s->bytes);
    if (r->settings.len) /* a CA's secret is among them */
        OPENSSL_cleanse(s->buffer, w.len);
    TRY(result);
    s->bytes += w.len;
    s->count++;
    return 0;
}

int certificate_sheet_seal(struct certificate_sheet *s)
{
    struct sheet_head head = { SHEET_MAGIC, SHEET_VERSION, s->count, s->bytes - sizeof head };
    TRY(write_all(s->fd, &head, sizeof head, 0));
    if (fcntl(s->fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    int fd = s->fd;
    s->fd = -1;
    return fd;
}

void certificate_sheet_close(struct certificate_sheet *s)
{
    free(s->buffer);
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct certificate_sheet){ .fd = -1 };
}

/* --- Reading ---------------------------------------------------------------------------------- */

int certificate_sheet_map(int fd, slice *ret)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) < 0)
        return -EPROTO;
    if (status.st_size < (off_t)sizeof(struct sheet_head) ||
        (uint64_t)status.st_size > CERTIFICATE_SHEET_MAX)
        return -EPROTO;
    void *memory = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *ret = slice_of(memory, (size_t)status.st_size);
    return 0;
}

void certificate_sheet_unmap(slice *sheet)
{
    if (sheet->ptr)
        (void)munmap((void *)(uintptr_t)sheet->ptr, sheet->len);
    *sheet = (slice){ 0 };
}

int certificate_reader_open(struct certificate_reader *r, slice sheet)
{
    struct sheet_head head;
    if (sheet.len < sizeof head)
        return -EPROTO;
    memcpy(&head, sheet.ptr, sizeof head);
    if (head.magic != SHEET_MAGIC || head.version != SHEET_VERSION ||
        head.bytes != sheet.len - sizeof head || head.count > CERTIFICATE_RECORDS_MAX)
        return -EPROTO;
    *r = (struct certificate_reader){ slice_after(sheet, sizeof head), head.count };
    return 0;
}

/* The first `count` bytes of *rest, which then begins behind them. */
static int take(slice *rest, size_t count, slice *ret)
{
    if (count > rest->len)
        return -EPROTO;
    *ret = slice_first(*rest, count);
    *rest = slice_after(*rest, count);
    return 0;
}

static int take_source(slice value, struct certificate_record *r)
{
    uint32_t source;
    if (value.len != sizeof source)
        return -EPROTO;
    memcpy(&source, value.ptr, sizeof source);
    r->source = (enum certificate_source)source;
    return source < CERTIFICATE_SOURCES ? 0 : -EPROTO;
}

static int take_key_id(slice value, struct certificate_record *r)
{
    if (value.len != sizeof r->key_id)
        return -EPROTO;
    memcpy(&r->key_id, value.ptr, sizeof r->key_id);
    return 0;
}

static int append(slice *to, uint32_t *count, uint32_t max, slice value)
{
    if (*count >= max)
        return -EPROTO;
    to[(*count)++] = value;
    return 0;
}

static int take_field(uint32_t tag, slice value, struct certificate_record *r)
{
    switch (tag) {
    case TAG_SET:
        r->set = value;
        break;
    case TAG_SOURCE:
        return take_source(value, r);
    case TAG_NAME:
        return append(r->names, &r->name_count, CERTIFICATE_NAMES_MAX, value);
    case TAG_CERTIFICATE_PATH:
        r->certificate_path = value;
        break;
    case TAG_KEY_PATH:
        r->key_path = value;
        break;
    case TAG_KEY_ID:
        return take_key_id(value, r);
    case TAG_SPKI:
        r->spki = value;
        break;
    case TAG_CERTIFICATE:
        return append(r->chain, &r->chain_count, CERTIFICATE_CHAIN_MAX, value);
    case TAG_OCSP:
        r->ocsp = value;
        break;
    case TAG_ERROR:
        r->error = value;
        break;
    case TAG_SETTINGS:
        r->settings = value;
        break;
    case TAG_LISTS:
        r->lists = value;
        break;
    case TAG_LISTS_HASH:
        r->lists_hash = value;
        return value.len == LISTS_HASH_BYTES ? 0 : -EPROTO;
    default: /* of a newer version */
        break;
    }
    return 0;
}

int certificate_reader_next(struct certificate_reader *r, struct certificate_record *ret)
{
    uint32_t bytes;
    slice record, value;
    if (r->left == 0)
        return r->rest.len == 0 ? 0 : -EPROTO;
    TRY(take(&r->rest, sizeof bytes, &value));
    memcpy(&bytes, value.ptr, sizeof bytes);
    if (bytes > CERTIFICATE_RECORD_MAX)
        return -EPROTO;
    TRY(take(&r->rest, bytes, &record));
    *ret = (struct certificate_record){ 0 };
    while (record.len) {
        struct field_head head;
        TRY(take(&record, sizeof head, &value));
        memcpy(&head, value.ptr, sizeof head);
        if (head.bytes > bytes_max(head.tag))
            return -EPROTO;
        TRY(take(&record, head.bytes, &value));
        TRY(take_field(head.tag, value, ret));
    }
    r->left--;
    return ret->set.len ? 1 : -EPROTO;
}

/* --- Use -------------------------------------------------------------------------------------- */

static X509 *parse(slice der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    if (x && at != (const unsigned char *)der.ptr + der.len) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

static int parse_chain(const struct certificate_record *r, STACK_OF(X509) * ret)
{
    for (uint32_t i = 1; i < r->chain_count; i++) {
        X509 *x = parse(r->chain[i]);
        if (!x)
            return -EINVAL;
        if (!sk_X509_push(ret, x)) {
            X509_free(x);
            return -ENOMEM;
        }
    }
    return 0;
}

int certificate_record_make(const struct certificate_record *r, EVP_PKEY *key,
                            struct certificate **ret, const char **ret_why)
{
    *ret_why = "the record holds no certificate";
    if (r->chain_count == 0) {
        EVP_PKEY_free(key);
        return -EINVAL;
    }
    ERR_clear_error();
    X509 *leaf = parse(r->chain[0]);
    STACK_OF(X509) *chain = sk_X509_new_null();
    int result = !leaf ? -EINVAL : !chain ? -ENOMEM : parse_chain(r, chain);
    ERR_clear_error();
    if (result != 0) {
        *ret_why = "a certificate of the record cannot be parsed";
        X509_free(leaf);
        sk_X509_pop_free(chain, X509_free);
        EVP_PKEY_free(key);
        return result;
    }
    TRY(certificate_make(leaf, chain, key, ret, ret_why));
    result = r->ocsp.len ? certificate_staple(*ret, r->ocsp) : 0;
    if (result != 0)
        certificate_drop(ret);
    return result;
}
