#include "proxy/endpoint.h"

#include <errno.h>

#include "base/number.h"

static const char expects_port[] = "a port between 1 and 65535";

/* The digits behind the last colon that is not inside brackets. */
static bool has_bad_port(slice text)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != ':' && text.ptr[at - 1] != ']')
        at--;
    if (at == 0 || text.ptr[at - 1] != ':')
        return false;
    uint64_t port;
    slice digits = slice_after(text, at);
    int error = number_parse(digits, 65535, &port);
    return error == -ERANGE || (error == 0 && port == 0);
}

/* A port alone: "3000". */
static bool is_port(slice text)
{
    uint64_t port;
    return number_parse(text, 65535, &port) == 0 && port > 0;
}

int endpoint_parse_listen(slice text, struct address *ret, const char **reterr_expected)
{
    *reterr_expected = "an address such as 127.0.0.1:8080, :80, [::1]:80 or unix:/path";
    if (text.len > 1 && text.ptr[0] == ':' && text.ptr[1] != ':') {
        uint64_t port;
        if (number_parse(slice_after(text, 1), 65535, &port) != 0) {
            *reterr_expected = expects_port;
            return -EINVAL;
        }
        address_from_ip((struct ip){ 0 }, (uint16_t)port, ret); /* "::", both families */
        return 0;
    }
    if (address_parse(text, ret) == 0)
        return 0;
    struct authority authority;
    if (is_port(text))
        *reterr_expected =
            "an address, not only a port: :PORT for all addresses of this machine, or "
            "127.0.0.1:PORT";
    else if (has_bad_port(text))
        *reterr_expected = expects_port;
    else if (authority_parse(text, &authority) == 0 && authority.has_port && !authority.is_ipv4 &&
             !authority.is_ipv6)
        *reterr_expected = "an address, not a name: for example 127.0.0.1:8080";
    else if (authority_parse(text, &authority) == 0)
        *reterr_expected = "an address with a port, such as 127.0.0.1:8080";
    return -EINVAL;
}

int endpoint_parse_resolver(slice text, struct address *ret, const char **reterr_expected)
{
    struct ip ip;
    *reterr_expected = "the address of a name server such as 192.0.2.53 or [2001:db8::53]:5353";
    if (ip_parse(text, &ip) == 0) {
        address_from_ip(ip, 53, ret);
        return 0;
    }
    if (address_parse(text, ret) == 0 && ret->any.sa_family != AF_UNIX && address_port(ret) != 0)
        return 0;
    if (has_bad_port(text))
        *reterr_expected = expects_port;
    return -EINVAL;
}

bool endpoint_is_address(slice text)
{
    return slice_find_byte(text, ':') < text.len || slice_find_byte(text, '/') < text.len ||
           slice_find_byte(text, '[') < text.len || slice_find_byte(text, '.') < text.len;
}

/* What stands before "://"; empty: nothing. */
static slice take_scheme(slice *text)
{
    size_t at = slice_find(*text, SLICE("://"));
    if (at == text->len)
        return SLICE("");
    slice scheme = slice_first(*text, at);
    *text = slice_after(*text, at + 3);
    return scheme;
}

static int refuse_server(slice text, const char **reterr_expected)
{
    struct authority authority;
    *reterr_expected = "an address such as 127.0.0.1:3000, app.internal:3000, [::1]:3000 or "
                       "unix:/path";
    bool is_only_port =
        is_port(text) || (slice_starts_with(text, SLICE(":")) && is_port(slice_after(text, 1)));
    if (is_only_port)
        *reterr_expected = "an address, not only a port: for this machine 127.0.0.1:PORT";
    else if (has_bad_port(text))
        *reterr_expected = expects_port;
    else if (authority_parse(text, &authority) == 0)
        *reterr_expected = "an address with a port, such as 127.0.0.1:3000";
    return -EINVAL;
}

/* What stands before an address: how its servers are spoken to. */
static const struct scheme {
    const char *name;
    uint16_t port; /* when none is written; 0: one has to be */
    enum server_speaks speaks;
    bool is_grpc;
    bool is_tls;
} schemes[] = {
    { "", 0, SPEAKS_HTTP1, false, false },        { "http", 80, SPEAKS_HTTP1, false, false },
    { "https", 443, SPEAKS_EITHER, false, true }, { "h2", 80, SPEAKS_HTTP2, false, false },
    { "grpc", 80, SPEAKS_HTTP2, true, false },    { "grpcs", 443, SPEAKS_HTTP2, true, true },
};

static const struct scheme *find_scheme(slice name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++)
        if (slice_equal_fold(slice_from(schemes[i].name), name))
            return &schemes[i];
    return NULL;
}

int endpoint_parse_server(slice text, struct server *ret, const char **reterr_expected)
{
    slice whole = text;
    const struct scheme *scheme = find_scheme(take_scheme(&text));
    if (!scheme)
        return -EPROTONOSUPPORT;
    struct server server = { .text = whole,
                             .weight = 1,
                             .name_slot = -1,
                             .speaks = scheme->speaks,
                             .is_grpc = scheme->is_grpc,
                             .is_tls = scheme->is_tls };
    if (slice_starts_with(text, SLICE("unix:"))) {
        if (address_parse(text, &server.address) != 0)
            return refuse_server(text, reterr_expected);
        *ret = server;
        return 0;
    }
    if (slice_find_byte(text, '/') < text.len)
        return -EISDIR;
    struct authority authority;
    if (authority_parse(text, &authority) != 0 || (!authority.has_port && scheme->port == 0))
        return refuse_server(text, reterr_expected);
    server.host = authority.host;
    server.port = authority.has_port ? authority.port : scheme->port;
    server.is_name = !authority.is_ipv4 && !authority.is_ipv6;
    struct ip ip;
    if (!server.is_name) {
        if (ip_parse(authority.host, &ip) != 0)
            return refuse_server(text, reterr_expected);
        address_from_ip(ip, server.port, &server.address);
    }
    *ret = server;
    return 0;
}
