/* sd_notify(3) without its library: "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=...". Nothing
 * happens when NOTIFY_SOCKET is not set. */
#pragma once

#include "base/attributes.h"

void notify_send(const char *format, ...) PRINTF(1, 2);
