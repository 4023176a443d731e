#include "net/tls_server.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/random.h"
#include "net/kernel.h"

/* Mozilla's "intermediate" without CBC and without key exchange by RSA or finite fields. */
#define CIPHERS_1_2                                                                                \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define SUITES_1_3     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS_HYBRID  "X25519MLKEM768:X25519:P-256:P-384"
#define GROUPS_CLASSIC "X25519:P-256:P-384"

/* --- Certificates ------------------------------------------------------------------------------
 */

static const struct tls_choice *choice_of(SSL *ssl); /* while the handshake lasts */

/* Called for a full handshake only: a resumed one needs no certificate. 1 · 0 fails the handshake
 */
static int put_certificates(SSL *ssl, void *argument)
{
    const struct tls_choice *choice = choice_of(ssl);
    bool any = false;
    for (int i = 0; i < KEY_KINDS; i++) {
        const struct certificate *c = choice->certificates->by_kind[i];
        if (!c)
            continue;
        if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
            return 0;
        any = true;
    }
    return any;
}

static int staple(SSL *ssl, void *argument)
{
    const struct tls_choice *choice = choice_of(ssl);
    const X509 *used = SSL_get_certificate(ssl);
    for (int i = 0; i < KEY_KINDS; i++) {
        const struct certificate *c = choice->certificates->by_kind[i];
        if (!c || c->leaf != used || c->ocsp_bytes == 0)
            continue;
        uint8_t *copy = OPENSSL_memdup(c->ocsp, c->ocsp_bytes);
        if (!copy)
            return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->ocsp_bytes);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* The name has been judged before; this only makes the library acknowledge it. */
static int acknowledge_name(SSL *ssl, int *alert, void *argument)
{
    return SSL_TLSEXT_ERR_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_length,
                           const unsigned char *offered, unsigned offered_length, void *argument)
{
    const struct tls_choice *choice = choice_of(ssl);
    unsigned char *selected;
    if (choice->alpn.len == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&selected, ret_length, (const unsigned char *)choice->alpn.ptr,
                              (unsigned)choice->alpn.len, offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret = selected;
    return SSL_TLSEXT_ERR_OK;
}

/* --- Tickets -----------------------------------------------------------------------------------
 */

static const struct tls_ticket_source *tickets;
static EVP_CIPHER *ticket_cipher;

void tls_use_ticket_keys(const struct tls_ticket_source *source)
{
    tickets = source;
}

static int use_key(const struct tls_ticket_key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, bool encrypts)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex2(cipher, ticket_cipher, key->cipher, iv, encrypts, NULL) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

/* 1 use the key · 2 the same, and give a new ticket · 0 no key: no ticket, no resumption */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int encrypts)
{
    struct tls_ticket_key key;
    bool is_current = true;
    if (!tickets)
        return 0;
    if (encrypts) {
        if (!tickets->current(&key))
            return 0;
        random_bytes(iv, EVP_MAX_IV_LENGTH);
        memcpy(name, key.name, sizeof key.name);
    } else if (!tickets->find(name, &key, &is_current)) {
        return 0;
    }
    /* RFC 8446 §C.4: a client uses a ticket once; without a new one each time, every other
     * handshake would be a full one. */
    bool is_renewed = !encrypts && (!is_current || SSL_version(ssl) == TLS1_3_VERSION);
    int result = use_key(&key, iv, cipher, mac, encrypts) ? (is_renewed ? 2 : 1) : 0;
    OPENSSL_cleanse(&key, sizeof key);
    return result;
}

/* The library would ask its generator for each of them, at the price of an encryption or two. */
static int make_session_id(SSL *ssl, unsigned char *id, unsigned *bytes)
{
    random_bytes(id, *bytes);
    return 1;
}

/* --- Early data ---------------------------------------------------------------------------------
 */

/* What a client may send before it has heard anything: a request. */
#define EARLY_BYTES_MAX 16384u

static bool (*claim_early)(slice secret);

void tls_use_early_data(bool (*claim)(slice secret))
{
    claim_early = claim;
}

/* Asked when everything else speaks for it: the ticket is fresh, of the same name and protocol. */
static int allow_early(SSL *ssl, void *argument)
{
    unsigned char secret[SSL_MAX_MASTER_KEY_LENGTH];
    const struct tls_choice *choice = choice_of(ssl);
    const SSL_SESSION *session = SSL_get0_session(ssl);
    size_t length = session ? SSL_SESSION_get_master_key(session, secret, sizeof secret) : 0;
    bool is_allowed = choice && choice->takes_early && length && claim_early &&
                      claim_early(slice_of((const char *)secret, length));
    OPENSSL_cleanse(secret, sizeof secret);
    return is_allowed;
}

/* The library's own record of used tickets is one of a process: ours is one of all workers. */
static void take_early(SSL_CTX *context, const struct tls_policy *policy)
{
    if (!policy->takes_early || policy->verify_mode != SSL_VERIFY_NONE)
        return;
    SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY);
    SSL_CTX_set_max_early_data(context, EARLY_BYTES_MAX);
    SSL_CTX_set_recv_max_early_data(context, EARLY_BYTES_MAX);
    SSL_CTX_set_allow_early_data_cb(context, allow_early, NULL);
}

