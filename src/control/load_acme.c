#include "control/load_acme.h"

#include <errno.h>

#include "acme/settings.h"

/* Where we can ask ourselves what the CA will be told: a plain listener that strangers reach. */
static int note_address(const struct listen *l, struct arena *a, struct acme_settings *s)
{
    char memory[80];
    struct writer w = writer_over(memory, sizeof memory);
    struct ip ip = address_ip(&l->address), none = { 0 };
    uint16_t port = address_port(&l->address);
    bool is_any = ip_equal(ip, none) || (ip_is_v4(ip) && memcmp(ip.bytes + 12, none.bytes, 4) == 0);
    if (port == 0 || l->proxy_protocol)
        return 0; /* not known yet, or it wants to hear first who asks */
    if (is_any)
        writer_format(&w, "%s:%u", ip_is_v4(ip) ? "127.0.0.1" : "[::1]", port);
    else
        address_write(&w, &l->address);
    s->http_address = arena_copy(a, writer_slice(&w));
    return s->http_address.ptr ? 0 : -ENOMEM;
}

static int note_listen(const struct listen *l, struct arena *a, struct acme_settings *s)
{
    if (l->address.any.sa_family == AF_UNIX)
        return 0;
    uint16_t port = address_port(&l->address);
    bool is_standard = port == (l->is_tls ? 443 : 80);
    uint8_t reach = is_standard ? ACME_REACH_STANDARD : ACME_REACH_OTHER_PORT;
    uint8_t *known = l->is_tls ? &s->reach_tls : &s->reach_http;
    bool is_better = reach > *known;
    if (is_better)
        *known = reach;
    return is_better && !l->is_tls ? note_address(l, a, s) : 0;
}

int load_acme_text(const struct configuration *c, struct arena *a, slice *ret)
{
    *ret = SLICE("");
    if (!c->acme)
        return 0;
    struct acme_settings s = *c->acme;
    char *memory = arena_take(a, ACME_SETTINGS_BYTES);
    struct writer w = writer_over(memory, memory ? ACME_SETTINGS_BYTES : 0);
    for (uint32_t i = 0; i < c->listen_count; i++)
        TRY(note_listen(&c->listens[i], a, &s));
    acme_settings_write(&s, &w);
    if (w.overflowed)
        return -ENOMEM;
    *ret = writer_slice(&w);
    return 0;
}
