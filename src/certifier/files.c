#include "certifier/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "net/tls_trust.h"

static void free_text(char **text)
{
    free(*text);
}

void files_watch(struct folders *f, struct holding *h, int64_t now_ms)
{
    const slice files[2] = { h->certificate_path, h->key_path };
    for (int i = 0; i < 2; i++) {
        if (h->files.folders[i] >= 0 || files[i].len == 0)
            continue;
        int folder = folders_watch(f, files[i]);
        if (folder < 0)
            log_debug("the folder of %.*s is not watched: %s", SLICE_ARGUMENTS(files[i]),
                      strerror(-folder));
        h->files.folders[i] = folder < 0 ? -1 : folder;
    }
    h->files.look_ms = now_ms;
}

void files_leave(struct folders *f, struct holding *h)
{
    for (int i = 0; i < 2; i++) {
        if (h->files.folders[i] >= 0)
            folders_leave(f, h->files.folders[i]);
        h->files.folders[i] = -1;
    }
}

static bool has_changed(const struct folders *f, const struct holding *h)
{
    for (int i = 0; i < 2; i++)
        if (h->files.folders[i] >= 0 && f->all[h->files.folders[i]].has_changed)
            return true;
    return false;
}

void files_note_changes(struct folders *f, struct holdings *all, int64_t now_ms)
{
    LIST_EACH(node, &all->all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (has_changed(f, h))
            h->files.look_ms = now_ms;
    }
    for (uint32_t i = 0; i < FOLDERS_MAX; i++)
        f->all[i].has_changed = false;
}

/* --- Looking ---------------------------------------------------------------------------------- */

