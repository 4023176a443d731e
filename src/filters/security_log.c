/* `log security`: one record per refusal, with its stable reason: what was wrong with the client's
 * message, or what the configuration forbids; and per connection that was refused before there was
 * an exchange. Origins' and our own failures in an exchange are in the request log. */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "filters/waf.h"
#include "proxy/connection.h"
#include "proxy/refusal.h"

static void write_reason(struct writer *w, const struct failure *f)
{
    log_text(w, "reason", slice_from(f->reason));
    log_text(w, "text", slice_from(f->text));
    log_text(w, "fault", slice_from(fault_name(f->whose)));
    log_number(w, "status", f->status);
}

static void on_finish(struct exchange *x)
{
    struct writer w;
    bool is_refusal = failure_is_refusal(&x->failure), has_record = waf_has_record(x);
    if ((!is_refusal && !has_record) || !log_line_begin(LOG_SECURITY, &w))
        return;
    log_begin_object(&w, x->times.wall_ms);
    log_text(&w, "id", x->request_id);
    if (is_refusal)
        write_reason(&w, &x->failure);
    if (x->failure.where.len || x->route)
        log_text(&w, "where", x->failure.where.len ? x->failure.where : x->route->where);
    log_ip(&w, "client", x->client);
    if (!ip_equal(x->client, x->connection->peer))
        log_ip(&w, "peer", x->connection->peer);
    log_fingerprints(&w, x);
    log_write_request(&w, x);
    if (x->site)
        log_text(&w, "site", x->site->name);
    if (x->route && x->route->label.len)
        log_text(&w, "route", x->route->label);
    if (x->user_agent.ptr)
        log_text(&w, "agent", x->user_agent);
    log_number(&w, "generation", x->configuration->generation);
    log_number(&w, "worker", log_worker_pid());
    if (has_record)
        waf_log_findings(&w, x);
    writer_byte(&w, '}');
    log_line_end(LOG_SECURITY, &w);
}

static bool begin_connection(struct writer *w, const struct failure *f, struct ip peer)
{
    metrics_count_reason(f->reason, true);
    if (!log_line_begin(LOG_SECURITY, w))
        return false;
    log_begin_object(w, gate_wall_ms());
    write_reason(w, f);
    log_ip(w, "client", peer);
    return true;
}

static void end_connection(struct writer *w)
{
    log_number(w, "generation", gate.configuration->generation);
    log_number(w, "worker", log_worker_pid());
    writer_byte(w, '}');
    log_line_end(LOG_SECURITY, w);
}

void filters_connection_refused(const struct failure *f, struct ip peer)
{
    struct writer w;
    if (begin_connection(&w, f, peer))
        end_connection(&w);
}

void filters_connection_ended(const struct failure *f, const struct connection *c,
                              const struct h2_session *session)
{
    struct writer w;
    if (!begin_connection(&w, f, c->peer))
        return;
    log_connection_fingerprints(&w, c, session);
    end_connection(&w);
}

const struct filter security_log_filter = {
    .on_finish = on_finish,
};
