#include "certifier/stapling.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static void free_text(char **text)
{
    free(*text);
}

static void free_certificate(X509 **x)
{
    X509_free(*x);
}

static void file_name(const struct holding *h, char to[STORE_NAME_MAX])
{
    (void)snprintf(to, STORE_NAME_MAX, "%s.ocsp", h->chain->hash);
}

static void drop_response(struct holding *h)
{
    free((void *)(uintptr_t)h->staple.response.ptr);
    h->staple.response = (slice){ 0 };
    h->is_changed = true;
}

/* Takes the bytes over. */
static void take_response(struct holding *h, char **bytes, size_t count)
{
    drop_response(h);
    h->staple.response = slice_of(*bytes, count);
    *bytes = NULL;
}

/* Judges what came; *ret_why as ocsp_judge. */
static int judge(struct certifier_world *w, const struct holding *h, slice response,
                 struct ocsp_verdict *ret, const char **ret_why)
{
    OWNS(free_certificate) X509 *leaf = chain_parse(h->chain, 0);
    OWNS(free_certificate) X509 *issuer = chain_parse(h->chain, 1);
    *ret_why = "a certificate cannot be parsed";
    return leaf && issuer ? ocsp_judge(response, leaf, issuer, world_wall_s(w), ret, ret_why)
                          : -EINVAL;
}

static bool take_stored(struct certifier_world *w, struct holding *h)
{
    char file[STORE_NAME_MAX];
    char *bytes __attribute__((cleanup(free_text))) = NULL;
    size_t count;
    const char *why;
    struct ocsp_verdict v;
    file_name(h, file);
    if (certificate_store_get(&w->store, file, &bytes, &count) != 0)
        return false;
    if (judge(w, h, slice_of(bytes, count), &v, &why) != 0 || v.status != OCSP_IS_GOOD) {
        certificate_store_remove(&w->store, file);
        return false;
    }
    h->staple.verdict = v;
    h->staple.is_known = true;
    h->staple.due_s = ocsp_refresh_s(&v, world_wall_s(w));
    take_response(h, &bytes, count);
    return true;
}

bool stapling_begin(struct certifier_world *w, struct holding *h)
{
    char url[OCSP_URL_MAX];
    h->staple.due_s = 0;
    h->staple.error[0] = '\0';
    if (!h->chain)
        return false;
    OWNS(free_certificate) X509 *leaf = chain_parse(h->chain, 0);
    int result = leaf ? ocsp_url(leaf, url, sizeof url) : -ENOENT;
    if (result == 0 && h->chain->count < 2) {
        (void)snprintf(h->staple.error, sizeof h->staple.error,
                       "its status cannot be asked for: the issuer's certificate is not behind it "
                       "in the file");
        result = -EINVAL;
    }
    if (result != 0 && h->chain->must_staple)
        log_error("certificate %.*s must be stapled, and %s: strict clients will refuse it",
                  SLICE_ARGUMENTS(holding_label(h)),
                  h->staple.error[0] ? h->staple.error : "it names no responder to ask");
    if (result != 0)
        return false;
    h->staple.due_s = world_wall_s(w);
    return take_stored(w, h);
}

bool stapling_is_due(const struct holding *h, int64_t now_s)
{
    return h->staple.due_s && now_s >= h->staple.due_s && !h->staple.is_fetching;
}

/* --- Asking ----------------------------------------------------------------------------------- */

static bool fail(struct certifier_world *w, struct holding *h, const char *url, const char *why)
{
    char text[HOLDING_ERROR_MAX];
    struct staple *s = &h->staple;
    (void)snprintf(text, sizeof text, "the responder %.150s: %s", url, why);
    bool is_new = strcmp(s->error, text) != 0;
    memcpy(s->error, text, sizeof text);
    s->due_s = world_wall_s(w) + ocsp_back_off_s(++s->failures);
    if (!is_new)
        return false;
    bool hurts = h->chain->must_staple && s->response.len == 0;
    log_line(hurts ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "certificate %.*s: no new status from %s%s",
             SLICE_ARGUMENTS(holding_label(h)), text,
             hurts             ? "; it must be stapled: strict clients refuse it until there is one"
             : s->response.len ? "; the one before is stapled as long as it is good"
                               : "");
    return true;
}

