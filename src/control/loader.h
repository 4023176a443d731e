/* One load at work: what the files load_*.c share. From the checked statements to the structures of
 * proxy/configuration.h. */
#pragma once

#include <openssl/x509_vfy.h>

#include "config/files.h"
#include "config/schema.h"
#include "control/load.h"
#include "control/name_map.h"
#include "net/tls_server.h"
#include "proxy/auth_settings.h"
#include "proxy/options.h"

/* The settings in force in one place: a block of each feature, inherited until a statement of this
 * place changes it; then it is this place's own copy. */
struct blocks {
    const void *all[FEATURE_COUNT];
    bool is_own[FEATURE_COUNT];
};

struct policy {
    const struct statement *statement;
    struct blocks blocks;              /* on top of the defaults */
    const struct statement **settings; /* those with one value, for conflicts */
    uint32_t setting_count;
    bool is_used;
};

/* What has been read, piece by piece. */
struct load_digest {
    unsigned char bytes[32]; /* SHA-256 of those before and the last piece */
};

struct site_draft {
    struct site *site;
    const struct statement *statement;
    struct extension {
        struct extension *next;
        const struct statement *statement;
    } * extensions;
    uint16_t port; /* `site :8080`; 0: none */
};

struct loader {
    const struct load_options *options;
    struct diagnostics *diagnostics;
    struct arena scratch; /* texts, trees, maps: gone after the load */
    struct files files;
    struct schema schema;
    struct configuration *c;
    struct option_names names;
    struct name_map origins;  /* name or address -> struct origin */
    struct name_map used;     /* origins that something leads to */
    struct name_map policies; /* -> struct policy */
    struct name_map lists;    /* -> struct network_list */
    struct name_map hosts;    /* -> struct site_draft, the first site of a host */
    struct name_map trusts;   /* path of a file of authorities -> X509_STORE */
    struct loaded_trust {
        struct loaded_trust *next;
        X509_STORE *store;
    } * loaded_trusts;            /* those of `trusts`, to be freed after the load */
    struct name_map tls_clients;  /* settings -> struct tls_client */
    struct name_map certificates; /* "CERT\nKEY" -> struct certificate */
    struct name_map tls_policies; /* settings -> struct tls_made_context */
    struct name_map rulesets;     /* where rules come from -> struct waf_rules */
    struct site_draft *drafts;
    uint32_t origin_capacity;
    uint32_t pair_pauses; /* how often a pair was awaited that is being replaced */
    struct blocks defaults;
    struct load_digest digest, rules_digest; /* of everything, of the ruleset that is being read */
};

/* What statements are applied to. */
struct apply_target {
    struct blocks *blocks;
    struct origin *origin;
    struct route *route;
    uint8_t depth; /* 0 defaults, 1 policy, 2 site, 3 route */
};

/* load.c: the whole load. The loader keeps trees and names, for commands that ask where a setting
 * comes from; loader_close() in any case afterwards.
 * 0 l->c is complete · -EINVAL errors are in d · -ENOMEM */
MUST_CHECK int loader_run(struct loader *l, const struct load_options *options,
                          struct diagnostics *d);
void loader_close(struct loader *l);

/* load_digest.c */
/* 0 · -ENOMEM */
MUST_CHECK int load_digest_add(struct load_digest *d, slice piece);
/* In hexadecimal, as far as it is needed to tell configurations apart. 0 · -ENOMEM */
MUST_CHECK int load_digest_text(const struct load_digest *d, struct arena *a, slice *ret);

/* load_blocks.c */
/* Built-in settings. 0 · -ENOMEM */
MUST_CHECK int blocks_open(struct loader *l, struct blocks *b);
/* What a place below starts with: everything inherited. */
struct blocks blocks_inherit(const struct blocks *b);
/* Applies the settings that stand in `block` and in the blocks of it that merge, by turn. */
MUST_CHECK int blocks_apply(struct loader *l, struct statement *block, struct apply_target *t);
/* After the last statement of a place. */
MUST_CHECK int blocks_finish(struct loader *l, struct blocks *b);
/* The first direct child with this directive name that is in order; NULL: none. */
const struct statement *statement_find(const struct statement *block, const char *name);

/* load_origin.c */
MUST_CHECK int load_origins(struct loader *l);
MUST_CHECK int load_find_origin(void *context, const struct option_apply *a,
                                const struct word *word, slice text, const struct origin **ret);

/* Says that a name is defined again, and where it was before: "first at portcullis.conf:12". */
void load_defined_twice(struct loader *l, const struct statement *again);

