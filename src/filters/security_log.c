/* `log security`: one record per refusal, with its stable reason: what was wrong with the client's
 * message, or what the configuration forbids. Origins' and our own failures are in the request log.
 */
#include "filters/filters.h"
#include "filters/log_line.h"
#include "proxy/connection.h"
#include "proxy/refusal.h"

/* A client that merely goes away is no event. */
static bool is_refusal(const struct exchange *x)
{
    return x->failure.status != 0 &&
           (x->failure.whose == FAULT_CLIENT || x->failure.whose == FAULT_POLICY);
}

static void on_finish(struct exchange *x)
{
    struct writer w;
    if (!is_refusal(x) || !log_line_begin(LOG_SECURITY, &w))
        return;
    log_begin_object(&w, x->times.wall_ms);
    log_text(&w, "id", x->request_id);
    log_text(&w, "reason", slice_from(x->failure.reason));
    log_text(&w, "text", slice_from(x->failure.text));
    log_text(&w, "fault", slice_from(fault_name(x->failure.whose)));
    log_number(&w, "status", x->failure.status);
    log_ip(&w, "client", x->client);
    log_ip(&w, "peer", x->connection->peer);
    log_text(&w, "method", x->request.method_text);
    log_text(&w, "host", x->host);
    log_key(&w, "uri");
    writer_byte(&w, '"');
    log_write_uri(&w, x);
    writer_byte(&w, '"');
    log_text(&w, "site", x->site ? x->site->name : slice_of(NULL, 0));
    if (x->route)
        log_text(&w, "where", x->route->where);
    log_text(&w, "agent", x->user_agent);
    log_number(&w, "generation", x->configuration->generation);
    writer_byte(&w, '}');
    log_line_end(LOG_SECURITY, &w);
}

void filters_connection_refused(const char *reason, uint16_t status, struct ip peer)
{
    struct writer w;
    if (!log_line_begin(LOG_SECURITY, &w))
        return;
    log_begin_object(&w, gate_wall_ms());
    log_text(&w, "reason", slice_from(reason));
    log_text(&w, "fault", slice_from(fault_name(FAULT_POLICY)));
    log_number(&w, "status", status);
    log_ip(&w, "client", peer);
    log_number(&w, "generation", gate.configuration->generation);
    writer_byte(&w, '}');
    log_line_end(LOG_SECURITY, &w);
}

const struct filter security_log_filter = {
    .name = "security_log",
    .summary = "One record per refusal",
    .on_finish = on_finish,
};
