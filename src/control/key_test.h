/* For the tests around the keyholder: a keyholder in a process of its own, keys of every kind, and
 * TLS handshakes in memory. */
#pragma once

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/test.h"
#include "control/keyholder.h"
#include "net/key_call.h"

static char folder[64]; /* of this test program */

/* --- A keyholder -------------------------------------------------------------------------------
 */

struct keyholder {
    pid_t pid;
    int channel; /* may do everything */
};

UNUSED static struct keyholder start_keyholder(void)
{
    struct keyholder k;
    int ends[2];
    char keys[96];
    assert_int_equal(key_channel_pair(ends), 0);
    (void)snprintf(keys, sizeof keys, "%s/keys", folder);
    k.channel = ends[0];
    k.pid = fork();
    if (k.pid == 0) {
        close(ends[0]);
        log_open("keyholder", LOG_LEVEL_ERROR);
        _exit(keyholder_serve(ends[1], keys) == 0 ? 0 : 1);
    }
    close(ends[1]);
    return k;
}

UNUSED static void end_keyholder(struct keyholder *k)
{
    int status;
    if (k->channel >= 0)
        close(k->channel);
    k->channel = -1;
    assert_int_equal(waitpid(k->pid, &status, 0), k->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- Keys --------------------------------------------------------------------------------------
 */

UNUSED static EVP_PKEY *new_key(const char *kind)
{
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (strncmp(kind, "RSA", 3) == 0)
        return EVP_RSA_gen((unsigned)strtoul(kind + 4, NULL, 10));
    return EVP_EC_gen(kind);
}

/* The path of a file in the test's folder; static, the last few are good. */
UNUSED static const char *path_of(const char *name)
{
    static char paths[8][128];
    static int last;
    last = (last + 1) % 8;
    (void)snprintf(paths[last], sizeof paths[last], "%s/%s", folder, name);
    return paths[last];
}

UNUSED static const char *write_bytes(const char *name, const void *bytes, size_t count)
{
    const char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    close(fd);
    return path;
}

UNUSED static const char *write_key_file(const char *name, const EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long length = BIO_get_mem_data(bio, &text);
    const char *path = write_bytes(name, text, (size_t)length);
    BIO_free(bio);
    return path;
}

struct spki {
    unsigned char bytes[KEY_SPKI_MAX];
    size_t length;
};

UNUSED static slice spki_of(const EVP_PKEY *key, struct spki *memory)
{
    unsigned char *at = memory->bytes;
    int length = i2d_PUBKEY(key, NULL);
    assert_true(length > 0 && (size_t)length <= sizeof memory->bytes);
    assert_int_equal(i2d_PUBKEY(key, &at), length);
    memory->length = (size_t)length;
    return slice_of((const char *)memory->bytes, memory->length);
}

/* Has the keyholder load it, and makes its remote twin. */
UNUSED static EVP_PKEY *remote_twin(int channel, const EVP_PKEY *key)
{
    static struct key_answer answer;
    const char *path = write_key_file("twin.pem", key);
    struct key_load what = { .path = slice_from(path), .use = KEY_FOR_TLS };
    assert_int_equal(key_call_load(channel, &what, &answer), 0);
    EVP_PKEY *twin =
        remote_key_make(answer.id, slice_of((const char *)answer.spki, answer.spki_bytes));
    assert_non_null(twin);
    return twin;
}

/* --- Certificates and handshakes ---------------------------------------------------------------
 */

UNUSED static X509 *new_certificate(EVP_PKEY *key, EVP_PKEY *signer, const EVP_MD *digest)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 17);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, signer, digest) > 0);
    return x;
}

struct ends {
    SSL *server, *client;
};

UNUSED static struct ends connect_ends(SSL_CTX *server, SSL_CTX *client)
{
    struct ends e = { SSL_new(server), SSL_new(client) };
    BIO *one, *other;
    assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(e.server, one, one);
    SSL_set_bio(e.client, other, other);
    SSL_set_accept_state(e.server);
    SSL_set_connect_state(e.client);
    return e;
}

/* True when both say that it is done. */
UNUSED static bool shake(struct ends *e)
{
    for (int i = 0; i < 10; i++) {
        SSL *sides[] = { e->client, e->server };
        for (int s = 0; s < 2; s++) {
            ERR_clear_error();
            int result = SSL_do_handshake(sides[s]);
            if (result != 1 && SSL_get_error(sides[s], result) != SSL_ERROR_WANT_READ)
                return false;
        }
        if (SSL_is_init_finished(e->client) && SSL_is_init_finished(e->server))
            return true;
    }
    return false;
}

UNUSED static void free_ends(struct ends *e)
{
    SSL_free(e->server);
    SSL_free(e->client);
}

/* --- The folder --------------------------------------------------------------------------------
 */

UNUSED static int make_folder(UNUSED void **state)
{
    (void)snprintf(folder, sizeof folder, "/tmp/portcullis-keys-XXXXXX");
    signal(SIGPIPE, SIG_IGN);
    return mkdtemp(folder) && remote_key_open() == 0 ? 0 : -1;
}

UNUSED static int remove_folder(UNUSED void **state)
{
    remote_key_close();
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}