/* load_origin_tls.c */
/* When the servers of an origin are known; s: its statement, NULL for a `to ADDRESS`. */
MUST_CHECK int load_origin_tls(struct loader *l, const struct statement *s, struct origin *o,
                               const struct span *where);
void load_trusts_free(struct loader *l);

/* load_auth.c */
/* Reads a file that an option names; reports what is wrong. 0 · -EINVAL reported · -ENOMEM */
int load_read_file(void *context, const struct option_apply *a, const struct word *word, slice path,
                   slice *ret);
/* What the site's routes want of clients' certificates; NULL: nothing, or reported. -ENOMEM */
MUST_CHECK int load_site_auth(struct loader *l, struct site_draft *draft,
                              const struct auth_settings **ret);
/* Its part of a policy's name: by content, so that no session outlives the authorities and lists
 * that it was judged by. a may be NULL. 0 · -ENOMEM */
MUST_CHECK int load_auth_name(const struct auth_settings *a, struct writer *w);
/* Its part of a policy; load_auth_policy_free() in any case afterwards. The lists stay in *crls,
 * whose table is in the arena. 0 · -ENOMEM */
MUST_CHECK int load_auth_policy(const struct auth_settings *a, struct arena *arena,
                                struct tls_policy *policy, struct tls_crl_files *crls);
void load_auth_policy_free(struct tls_policy *policy);

/* load_waf.c */
/* Finds or reads the rules that a place names and sets out its own words for them; reports what is
 * wrong. 0 · -ENOMEM */
struct waf_settings;
MUST_CHECK int load_waf(struct loader *l, struct waf_settings *w);
/* Those of our own, which nobody has to name: compiled last, and only when a route is judged by
 * them. 0 · -ENOMEM */
MUST_CHECK int load_waf_own(struct loader *l);
void load_free_rules(struct configuration *c);

/* load_tls.c */
/* The certificate of a file and its key in another, read once: words[0] and words[1]. Held for the
 * caller, who keeps it as long as the configuration lives; *ret stays NULL when something was
 * reported. 0 · -ENOMEM */
MUST_CHECK int load_find_certificate(struct loader *l, const struct argument_value *words,
                                     struct certificate **ret);
MUST_CHECK int load_add_certificate(void *context, const struct option_apply *a, bool is_first);
/* A site's part, when its settings are complete. */
MUST_CHECK int load_site_tls(struct loader *l, struct site_draft *draft, const struct blocks *own);
/* One more identity of the configuration; NULL: out of memory. */
struct tls_identity *load_new_identity(struct loader *l, enum tls_kind kind, slice name);

/* load_tls_names.c: certificates and the names of a site. */
/* Warns of those from files that name none of its hosts. */
void load_check_names(struct loader *l, const struct site_draft *draft);
/* Does nobody but ourselves issue for any of its hosts? */
bool load_site_is_local(const struct site *site);
/* Can an authority be asked for all of them? Wildcards only where there is a `dns hook`. */
bool load_site_is_public(const struct configuration *c, const struct site *site);
/* *ret stays NULL when something was reported. 0 · -ENOMEM */
MUST_CHECK int load_named_identity(struct loader *l, struct site_draft *draft, enum tls_kind kind,
                                   struct tls_identity **ret);

/* When all sites are known. */
void load_check_tls(struct loader *l);
void load_free_tls(struct configuration *c);

/* load_list.c */
MUST_CHECK int load_lists(struct loader *l);
struct network_list *load_find_list(void *context, slice name);

/* load_policy.c */
MUST_CHECK int load_policies(struct loader *l);
/* The settings of the policies that a site uses, on top of the defaults. */
MUST_CHECK int load_use(struct loader *l, const struct statement *site, struct blocks *ret);

/* load_site.c */
MUST_CHECK int load_sites(struct loader *l);
/* load_hosts.c: hosts, their listeners, the tables by which the proxy finds a site. */
MUST_CHECK int load_hosts(struct loader *l);
/* load_route.c: the routes of one site, sorted. */
MUST_CHECK int load_routes(struct loader *l, struct site_draft *draft, const struct blocks *own);
/* load_pattern.c */
MUST_CHECK int load_pattern(struct loader *l, const struct statement *route,
                            const struct word *word, slice text, struct route_pattern *ret);

/* "portcullis.conf:12:3", in the configuration's arena. */
MUST_CHECK int load_where(struct loader *l, const struct statement *s, slice *ret);

static inline bool statement_is(const struct statement *s, const char *name)
{
    return s->directive && slice_equal(s->name.text, slice_from(name));
}
/* The texts of an argument, in order. */
static inline const struct argument_value *statement_argument(const struct statement *s, size_t i)
{
    return &s->values->arguments[i];
}
