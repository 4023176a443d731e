/* The part of `allow` and `deny` that a dry run asks too. */
#pragma once

#include "proxy/configuration.h"

/* text: the method as sent, for those without an enum of their own. */
bool access_method_is_allowed(const struct access_settings *a, enum method method, slice text);
