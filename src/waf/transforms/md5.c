/* md5: the digest of the value as bytes, usually followed by hexEncode (digest.h). */
#include "waf/transforms/digest.h"

static EVP_MD *algorithm;

static bool load(void)
{
    return digest_fetch(&algorithm, "MD5");
}

static void step(struct transform_run *run, size_t bytes_max)
{
    digest_step(run, bytes_max, algorithm);
}

const struct transform transform_md5 = {
    .name = "md5",
    .out_max = digest_max,
    .load = load,
    .step = step,
    .release = digest_release,
    .meaning = "The MD5 digest, 16 bytes.",
    .example = "with `hexEncode` behind it `abc` becomes `900150983cd24fb0d6963f7d28e17f72`",
};
