/* What is said to the keyholder: one SOCK_SEQPACKET datagram for each request and each answer, a
 * head and a body. Many requests may be on their way on one channel; an answer carries the number
 * of its request. A request that is malformed, or that the channel has no right to, ends the
 * channel: nobody of ours sends one.
 *
 * - KEY_SIGN: key_id, detail: enum key_scheme, body: the text. Answer: the signature.
 * - KEY_SIGN_MANY: body: at most KEY_MANY_MAX requests for a signature, each a struct key_part and
 *   its text. Answer: as many parts in the same order, with the signature or the reason.
 * - KEY_LOAD: detail: KEY_FOR_TLS or 0, body: path, NUL, SPKI of the certificate (DER; empty:
 *   whatever key the file has). Answer: struct key_described, SPKI, warning; -EKEYREJECTED: the
 *   key is another one.
 * - KEY_GENERATE: detail: enum key_recipe, and KEY_FOR_TLS; body: name. Answer: as KEY_LOAD.
 * - KEY_DELETE: body: name. Answer: nothing.
 * - KEY_READ: body: path, NUL. Answer: the certificates in the file, PEM: its keys stay where they
 *   are.
 * - KEY_FORGET: key_id: the channel's hold on it ends. Answer: nothing.
 * - KEY_OPEN: detail: rights, and one descriptor, the far end of a new channel. No answer.
 * - KEY_RESTRICT: detail: the rights that the channel keeps. No answer.
 *
 * An answer's detail is 0 or -errno; the body is then the reason, a text for people. */
#pragma once

#include <stdint.h>

#include "base/slice.h"

#define KEY_PROTOCOL_VERSION 2u
#define KEY_BODY_MAX         61440u /* the messages of a TLS 1.2 handshake with large chains */
#define KEY_SIGNATURE_MAX    1024u  /* RSA with 8192 bits */
#define KEY_SPKI_MAX         2048u
#define KEY_PATH_MAX         4096u
#define KEY_NAME_MAX         200u
#define KEY_MANY_MAX         8u
#define KEY_TEXT_MAX         (KEY_PATH_MAX + 512u)

enum key_verb {
    KEY_SIGN = 1,
    KEY_LOAD,
    KEY_GENERATE,
    KEY_DELETE,
    KEY_FORGET,
    KEY_OPEN,
    KEY_RESTRICT,
    KEY_READ,
    KEY_SIGN_MANY
};

/* What a channel may ask for. */
enum key_right {
    KEY_MAY_SIGN = 1 << 0,          /* what TLS signs: wire/tls_signed.h */
    KEY_MAY_SIGN_ANYTHING = 1 << 1, /* certificates and their requests, ACME */
    KEY_MAY_LOAD = 1 << 2,          /* and forget; and read certificates */
    KEY_MAY_GENERATE = 1 << 3,      /* and delete */
    KEY_MAY_OPEN = 1 << 4,          /* channels with no more rights than its own */
    KEY_MAY_ALL = (1 << 5) - 1,
    /* Of KEY_OPEN, no right: keys that are loaded on the new channel, and on those opened from it,
     * are forgotten when the last of these channels has gone. Without it the new one is of the
     * family of the old. */
    KEY_NEW_FAMILY = 1 << 8
};

/* Of KEY_SIGN: TLS SignatureScheme (RFC 8446 §4.2.3). */
enum key_scheme {
    KEY_RSA_PKCS1_SHA256 = 0x0401,
    KEY_RSA_PKCS1_SHA384 = 0x0501,
    KEY_RSA_PKCS1_SHA512 = 0x0601,
    KEY_ECDSA_SHA256 = 0x0403,
    KEY_ECDSA_SHA384 = 0x0503,
    KEY_ECDSA_SHA512 = 0x0603,
    KEY_RSA_PSS_SHA256 = 0x0804,
    KEY_RSA_PSS_SHA384 = 0x0805,
    KEY_RSA_PSS_SHA512 = 0x0806,
    KEY_ED25519_PURE = 0x0807
};

/* Of KEY_LOAD and KEY_GENERATE: with this key handshakes may be signed. Not for those of an
 * authority or an account: nobody but their owner has them sign. */
#define KEY_FOR_TLS (1 << 8)

enum key_recipe {
    KEY_NEW_P256 = 1,
    KEY_NEW_P384,
    KEY_NEW_ED25519,
    KEY_NEW_RSA_2048,
    KEY_NEW_RSA_3072,
    KEY_NEW_RSA_4096
};

struct key_head {
    uint16_t version, verb; /* KEY_PROTOCOL_VERSION, enum key_verb */
    int32_t detail;
    uint64_t number; /* the asker's; comes back with the answer */
    uint64_t key_id;
};

/* Behind the head of an answer to KEY_LOAD and KEY_GENERATE, whose head has the key's id. */
struct key_described {
    uint32_t spki_bytes;
};

struct key_packet {
    struct key_head head;
    slice body; /* received: into the memory that was given */
    int fd;     /* -1: none */
};

/* One of the requests of KEY_SIGN_MANY, and of its answers: what the head of KEY_SIGN says, and how
 * many bytes of text, signature or reason stand behind it. */
struct key_part {
    uint64_t number, key_id;
    int32_t detail;
    uint32_t bytes;
};

/* The next part of a body and what stands behind it, taken off *rest. -EPROTO it is cut */
MUST_CHECK int key_part_take(slice *rest, struct key_part *ret, slice *ret_bytes);

/* Neither waits. 0 · -EAGAIN the channel is full · -EPIPE the other end is gone · -errno */
MUST_CHECK int key_packet_send(int channel, const struct key_packet *p);
/* memory: KEY_BODY_MAX + 1 bytes; the body is followed by a NUL. A descriptor that came along is
 * the caller's.
 * 0 · -EAGAIN nothing is there · -EPIPE the other end is gone · -EPROTO not of this protocol */
MUST_CHECK int key_packet_receive(int channel, char *memory, struct key_packet *ret);

/* A pair of connected ends, close-on-exec, that do not wait. 0 · -errno */
MUST_CHECK int key_channel_pair(int ret_ends[2]);

/* The id of a key in every process, generation and life: the first bytes of SHA-256 of its
 * SubjectPublicKeyInfo, DER. */
uint64_t key_id_of(slice spki);
