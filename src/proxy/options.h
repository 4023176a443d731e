/* What the apply functions of directive tables work on. The tables stand beside their features
 * (*_options.c here and in src/filters/); the loader (src/control/load*.c) walks the statements,
 * finds or copies the structure that a row is about, and calls the row's function with it. */
#pragma once

#include "config/directive.h"
#include "config/diagnostics.h"
#include "proxy/configuration.h"

/* Which structure the rows of a table change: `offset` counts from its begin, `apply` gets it. */
enum option_object {
    OBJECT_NONE, /* structure: sites, routes, includes; the loader itself knows them */
    OBJECT_CONFIGURATION,
    OBJECT_LIMITS_GLOBAL,
    OBJECT_ORIGIN,
    OBJECT_ORIGIN_TLS,
    OBJECT_ROUTE,   /* conditions and priority */
    OBJECT_FEATURE, /* + enum feature_slot: the block of settings that is being built */
};

/* A list of networks by name: list NAME ip ... */
struct network_list {
    slice name;
    struct network_entry *entries;
    uint32_t count;
    bool is_used;
};

/* What an apply function may ask the loader for. */
struct option_names {
    void *context;
    /* The origin of that name, or the one made of the address; NULL: reported, or no memory. */
    int (*find_origin)(void *context, const struct option_apply *a, const struct word *word,
                       slice text, const struct origin **ret);
    /* NULL: there is none */
    struct network_list *(*find_list)(void *context, slice name);
    /* The files of a `tls CERT KEY`: into the settings' identity, a new one for the first of its
     * place. 0 · -EINVAL reported · -ENOMEM */
    /* The contents of a file, for as long as the load takes. 0 · -EINVAL reported · -ENOMEM */
    int (*read_file)(void *context, const struct option_apply *a, const struct word *word,
                     slice path, slice *ret);
    int (*add_certificate)(void *context, const struct option_apply *a, bool is_first);
};

struct option_apply {
    struct arena *arena; /* the configuration's */
    struct diagnostics *diagnostics;
    const struct statement *statement;
    const struct directive_values *values;
    void *object;
    uint8_t depth; /* 0 defaults, 1 policy, 2 site, 3 route */
    const struct option_names *names;
};

/* Shorthands for apply functions. */
static inline const struct argument_value *option_argument(const struct option_apply *a, size_t i)
{
    return &a->values->arguments[i];
}

/* An array in an arena that grows while loading. */
struct option_array {
    void **items;
    uint32_t *count;
    size_t each; /* bytes of one element */
};
#define OPTION_ARRAY(items_, count_)                                                               \
    ((struct option_array){ (void **)&(items_), &(count_), sizeof *(items_) })

/* Appends elements to a copy of the array: blocks that share the old one keep it. 0 · -ENOMEM */
MUST_CHECK int option_append(struct arena *a, struct option_array array, const void *more,
                             uint32_t more_count);

/* Reports E0304 with what was written: "'to' expects <expected>". Always -EINVAL. */
int option_refuse(const struct option_apply *a, const struct word *word, const char *expected);

/* Reports E0504, "cannot use FILE: why". Always -EINVAL. */
int option_refuse_file(const struct option_apply *a, const struct word *word, slice path,
                       slice why);
/* Whether the text of the file can be believed in as authorities (net/tls_trust.h).
 * 0 · -EINVAL reported · -ENOMEM */
MUST_CHECK int option_authorities(const struct option_apply *a, const struct word *word, slice path,
                                  slice pem);

/* A fingerprint of clients, or its beginning and a star. 0 · -EINVAL reported */
MUST_CHECK int option_fingerprint(const struct option_apply *a, const struct word *word, slice text,
                                  enum fingerprint_kind kind);

/* Compiles a text with variables; reports an unknown variable. 0 · -EINVAL reported · -ENOMEM */
MUST_CHECK int option_template(const struct option_apply *a, const struct word *word, slice text,
                               struct template *ret);
/* "10.0.0.0/8", reports what is wrong. 0 · -EINVAL reported */
MUST_CHECK int option_network(const struct option_apply *a, const struct word *word, slice text,
                              struct ip_network *ret);

/* An address of an origin, copied; reports what is wrong. 0 · -EINVAL reported · -ENOMEM */
MUST_CHECK int option_server(const struct option_apply *a, const struct word *word, slice text,
                             struct server *ret);

/* The tables. */
extern const struct directive_table listen_options, program_options, site_options, route_options,
    target_options, timeout_options, limits_options, origin_options, origin_tls_options,
    tls_options;
