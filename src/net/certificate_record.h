/* Certificates on their way between our processes: what a generation wants, what the certifier has,
 * what a worker is to present from now on. One sheet is one sealed memfd; a record of it is one
 * certificate of one set, or a set that has none yet and why.
 *
 * A sheet is a head and records of tagged fields. Unknown tags are skipped, so that binaries of two
 * versions understand each other during an upgrade. Integers are of the machine: it never leaves
 * it. Keys are named by their id in the keyholder. The
 * only secret is what a CA gave to make an account with, in the settings of a wish, which only the
 * certifier reads.
 *
 * Writing needs no memory that grows; reading copies nothing, slices point into the mapped sheet.
 */
#pragma once

#include <stdint.h>

#include "base/slice.h"
#include "net/certificate.h"

#define CERTIFICATE_NAMES_MAX   100u        /* of one certificate; what public CAs allow */
#define CERTIFICATE_CHAIN_MAX   10u         /* the leaf included */
#define CERTIFICATE_PART_MAX    65536u      /* bytes of a certificate, a response or a text */
#define CERTIFICATE_LISTS_MAX   (16u << 20) /* of `crl FILE` */
#define LISTS_HASH_BYTES        32u
#define CERTIFICATE_RECORD_MAX  (CERTIFICATE_LISTS_MAX + 1048576u)
#define CERTIFICATE_SHEET_MAX   (1ull << 30)
#define CERTIFICATE_RECORDS_MAX 100000u

/* Where the certificate of a set comes from. */
enum certificate_source {
    CERTIFICATE_FROM_FILES, /* `tls CERT KEY` */
    CERTIFICATE_FROM_ACME,  /* `tls auto` */
    CERTIFICATE_FROM_LOCAL, /* `tls local` */
    REVOKED_FROM_FILE, /* `crl FILE`: no certificate, but lists of those that were taken back */
    CERTIFICATE_SOURCES
};

struct certificate_record {
    slice set; /* certificate_set.name */
    enum certificate_source source;
    slice names[CERTIFICATE_NAMES_MAX]; /* host names that it is wanted for, canonical */
    uint32_t name_count;
    slice certificate_path, key_path;   /* of CERTIFICATE_FROM_FILES */
    uint64_t key_id;                    /* in the keyholder */
    slice spki;                         /* of that key, DER */
    slice chain[CERTIFICATE_CHAIN_MAX]; /* DER, the leaf first */
    uint32_t chain_count;               /* 0: there is none (yet) */
    slice ocsp;                         /* to staple; empty: none */
    slice lists;      /* of REVOKED_FROM_FILE: PEM or DER, as in the file; not in a wish */
    slice lists_hash; /* in a wish: SHA-256 of the text that was loaded */
    slice settings;   /* for whoever obtains certificates: of a record without names, in a wish */
    slice error;      /* why there is none, or why there is no newer one: a sentence for people */
};

/* --- Writing ---------------------------------------------------------------------------------- */

struct certificate_sheet {
    int fd; /* -1: not open */
    uint32_t count;
    uint64_t bytes;
    char *buffer; /* one record */
};

/* 0 · -errno */
MUST_CHECK int certificate_sheet_open(struct certificate_sheet *s);
/* 0 · -EMSGSIZE the record or the sheet is larger than may be · -errno */
MUST_CHECK int certificate_sheet_add(struct certificate_sheet *s,
                                     const struct certificate_record *r);
/* Seals it. The descriptor, now the caller's · -errno */
MUST_CHECK int certificate_sheet_seal(struct certificate_sheet *s);
/* Frees what is left; in any case, also after sealing. For OWNS(). */
void certificate_sheet_close(struct certificate_sheet *s);

/* --- Reading ---------------------------------------------------------------------------------- */

/* Maps a sheet that another process sent. It must be sealed: nobody changes it under our eyes. The
 * descriptor stays the caller's and may be closed. 0 · -EPROTO it is none · -errno */
MUST_CHECK int certificate_sheet_map(int fd, slice *ret);
void certificate_sheet_unmap(slice *sheet);

struct certificate_reader {
    slice rest;
    uint32_t left; /* records */
};

/* Pure. 0 · -EPROTO */
MUST_CHECK int certificate_reader_open(struct certificate_reader *r, slice sheet);
/* 1 and the next record, whose slices point into the sheet · 0 there are no more · -EPROTO.
 * Pure. */
MUST_CHECK int certificate_reader_next(struct certificate_reader *r,
                                       struct certificate_record *ret);

/* The certificate of a record that has one, its response stapled. `key` is taken over, also on
 * failure, as in certificate_make().
 * 0 · -EINVAL with *ret_why, a static text · -ENOMEM */
MUST_CHECK int certificate_record_make(const struct certificate_record *r, EVP_PKEY *key,
                                       struct certificate **ret, const char **ret_why);