/* --- Contexts ----------------------------------------------------------------------------------
 */

static int fail(SSL_CTX *context, const char *why, const char **ret_why)
{
    ERR_clear_error();
    SSL_CTX_free(context);
    *ret_why = why;
    return -EINVAL;
}

static bool set_groups(SSL_CTX *context, const char *wanted)
{
    if (wanted)
        return SSL_CTX_set1_groups_list(context, wanted) == 1;
    return SSL_CTX_set1_groups_list(context, GROUPS_HYBRID) == 1 ||
           SSL_CTX_set1_groups_list(context, GROUPS_CLASSIC) == 1;
}

static void ask_clients(SSL_CTX *context, const struct tls_policy *policy)
{
    if (policy->verify_mode == SSL_VERIFY_NONE)
        return;
    SSL_CTX_set_verify(context, policy->verify_mode, NULL);
    SSL_CTX_set_verify_depth(context, policy->verify_depth);
    if (policy->judge)
        SSL_CTX_set_cert_verify_callback(context, policy->judge, NULL);
    if (policy->client_store)
        SSL_CTX_set1_verify_cert_store(context, policy->client_store);
    if (policy->client_names)
        SSL_CTX_set_client_CA_list(context, SSL_dup_CA_list(policy->client_names));
}

int tls_server_context(const struct tls_policy *policy, SSL_CTX **ret, const char **ret_why)
{
    if (!ticket_cipher)
        ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    SSL_CTX *context = tls_context_make(TLS_server_method());
    if (!context || !ticket_cipher) {
        SSL_CTX_free(context);
        return -ENOMEM;
    }
    ERR_clear_error();
    SSL_CTX_set_min_proto_version(context, policy->needs_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    if (SSL_CTX_set_cipher_list(context, policy->ciphers ? policy->ciphers : CIPHERS_1_2) != 1)
        return fail(context, "no cipher of TLS 1.2 is left", ret_why);
    if (SSL_CTX_set_ciphersuites(context, policy->suites ? policy->suites : SUITES_1_3) != 1)
        return fail(context, "no cipher suite of TLS 1.3 is left", ret_why);
    if (!set_groups(context, policy->groups))
        return fail(context, "a group is not known to this OpenSSL", ret_why);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context, TLS_TICKET_SECONDS);
    (void)SSL_CTX_set_generate_session_id(context, make_session_id);
    SSL_CTX_set_num_tickets(context, policy->has_no_tickets ? 0 : 1);
    if (policy->has_no_tickets)
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
    SSL_CTX_set_tlsext_servername_callback(context, acknowledge_name);
    SSL_CTX_set_tlsext_status_cb(context, staple);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_cert_cb(context, put_certificates, NULL);
    ask_clients(context, policy);
    take_early(context, policy);
    ERR_clear_error();
    *ret = context;
    return 0;
}

/* Takes the next of "a:b" off *rest. */
static bool next_word(slice *rest, slice *ret)
{
    if (rest->len == 0)
        return false;
    size_t length = slice_find_byte(*rest, ':');
    *ret = slice_first(*rest, length);
    *rest = slice_after(*rest, length + 1);
    return true;
}

/* Tries each word alone. */
static bool all_are_known(const char *list, int (*set)(SSL_CTX *, const char *), slice *ret_word)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    slice rest = slice_from(list);
    bool known = context != NULL;
    while (known && next_word(&rest, ret_word)) {
        char word[64];
        known = ret_word->len > 0 && ret_word->len < sizeof word;
        if (!known)
            break;
        memcpy(word, ret_word->ptr, ret_word->len);
        word[ret_word->len] = '\0';
        known = set(context, word) == 1;
    }
    SSL_CTX_free(context);
    ERR_clear_error();
    return known;
}

static int set_any_cipher(SSL_CTX *context, const char *word)
{
    if (strncmp(word, "TLS_", 4) == 0)
        return SSL_CTX_set_ciphersuites(context, word);
    /* Only AEAD with an ephemeral key: what the word names must be nothing else. Over elliptic
     * curves: there are no parameters for DHE, which would never be agreed on. */
    if (SSL_CTX_set_cipher_list(context, word) != 1)
        return 0;
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
        int exchange = SSL_CIPHER_get_kx_nid(c);
        if (!SSL_CIPHER_is_aead(c) || (exchange != NID_kx_ecdhe && exchange != NID_kx_any))
            return 0;
    }
    return 1;
}

static int set_any_group(SSL_CTX *context, const char *word)
{
    return (int)SSL_CTX_set1_groups_list(context, (char *)(uintptr_t)word);
}

