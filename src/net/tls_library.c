#include "net/tls_library.h"

#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>

static void *context;

void *library_context(void)
{
    return context;
}

/* Names stand in a list with colons between them. */
static bool is_named(const OSSL_ALGORITHM *a, const char *name, size_t length)
{
    return strncmp(a->algorithm_names, name, length) == 0 &&
           (a->algorithm_names[length] == ':' || a->algorithm_names[length] == '\0');
}

const OSSL_ALGORITHM *library_algorithm(const OSSL_PROVIDER *found, int operation, const char *name)
{
    int no_cache = 0;
    if (!found || strcmp(OSSL_PROVIDER_get0_name(found), "default") != 0)
        return NULL;
    const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(found, operation, &no_cache);
    while (a && a->algorithm_names && !is_named(a, name, strlen(name)))
        a++;
    if (!a || !a->algorithm_names)
        return NULL;
    context = OSSL_PROVIDER_get0_provider_ctx(found);
    return a;
}

void (*library_function(const OSSL_DISPATCH *own, int number))(void)
{
    while (own->function_id && own->function_id != number)
        own++;
    return own->function;
}
