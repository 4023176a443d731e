/* sha1: the digest of the value as bytes, usually followed by hexEncode (digest.h). */
#include "waf/transforms/digest.h"

static EVP_MD *algorithm;

static bool load(void)
{
    return digest_fetch(&algorithm, "SHA1");
}

static void step(struct transform_run *run, size_t bytes_max)
{
    digest_step(run, bytes_max, algorithm);
}

const struct transform transform_sha1 = {
    .name = "sha1",
    .out_max = digest_max,
    .load = load,
    .step = step,
    .release = digest_release,
    .meaning = "The SHA-1 digest, 20 bytes.",
    .example =
        "with `hexEncode` behind it `abc` becomes `a9993e364706816aba3e25717850c26c9cd0d89d`",
};