static bool take_revoked(struct certifier_world *w, struct holding *h, const struct ocsp_verdict *v)
{
    char file[STORE_NAME_MAX];
    bool is_new = !h->staple.is_known || h->staple.verdict.status != OCSP_IS_REVOKED;
    h->staple.verdict = *v;
    h->staple.is_known = true;
    h->staple.due_s = ocsp_refresh_s(v, world_wall_s(w));
    (void)snprintf(h->staple.error, sizeof h->staple.error, "REVOKED by its issuer (%s)",
                   v->reason ? v->reason : "no reason is given");
    file_name(h, file);
    certificate_store_remove(&w->store, file);
    drop_response(h);
    if (is_new)
        log_error("certificate %.*s is REVOKED by its issuer (%s): clients refuse it; replace it "
                  "and its key now",
                  SLICE_ARGUMENTS(holding_label(h)), v->reason ? v->reason : "no reason is given");
    return is_new;
}

static bool take_answer(struct certifier_world *w, struct holding *h, const char *url, char **bytes,
                        size_t count)
{
    struct ocsp_verdict v;
    const char *why = "";
    char file[STORE_NAME_MAX];
    if (judge(w, h, slice_of(*bytes, count), &v, &why) != 0)
        return fail(w, h, url, why);
    if (v.status == OCSP_IS_REVOKED)
        return take_revoked(w, h, &v);
    if (v.status == OCSP_IS_UNKNOWN)
        return fail(w, h, url, "it does not know the certificate");
    bool was_well = h->staple.error[0] == '\0' && h->staple.is_known;
    file_name(h, file);
    int result = certificate_store_put(&w->store, file, slice_of(*bytes, count));
    if (result != 0) /* it is asked for anew in the next life */
        log_warn("cannot keep %s: %s", file, strerror(-result));
    if (!was_well)
        log_info("certificate %.*s: the responder says good", SLICE_ARGUMENTS(holding_label(h)));
    h->staple.verdict = v;
    h->staple.is_known = true;
    h->staple.failures = 0;
    h->staple.error[0] = '\0';
    h->staple.due_s = ocsp_refresh_s(&v, world_wall_s(w));
    take_response(h, bytes, count);
    return true;
}

/* 0 · -errno, why says it */
static int ask(struct certifier_world *w, struct chain *c, char url[OCSP_URL_MAX], char **ret,
               size_t *ret_count, char why[WORLD_WHY_MAX])
{
    unsigned char *request = NULL;
    size_t bytes;
    OWNS(free_certificate) X509 *leaf = chain_parse(c, 0);
    OWNS(free_certificate) X509 *issuer = chain_parse(c, 1);
    (void)snprintf(why, WORLD_WHY_MAX, "%s", strerror(ENOMEM));
    if (!leaf || !issuer)
        return -ENOMEM;
    TRY(ocsp_url(leaf, url, OCSP_URL_MAX));
    TRY(ocsp_request(leaf, issuer, &request, &bytes));
    int result = w->ask_responder(w->context, url, slice_of((const char *)request, bytes), ret,
                                  ret_count, why);
    OPENSSL_free(request);
    return result;
}

bool stapling_refresh(struct certifier_world *w, struct holding *h)
{
    char url[OCSP_URL_MAX] = "", why[WORLD_WHY_MAX] = "", asked[sizeof h->chain->hash];
    char *bytes __attribute__((cleanup(free_text))) = NULL;
    size_t count = 0;
    memcpy(asked, h->chain->hash, sizeof asked);
    h->staple.is_fetching = true;
    int result = ask(w, h->chain, url, &bytes, &count, why);
    h->staple.is_fetching = false;
    if (strcmp(asked, h->chain->hash) != 0 || result == -ECANCELED)
        return false; /* another certificate came meanwhile */
    return result != 0 ? fail(w, h, url, why) : take_answer(w, h, url, &bytes, count);
}

bool stapling_expire(struct certifier_world *w, struct holding *h)
{
    if (h->staple.response.len == 0 || h->staple.verdict.next_update_s > world_wall_s(w))
        return false;
    drop_response(h);
    h->staple.is_known = false;
    log_line(h->chain->must_staple ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
             "certificate %.*s: its status is out of date and not stapled any more%s",
             SLICE_ARGUMENTS(holding_label(h)),
             h->chain->must_staple ? "; it must be stapled: strict clients refuse it" : "");
    return true;
}

const char *stapling_word(const struct holding *h)
{
    if (h->staple.is_known)
        return h->staple.verdict.status == OCSP_IS_REVOKED ? "revoked" : "good";
    return h->staple.due_s ? "waiting" : "none";
}
