#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "certifier/report.h"
#include "certifier/stapling.h"
#include "control/certifier_state.h"
#include "control/message.h"
#include "runtime/loop.h"

#define ASKING_MAX     4
#define LOOK_MS_MAX    60000
#define REPORT_SPAN_MS 3600000 /* the days that are left go by */

static int64_t report_at_ms;

/* --- Publishing ------------------------------------------------------------------------------- */

static bool has_staple(const struct holding *h)
{
    return h->staple.response.len > 0;
}

static bool is_news_in_force(const struct holding *h, uint64_t unused)
{
    return h->is_in_force && h->sequence == certifier.sequence;
}

static bool is_newer(const struct holding *h, uint64_t sequence)
{
    return h->is_in_force && h->sequence > sequence;
}

/* What the generation does not have: it loaded the files itself, but knows no status. */
static bool is_answer_for(const struct holding *h, uint64_t generation)
{
    return h->wanted_by == generation &&
           (!holding_is_of_files(h) || holdings_any_of_set(&certifier.holdings, h, has_staple));
}

/* A sheet of the holdings for which `is_one` holds. The descriptor; *ret_count how many · -errno */
static int write_sheet(bool (*is_one)(const struct holding *h, uint64_t argument),
                       uint64_t argument, uint32_t *ret_count)
{
    OWNS(certificate_sheet_close) struct certificate_sheet sheet = { .fd = -1 };
    TRY(certificate_sheet_open(&sheet));
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct certificate_record r;
        const struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (!is_one(h, argument))
            continue;
        holding_fill_record(h, &r);
        TRY(certificate_sheet_add(&sheet, &r));
    }
    *ret_count = sheet.count;
    return certificate_sheet_seal(&sheet);
}

/* generation 0: to all that serve. */
static void send_sheet(int fd, uint64_t generation)
{
    if (fd < 0) {
        log_error("certificates cannot be handed on: %s", strerror(-fd));
        return;
    }
    struct message *m = message_with_text(MESSAGE_CERTIFICATES, 0, (int64_t)generation, "%s", "");
    m->fd_count = 1;
    m->fds[0] = fd;
    message_pass(certifier.boot->channel, m);
    close(fd);
}

static void publish(bool (*is_one)(const struct holding *h, uint64_t argument), uint64_t argument)
{
    uint32_t count = 0;
    int fd = write_sheet(is_one, argument, &count);
    if (fd >= 0 && count == 0)
        close(fd);
    else
        send_sheet(fd, 0);
}

/* Each set whole, with one number for all of this time. */
static void publish_news(void)
{
    uint64_t sequence = certifier.sequence + 1;
    bool any = false;
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (!holdings_set_is_news(&certifier.holdings, h))
            continue;
        h->sequence = sequence;
        any |= h->is_in_force;
    }
    if (!any)
        return;
    certifier.sequence = sequence;
    publish(is_news_in_force, 0);
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        h->is_changed &= !is_news_in_force(h, 0);
    }
    certifier.must_report = true;
}

/* --- Wishes ----------------------------------------------------------------------------------- */

/* The generation has loaded the files itself, and just now. */
static void take_loaded(struct holding *h, const struct certificate_record *r)
{
    OWNS(chain_free) struct chain *c = NULL;
    const char *why = "";
    int result = chain_from_record(r, &c, &why);
    if (result != 0)
        log_warn("certificate %.*s cannot be watched: %s", SLICE_ARGUMENTS(holding_label(h)),
                 result == -ENOMEM ? strerror(ENOMEM) : why);
    else if (!chain_equal(c, h->chain)) {
        holding_take_chain(h, &c);
        h->is_changed = h->is_in_force; /* else whoever wants it has it */
    }
    h->files.look_ms = 0;
}

/* Once the text is known by its bytes, the next look tells whether it is another one. */
static void take_lists_hash(struct holding *h, const struct certificate_record *r)
{
    if (r->lists_hash.len == sizeof h->lists_hash)
        memcpy(h->lists_hash, r->lists_hash.ptr, sizeof h->lists_hash);
    h->files.look_ms = 0;
}

static void begin_stapling(struct holding *h)
{
    if (!h->chain || h->staple.has_begun)
        return;
    h->staple.has_begun = true;
    (void)stapling_begin(&certifier.world, h);
}

static int take_record(const struct certificate_record *r, uint64_t generation)
{
    struct holding *h;
    if (r->settings.len) {
        certifier_acme_note(generation, r->settings);
        return 0;
    }
    TRY(holdings_want(&certifier.holdings, r, generation, &h));
    if (r->source == CERTIFICATE_FROM_FILES && r->chain_count > 0)
        take_loaded(h, r);
    else if (r->source == REVOKED_FROM_FILE)
        take_lists_hash(h, r);
    else if (r->source == CERTIFICATE_FROM_LOCAL)
        local_ensure(&certifier.world, &certifier.authority, h);
    else if (r->source == CERTIFICATE_FROM_ACME)
        certifier_acme_load(h);
    begin_stapling(h);
    return 0;
}

static int take_sheet(slice sheet, uint64_t generation)
{
    struct certificate_reader reader;
    struct certificate_record record;
    int result;
    TRY(certificate_reader_open(&reader, sheet));
    while ((result = certificate_reader_next(&reader, &record)) == 1)
        TRY(take_record(&record, generation));
    return result;
}

