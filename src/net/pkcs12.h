/* Files of PKCS#12 (.p12, .pfx) are told apart from other DER, so that who names one in the place
 * of PEM is told how to convert it. They are not read: they are encrypted. */
#pragma once

#include "base/slice.h"

/* The bytes begin as a PFX does: RFC 7292 §4, a SEQUENCE whose version is 3. */
bool pkcs12_begins(slice bytes);
