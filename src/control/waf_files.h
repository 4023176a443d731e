/* Rule files for the reader of SecLang, by the way that all files of a configuration come: names
 * with wildcards, contents. Relative names are relative to the file that asks. */
#pragma once

#include "config/reader.h"
#include "waf/seclang/seclang.h"

enum { WAF_FILE_BYTES_MAX = 16 << 20 };

/* The database of places that a rule file `beside` names: as struct seclang_world has it, and when
 * it was made (control/geo_file.h). */
MUST_CHECK int waf_files_geo(slice path, slice beside, struct geo_database **ret,
                             uint64_t *ret_made, const char **ret_why);

/* The reader lives as long as what is read with it. */
struct seclang_world waf_files(const struct reader *reader);
