/* The id of an exchange: 26 characters of Crockford's base 32, time first, so that ids sort by time
 * (48 bits of milliseconds, 80 random bits). It goes to the origin, to the client and into the log.
 */
#pragma once

#include "base/slice.h"

#define REQUEST_ID_LENGTH 26u

slice request_id_make(char to[REQUEST_ID_LENGTH]);

/* May an id that a trusted peer sent be taken over? 1..128 of letters, digits and "-_.:=+/". */
bool request_id_is_acceptable(slice id);
