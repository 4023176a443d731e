/* Does a client that sends this Accept (RFC 9110 §12.5.1) prefer JSON over HTML for an error page?
 * Equal preference, wildcards and no word about either mean HTML. */
#pragma once

#include "base/slice.h"

bool accept_prefers_json(slice accept);
