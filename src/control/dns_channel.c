#include "control/dns_channel.h"

#include <errno.h>
#include <sys/select.h>

#include "base/log.h"

int dns_channel_open(ares_channel *ret, const struct names_segment *names, int timeout_ms,
                     int tries)
{
    struct ares_options options = { .timeout = timeout_ms, .tries = tries };
    char servers[NAME_SERVERS_BYTES_MAX + 1];
    if (ares_init_options(ret, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
        return -EIO;
    names_read_servers(names, servers);
    if (servers[0] && ares_set_servers_ports_csv(*ret, servers) != ARES_SUCCESS)
        log_error("the name servers %s cannot be used", servers);
    return 0;
}

void dns_channel_process(ares_channel channel)
{
    fd_set readable, writable;
    struct timeval at_once = { 0 };
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    int count = ares_fds(channel, &readable, &writable);
    if (count > 0 && select(count, &readable, &writable, NULL, &at_once) < 0)
        return;
    ares_process(channel, &readable, &writable);
}
