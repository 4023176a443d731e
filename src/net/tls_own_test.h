/* For tests of what our provider has instead of the library. */
#pragma once

#include "base/test.h"
#include "net/tls_hmac.h"
#include "net/tls_schedule.h"

/* Of OpenSSL 3 it must be there, of another one it must not. */
static inline void skip_without_own_algorithms(void)
{
#if TLS_HAS_OWN_ALGORITHMS
    assert_non_null(tls_schedule_query());
#else
    assert_null(tls_schedule_query());
    skip();
#endif
}
