#include "certifier/report.h"

#include <time.h>

#include "base/log.h"
#include "certifier/stapling.h"

#define DAY_S           86400ll
#define ROW_BYTES       4096u /* errors and names are cut to fit */
#define NAMES_MAX       20u   /* shown of one certificate */
#define LOCAL_WARN_DAYS 7     /* leaves of the local CA never last longer */

static const char *const sources[] = { "files", "acme", "local" };
static const char *const kinds[] = { "ecdsa", "ed25519", "rsa" };

static void put(struct writer *w, const char *key, slice value)
{
    writer_format(w, ",\"%s\":\"", key);
    writer_json(w, value);
    writer_byte(w, '"');
}

static void put_time(struct writer *w, const char *key, int64_t seconds)
{
    char text[32];
    struct tm parts;
    time_t t = (time_t)seconds;
    if (seconds && gmtime_r(&t, &parts) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts))
        put(w, key, slice_from(text));
}

/* Those that it is wanted for; of files, those that stand in the certificate. */
static void write_names(struct writer *w, const struct holding *h)
{
    bool is_wanted_for = h->name_count > 0 || !h->chain;
    const slice *names = is_wanted_for ? h->names : h->chain->names;
    uint32_t count = is_wanted_for ? h->name_count : h->chain->name_count;
    writer_literal(w, ",\"names\":[");
    for (uint32_t i = 0; i < count && i < NAMES_MAX; i++) {
        writer_text(w, i ? ",\"" : "\"");
        writer_json(w, slice_first(names[i], 100));
        writer_byte(w, '"');
    }
    writer_byte(w, ']');
}

static void write_row(struct writer *w, const struct holding *h, int64_t now_s)
{
    writer_literal(w, "{\"name\":\"");
    writer_json(w, slice_first(holding_label(h), 255));
    writer_byte(w, '"');
    put(w, "kind", slice_from(sources[h->source]));
    write_names(w, h);
    if (h->chain) {
        put(w, "issuer", slice_from(h->chain->issuer));
        put(w, "key", slice_from(kinds[h->chain->kind]));
        put(w, "fingerprint", slice_from(h->chain->hash));
        put_time(w, "not_before", h->chain->not_before_s);
        put_time(w, "not_after", h->chain->not_after_s);
        int64_t left_s = h->chain->not_after_s - now_s;
        writer_format(w, ",\"days_left\":%lld",
                      (long long)(left_s >= 0 ? left_s / DAY_S : (left_s - DAY_S + 1) / DAY_S));
        writer_format(w, ",\"must_staple\":%s", h->chain->must_staple ? "true" : "false");
    }
    put_time(w, "next_renewal", h->renew_s);
    put(w, "ocsp", slice_from(stapling_word(h)));
    if (h->staple.response.len)
        put_time(w, "ocsp_until", h->staple.verdict.next_update_s);
    if (h->staple.error[0])
        put(w, "ocsp_error", slice_from(h->staple.error));
    if (h->failures)
        writer_format(w, ",\"failures\":%u", h->failures);
    if (h->error[0])
        put(w, "error", slice_from(h->error));
    writer_byte(w, '}');
}

size_t report_room(uint32_t count)
{
    return ((size_t)count + 1) * ROW_BYTES;
}

void report_write(struct writer *w, const struct holdings *all, int64_t now_s)
{
    const char *separator = "\n";
    writer_byte(w, '[');
    LIST_EACH(node, &all->all)
    {
        const struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (!h->is_in_force || h->source == REVOKED_FROM_FILE)
            continue;
        writer_text(w, separator);
        separator = ",\n";
        write_row(w, h, now_s);
    }
    writer_literal(w, "\n]\n");
}

void report_warn_of_end(struct holding *h, int64_t now_s)
{
    static const int days[] = { 0, 1, 7, 14 };
    if (!h->chain || !h->is_in_force)
        return;
    int64_t left_s = h->chain->not_after_s - now_s;
    for (size_t i = 0; i < ARRAY_LENGTH(days); i++) {
        if (left_s > days[i] * DAY_S)
            continue;
        if (h->warned_days <= days[i])
            return;
        h->warned_days = days[i];
        if (days[i] == 0)
            log_error("certificate %.*s has ended: clients refuse it%s%s",
                      SLICE_ARGUMENTS(holding_label(h)), h->error[0] ? "; " : "", h->error);
        else if (h->source != CERTIFICATE_FROM_LOCAL || days[i] < LOCAL_WARN_DAYS)
            log_warn("certificate %.*s ends within %d day%s%s%s", SLICE_ARGUMENTS(holding_label(h)),
                     days[i], days[i] == 1 ? "" : "s", h->error[0] ? "; " : "", h->error);
        return;
    }
}
