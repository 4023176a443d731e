/* Rule files for the reader of SecLang, by the way that all files of a configuration come: names
 * with wildcards, contents. Relative names are relative to the file that asks. */
#pragma once

#include "config/reader.h"
#include "waf/seclang/seclang.h"

enum { WAF_FILE_BYTES_MAX = 16 << 20 };

/* The reader lives as long as what is read with it. */
struct seclang_world waf_files(const struct reader *reader);