void certifier_take_wish(uint64_t generation, int fd)
{
    OWNS(certificate_sheet_unmap) slice sheet = { 0 };
    uint32_t count = 0;
    int result = certificate_sheet_map(fd, &sheet);
    close(fd);
    if (result == 0)
        result = take_sheet(sheet, generation);
    if (result != 0)
        log_error("what generation %llu wants cannot be read: %s", (unsigned long long)generation,
                  strerror(-result));
    certifier.answered_generation = generation;
    certifier.answered_sequence = certifier.sequence;
    send_sheet(write_sheet(is_answer_for, generation, &count), generation);
}

static void leave_folders(struct holding *h)
{
    files_leave(&certifier.folders, h);
}

void certifier_put_in_force(uint64_t generation, bool certifier_has_died)
{
    certifier.generation = generation;
    holdings_put_in_force(&certifier.holdings, generation, leave_folders);
    certifier_acme_put_in_force(generation);
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (!h->is_in_force || !holding_is_of_files(h))
            continue;
        files_watch(&certifier.folders, h, loop_now_ms());
        h->files.is_unsure = certifier_has_died && h->source == CERTIFICATE_FROM_FILES;
    }
    publish(is_newer,
            certifier.answered_generation == generation ? certifier.answered_sequence : 0);
    certifier.must_report = true;
}

/* --- Work ------------------------------------------------------------------------------------- */

static void ask_responder(void *argument)
{
    struct holding *h = argument;
    if (stapling_refresh(&certifier.world, h))
        certifier.must_report = true;
    certifier.asking--;
    event_signal_all(&certifier.has_work);
}

static void start_asking(struct holding *h)
{
    if (certifier.asking >= ASKING_MAX)
        return;
    h->staple.is_fetching = true; /* from now on, not only when the fiber runs */
    if (bundle_start(&certifier.fibers, "status", ask_responder, h) == 0)
        certifier.asking++;
    else
        h->staple.is_fetching = false;
}

static void work_on(struct holding *h, int64_t now_ms, int64_t now_s)
{
    if (holding_is_of_files(h))
        certifier.must_report |= files_look(&certifier.world, &certifier.folders, h, now_ms);
    else if (h->source == CERTIFICATE_FROM_LOCAL && now_s >= h->renew_s)
        certifier.must_report |= local_ensure(&certifier.world, &certifier.authority, h) != 0;
    begin_stapling(h);
    certifier.must_report |= stapling_expire(&certifier.world, h);
    if (stapling_is_due(h, now_s))
        start_asking(h);
    report_warn_of_end(h, now_s);
}

static void earlier(int64_t *at_ms, int64_t other_ms)
{
    if (other_ms < *at_ms)
        *at_ms = other_ms;
}

/* When this one wants to be looked at. */
static int64_t due_ms(const struct holding *h, int64_t now_ms, int64_t now_s)
{
    int64_t at_ms = now_ms + LOOK_MS_MAX;
    if (holding_is_of_files(h))
        earlier(&at_ms, h->files.look_ms);
    if (h->source == CERTIFICATE_FROM_LOCAL && h->renew_s)
        earlier(&at_ms, now_ms + (h->renew_s - now_s) * 1000);
    if (h->staple.due_s && !h->staple.is_fetching && certifier.asking < ASKING_MAX)
        earlier(&at_ms, now_ms + (h->staple.due_s - now_s) * 1000);
    if (h->staple.response.len)
        earlier(&at_ms, now_ms + (h->staple.verdict.next_update_s - now_s) * 1000);
    return at_ms;
}

static void write_report(int64_t now_ms, int64_t now_s)
{
    if (!certifier.must_report && now_ms < report_at_ms)
        return;
    size_t room = report_room(certifier.holdings.count);
    char *memory = malloc(room);
    struct writer w = writer_over(memory, memory ? room : 0);
    report_write(&w, &certifier.holdings, now_s);
    int result = w.overflowed
                     ? -ENOMEM
                     : certificate_store_put(&certifier.world.store, REPORT_FILE, writer_slice(&w));
    free(memory);
    if (result != 0)
        log_warn("cannot write " REPORT_FILE ": %s", strerror(-result));
    message_tell(certifier.boot->channel, MESSAGE_REPORTED, 0, (int64_t)certifier.generation);
    certifier.must_report = false;
    report_at_ms = now_ms + REPORT_SPAN_MS;
}

int64_t certifier_do_what_is_due(void)
{
    int64_t now_ms = loop_now_ms(), now_s = world_wall_s(&certifier.world);
    int64_t at_ms = now_ms + LOOK_MS_MAX;
    if (certifier.is_told_of_changes)
        files_note_changes(&certifier.folders, &certifier.holdings, now_ms);
    certifier.is_told_of_changes = false;
    LIST_EACH(node, &certifier.holdings.all)
    {
        struct holding *h = LIST_ENTRY(node, struct holding, link);
        if (!h->is_in_force)
            continue;
        work_on(h, now_ms, now_s);
        earlier(&at_ms, due_ms(h, now_ms, now_s));
    }
    publish_news();
    write_report(now_ms, now_s);
    return at_ms;
}
