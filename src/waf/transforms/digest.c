/* md5, sha1: the digest of the value as bytes (usually followed by hexEncode). The algorithms are
 * libcrypto's, fetched once while a configuration is loaded, before the workers are forked: nothing
 * is looked up while serving. */
#include "waf/transforms/run.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Fetched and never given back: they belong to the process. */
static EVP_MD *md5, *sha1;

/* state[0]: the EVP_MD_CTX */
static EVP_MD_CTX *context_of(const struct transform_run *run)
{
    return (EVP_MD_CTX *)(uintptr_t)run->state[0];
}

static bool start(struct transform_run *run, const EVP_MD *algorithm)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    run->state[0] = (uint64_t)(uintptr_t)context;
    return context && EVP_DigestInit_ex2(context, algorithm, NULL) == 1;
}

static void digest(struct transform_run *run, size_t bytes_max, const EVP_MD *algorithm)
{
    ERR_clear_error();
    size_t stop = run_stop(run, bytes_max);
    bool good = run->state[0] != 0 || start(run, algorithm);
    good = good && EVP_DigestUpdate(context_of(run), run->in.ptr + run->at, stop - run->at) == 1;
    if (good)
        run_end(run, stop);
    if (good && run->done) {
        unsigned length = 0;
        good = EVP_DigestFinal_ex(context_of(run), (unsigned char *)run->out, &length) == 1;
        run->out_len = length;
    }
    if (!good)
        run->error = -ENOMEM;
}

static void md5_step(struct transform_run *run, size_t bytes_max)
{
    digest(run, bytes_max, md5);
}

static void sha1_step(struct transform_run *run, size_t bytes_max)
{
    digest(run, bytes_max, sha1);
}

static void release(struct transform_run *run)
{
    EVP_MD_CTX_free(context_of(run));
    run->state[0] = 0;
}

static size_t digest_max(UNUSED size_t in_len)
{
    return EVP_MAX_MD_SIZE;
}

bool transform_digest_load(const struct transform *t)
{
    if (t != &transform_md5 && t != &transform_sha1)
        return true;
    EVP_MD **algorithm = t == &transform_md5 ? &md5 : &sha1;
    ERR_clear_error();
    if (!*algorithm)
        *algorithm = EVP_MD_fetch(NULL, t == &transform_md5 ? "MD5" : "SHA1", NULL);
    return *algorithm != NULL;
}

const struct transform transform_md5 = {
    .name = "md5",
    .out_max = digest_max,
    .step = md5_step,
    .release = release,
    .meaning = "The MD5 digest, 16 bytes.",
    .example = "with `hexEncode` behind it `abc` becomes `900150983cd24fb0d6963f7d28e17f72`",
};

const struct transform transform_sha1 = {
    .name = "sha1",
    .out_max = digest_max,
    .step = sha1_step,
    .release = release,
    .meaning = "The SHA-1 digest, 20 bytes.",
    .example =
        "with `hexEncode` behind it `abc` becomes `a9993e364706816aba3e25717850c26c9cd0d89d`",
};