bool tls_ciphers_are_known(const char *list, slice *ret_word)
{
    return all_are_known(list, set_any_cipher, ret_word);
}

bool tls_groups_are_known(const char *list, slice *ret_word)
{
    return all_are_known(list, set_any_group, ret_word);
}

/* --- Accepting ---------------------------------------------------------------------------------
 */

static int choice_index(void)
{
    static int index = -1;
    if (index < 0)
        index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    return index;
}

static const struct tls_choice *choice_of(SSL *ssl)
{
    return SSL_get_ex_data(ssl, choice_index());
}

/* Before the library has been asked: an alert in the clear. */
static void send_alert(struct socket *s, uint8_t description)
{
    uint8_t alert[7] = { 21, 3, 3, 0, 2, 2, description };
    struct iovec part = { alert, sizeof alert };
    ssize_t sent = socket_send_raw(s, &part, 1);
    (void)sent; /* the connection ends anyway */
}

static int read_more(struct socket *s, struct buffer **b, int64_t deadline_ms)
{
    if (!*b)
        *b = buffer_take();
    if (*b && buffer_room(*b) == 0) {
        struct buffer *larger = buffer_take_large(2 * CLIENT_HELLO_BYTES_MAX);
        if (larger) {
            larger->end = buffer_length(*b);
            memcpy(larger->memory, (*b)->memory + (*b)->start, larger->end);
        }
        buffer_drop(b);
        *b = larger;
    }
    if (!*b)
        return -ENOBUFS;
    ssize_t got = socket_read(s, (*b)->memory + (*b)->end, buffer_room(*b), deadline_ms);
    if (got <= 0)
        return got == 0 ? -ECONNRESET : (int)got;
    (*b)->end += (uint32_t)got;
    return 0;
}

/* Reads until the first message is complete, and judges its form. */
static int receive_hello(struct socket *s, struct buffer **b, int64_t deadline_ms,
                         struct client_hello *ret)
{
    static char room[CLIENT_HELLO_BYTES_MAX]; /* until the next wait */
    for (;;) {
        slice message, bytes = *b ? slice_of((*b)->memory + (*b)->start, buffer_length(*b))
                                  : slice_of(NULL, 0);
        int result = client_hello_gather(bytes, room, &message);
        if (result == 0)
            result = client_hello_parse(message, ret);
        if (result == 0)
            return 0;
        if (result != -EAGAIN || bytes.len >= 2 * CLIENT_HELLO_BYTES_MAX) {
            bool is_tls = bytes.len && bytes.ptr[0] == 22;
            if (is_tls)
                send_alert(s, result == -EMSGSIZE ? TLS_ALERT_HANDSHAKE_FAILURE
                                                  : TLS_ALERT_DECODE_ERROR);
            return -EBADMSG;
        }
        TRY(read_more(s, b, deadline_ms));
    }
}

void tls_session_context_mix(uint8_t context[TLS_SESSION_CONTEXT_BYTES], slice text)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    unsigned length;
    bool is_good = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(digest, context, TLS_SESSION_CONTEXT_BYTES) == 1 &&
                   EVP_DigestUpdate(digest, text.ptr, text.len) == 1 &&
                   EVP_DigestFinal_ex(digest, context, &length) == 1;
    EVP_MD_CTX_free(digest);
    if (!is_good)
        random_bytes(context, TLS_SESSION_CONTEXT_BYTES);
    ERR_clear_error();
}

static int prepare(SSL *ssl, void *argument)
{
    struct tls_choice *choice = argument;
    if (choice->asks_nobody)
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return SSL_set_ex_data(ssl, choice_index(), choice) == 1 &&
                   SSL_set_session_id_context(ssl, choice->session_context,
                                              sizeof choice->session_context) == 1
               ? 0
               : -ENOMEM;
}

int tls_accept(struct socket *s, const struct tls_accept *how, struct tls_failure *ret_failure)
{
    struct buffer *early = how->early;
    struct client_hello hello;
    struct tls_choice choice;
    *ret_failure = (struct tls_failure){ 0 };
    int result = receive_hello(s, &early, how->deadline_ms, &hello);
    if (result == 0) {
        memset(&choice, 0, sizeof choice);
        result = how->choose(how->context, &hello, &choice);
        if (result != 0 && choice.alert)
            send_alert(s, choice.alert);
    }
    if (result != 0) {
        buffer_release(early);
        return result;
    }
    struct tls_begin begin = { .context = choice.context,
                               .early = early,
                               .is_server = true,
                               .takes_early = choice.takes_early,
                               .server_name = choice.server_name,
                               .owner = choice.owner,
                               .fingerprint = choice.fingerprint,
                               .prepare = prepare,
                               .argument = &choice,
                               .deadline_ms = how->deadline_ms };
    result = tls_begin(s, &begin, ret_failure);
    if (s->tls)
        SSL_set_ex_data(tls_ssl(s), choice_index(), NULL);
    return result;
}
