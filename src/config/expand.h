/* Load-time references: ${env:NAME}, ${env:NAME:-default}, ${file:/path}, ${cred:name}. What they
 * give is never split into words, never read again for references, and never shown in a message. */
#pragma once

#include "config/reader.h"
#include "config/tree.h"

/* The value of a word with its references resolved; word->text when it has none.
 * 0 · -EINVAL reported · -ENOMEM */
MUST_CHECK int word_expand(const struct word *word, const struct reader *reader, struct arena *a,
                           struct diagnostics *d, slice *ret);
