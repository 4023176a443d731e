/* Rule files for the reader of SecLang: names with wildcards, contents. Relative names are relative
 * to the file that asks. */
#pragma once

#include "waf/seclang/seclang.h"

enum { WAF_FILE_BYTES_MAX = 64 << 20 };

extern const struct seclang_world waf_files;