static void write_date(char to[32], int64_t seconds)
{
    struct tm parts;
    time_t t = (time_t)seconds;
    if (!gmtime_r(&t, &parts) || strftime(to, 32, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        to[0] = '\0';
}

/* What is in the files now. 0 · -errno, why says what is wrong with them */
static int read_pair(struct certifier_world *w, const struct holding *h, struct chain **ret,
                     char why[HOLDING_ERROR_MAX])
{
    char *pem __attribute__((cleanup(free_text))) = NULL;
    char detail[WORLD_WHY_MAX] = "";
    size_t bytes;
    const char *text = "";
    int result = w->read_certificates(w->context, h->certificate_path, &pem, &bytes, detail);
    if (result != 0) {
        (void)snprintf(why, HOLDING_ERROR_MAX, "cannot read certificate \"%.*s\": %s",
                       SLICE_ARGUMENTS(h->certificate_path), detail);
        return result;
    }
    result = chain_from_pem(slice_of(pem, bytes), ret, &text);
    if (result != 0)
        (void)snprintf(why, HOLDING_ERROR_MAX, "cannot use certificate \"%.*s\": %s",
                       SLICE_ARGUMENTS(h->certificate_path),
                       result == -ENOMEM ? strerror(ENOMEM) : text);
    return result;
}

static int judge_times(const struct certifier_world *w, const struct holding *h,
                       const struct chain *c, char why[HOLDING_ERROR_MAX])
{
    char date[32];
    int64_t now_s = world_wall_s(w);
    if (c->not_after_s <= now_s) {
        write_date(date, c->not_after_s);
        (void)snprintf(why, HOLDING_ERROR_MAX, "certificate \"%.*s\" ended on %s",
                       SLICE_ARGUMENTS(h->certificate_path), date);
        return -EINVAL;
    }
    if (c->not_before_s > now_s) {
        write_date(date, c->not_before_s);
        (void)snprintf(why, HOLDING_ERROR_MAX,
                       "certificate \"%.*s\" begins only on %s (is the clock right?)",
                       SLICE_ARGUMENTS(h->certificate_path), date);
        return -EINVAL;
    }
    return 0;
}

static int judge_key(struct certifier_world *w, const struct holding *h, const struct chain *c,
                     char why[HOLDING_ERROR_MAX])
{
    char detail[WORLD_WHY_MAX] = "";
    int result = w->load_key(w->context, h->key_path, c->spki, detail);
    if (result != 0)
        (void)snprintf(why, HOLDING_ERROR_MAX, "cannot use key \"%.*s\": %s",
                       SLICE_ARGUMENTS(h->key_path), detail);
    return result;
}

/* 0 nothing new · 1 another one is in force · -errno, why says what is wrong */
static int replace(struct certifier_world *w, struct holding *h, char why[HOLDING_ERROR_MAX])
{
    OWNS(chain_free) struct chain *c = NULL;
    TRY(read_pair(w, h, &c, why));
    bool is_same = chain_equal(c, h->chain);
    if (is_same && !h->files.is_unsure)
        return 0;
    int result = judge_times(w, h, c, why);
    if (result == 0)
        result = judge_key(w, h, c, why);
    if (result != 0)
        return is_same ? 0 : result;
    h->files.is_unsure = false;
    h->is_changed = true;
    if (is_same)
        return 0;
    char date[32];
    write_date(date, c->not_after_s);
    log_info("certificate \"%.*s\" was replaced: issued by %s, ends on %s",
             SLICE_ARGUMENTS(h->certificate_path), c->issuer, date);
    holding_take_chain(h, &c);
    return 1;
}

static void free_crls(STACK_OF(X509_CRL) * *crls)
{
    tls_crls_free(crls);
}

/* Are they lists, and may they follow on those in force? Whose signature they have is looked at
 * where the authorities are known. */
static int judge_lists(const struct holding *h, slice text, char why[HOLDING_ERROR_MAX])
{
    char memory[HOLDING_ERROR_MAX / 2];
    slice path = h->certificate_path;
    struct writer w = writer_over(memory, sizeof memory);
    OWNS(free_crls) STACK_OF(X509_CRL) *crls = NULL, *old = NULL;
    int result = tls_crls_read(text, &crls, &w);
    if (result == 0 && h->lists.ptr)
        result = tls_crls_read(h->lists, &old, &w);
    if (result == 0)
        result = tls_crls_succeed(old, crls, &w);
    if (result != 0)
        (void)snprintf(why, HOLDING_ERROR_MAX, "cannot use revocation list \"%.*s\": %.*s",
                       (int)(path.len < 150 ? path.len : 150), path.ptr, (int)w.len, w.ptr);
    return result;
}

static bool is_as_loaded(const struct holding *h, slice text)
{
    uint8_t hash[sizeof h->lists_hash];
    return EVP_Q_digest(NULL, "SHA256", NULL, text.ptr, text.len, hash, NULL) == 1 &&
           memcmp(hash, h->lists_hash, sizeof hash) == 0;
}

/* As replace(), of `crl FILE`. The first look only keeps what the generation has loaded itself. */
static int replace_lists(struct certifier_world *w, struct holding *h, char why[HOLDING_ERROR_MAX])
{
    char *text __attribute__((cleanup(free_text))) = NULL;
    char detail[WORLD_WHY_MAX] = "";
    size_t bytes;
    int result = w->read_lists(w->context, h->certificate_path, &text, &bytes, detail);
    if (result != 0) {
        (void)snprintf(why, HOLDING_ERROR_MAX, "cannot read revocation list \"%.*s\": %s",
                       SLICE_ARGUMENTS(h->certificate_path), detail);
        return result;
    }
    slice lists = slice_of(text, bytes);
    if (slice_equal(lists, h->lists))
        return 0;
    bool is_loaded = !h->lists.ptr && is_as_loaded(h, lists);
    if (!is_loaded)
        TRY(judge_lists(h, lists, why));
    text = NULL; /* the holding has it */
    holding_take_lists(h, lists, !is_loaded);
    if (is_loaded)
        return 0;
    log_info("revocation list \"%.*s\" was replaced", SLICE_ARGUMENTS(h->certificate_path));
    return 1;
}

static bool is_of_lists(const struct holding *h)
{
    return h->source == REVOKED_FROM_FILE;
}

static bool recover(struct holding *h)
{
    bool was_told = h->files.was_told;
    if (was_told)
        log_info(is_of_lists(h) ? "revocation list \"%.*s\" is in order again"
                                : "certificate \"%.*s\" and its key are in order again",
                 SLICE_ARGUMENTS(h->certificate_path));
    h->files.trouble_ms = 0;
    h->files.was_told = false;
    holding_clear_error(h);
    return was_told;
}

/* True when it is said for the first time. */
static bool complain(struct holding *h, const char *why, int64_t now_ms)
{
    if (h->files.trouble_ms == 0)
        h->files.trouble_ms = now_ms;
    if (now_ms - h->files.trouble_ms < FILES_SETTLE_MS)
        return false;
    bool is_new = !h->files.was_told || strcmp(h->error, why) != 0;
    h->files.was_told = true;
    if (is_new) {
        log_error("%s; %s", why,
                  is_of_lists(h) ? "the one in force stays"
                  : h->chain     ? "the certificate in force stays"
                                 : "there is no certificate");
        holding_fail(h, "%s", why);
    }
    return is_new;
}

static int64_t next_look(struct folders *f, const struct holding *h, int64_t now_ms)
{
    if (h->files.trouble_ms && !h->files.was_told)
        return now_ms + FILES_RETRY_MS;
    bool is_watched = true;
    for (int i = 0; i < (is_of_lists(h) ? 1 : 2); i++)
        is_watched &= h->files.folders[i] >= 0 && folders_is_watched(f, h->files.folders[i]);
    return now_ms + (is_watched ? FILES_SELDOM_MS : FILES_LOOK_MS);
}

bool files_look(struct certifier_world *w, struct folders *f, struct holding *h, int64_t now_ms)
{
    char why[HOLDING_ERROR_MAX] = "";
    if (now_ms < h->files.look_ms)
        return false;
    int result = is_of_lists(h) ? replace_lists(w, h, why) : replace(w, h, why);
    bool changed = result < 0 ? complain(h, why, now_ms) : recover(h) || result == 1;
    h->files.look_ms = next_look(f, h, now_ms);
    return changed;
}
