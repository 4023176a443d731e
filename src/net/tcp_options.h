/* What is asked of the kernel for every TCP socket of ours, a client's or an origin's: small writes
 * go at once; a peer that is silent is asked after a minute, then every ten seconds, six times; and
 * bytes that nobody has acknowledged for two minutes, longer than any stall limit, end the
 * connection. */
#pragma once

#include "base/attributes.h"

/* 0 · -errno of the first that was refused; the others are set all the same */
int tcp_options_set(int fd);
