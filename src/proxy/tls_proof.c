#include "proxy/tls_proof.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "net/remote_key.h"
#include "proxy/gate_state.h"
#include "runtime/loop.h"
#include "shared/challenges.h"

#define PROTOCOL "acme-tls/1"

bool tls_proof_is_wanted(const struct client_hello *hello)
{
    /* RFC 8737 §3: "containing the single protocol name 'acme-tls/1'" */
    return slice_equal(hello->alpn, SLICE("\x0a" PROTOCOL));
}

bool tls_proof_was_shown(const struct tls_facts *facts)
{
    return slice_equal(facts->alpn, SLICE(PROTOCOL));
}

static void free_x509(X509 **x)
{
    X509_free(*x);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void free_der(unsigned char **der)
{
    OPENSSL_free(*der);
}

/* The key is in the keyholder, under the name that every key has there. */
static int make(slice der, struct certificate **ret)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    const char *why;
    ERR_clear_error();
    OWNS(free_x509) X509 *leaf = d2i_X509(NULL, &at, (long)der.len);
    OWNS(free_der) unsigned char *spki = NULL;
    int bytes = leaf ? i2d_PUBKEY(X509_get0_pubkey(leaf), &spki) : 0;
    slice public = slice_of((const char *)spki, bytes > 0 ? (size_t)bytes : 0);
    OWNS(free_key)
    EVP_PKEY *key = bytes > 0 ? remote_key_around(key_id_of(public), X509_get0_pubkey(leaf)) : NULL;
    ERR_clear_error();
    if (!key)
        return -ENOENT;
    int result = certificate_make(leaf, sk_X509_new_null(), key, ret, &why);
    leaf = NULL; /* both were taken over */
    key = NULL;
    return result == -EINVAL ? -ENOENT : result;
}

int tls_proof_choose(const struct site *site, struct tls_choice *choice)
{
    static struct certificate_set shown; /* a handshake keeps what it has */
    struct challenge proof;
    struct certificate *certificate;
    if (!site->tls.made || !gate.shared.challenges ||
        !challenges_find(gate.shared.challenges, CHALLENGE_TLS, choice->server_name, (slice){ 0 },
                         loop_now_ms(), &proof))
        return -ENOENT;
    TRY(make(slice_of(proof.answer, proof.answer_bytes), &certificate));
    certificate_set_clear(&shown);
    certificate_set_put(&shown, certificate);
    choice->context = site->tls.made->context;
    choice->certificates = &shown;
    choice->asks_nobody = true; /* an authority has none of our clients' certificates */
    choice->alpn = SLICE("\x0a" PROTOCOL);
    memset(choice->session_context, 0, sizeof choice->session_context); /* no site's */
    return 0;
}
