#include "waf/transforms/digest.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>

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

void digest_step(struct transform_run *run, size_t bytes_max, const EVP_MD *algorithm)
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

void digest_release(struct transform_run *run)
{
    EVP_MD_CTX_free(context_of(run));
    run->state[0] = 0;
}

size_t digest_max(UNUSED size_t in_len)
{
    return EVP_MAX_MD_SIZE;
}

bool digest_fetch(EVP_MD **algorithm, const char *name)
{
    ERR_clear_error();
    if (!*algorithm)
        *algorithm = EVP_MD_fetch(NULL, name, NULL);
    return *algorithm != NULL;
}
