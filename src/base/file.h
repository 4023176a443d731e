/* Files that a configuration names: certificates, lists, pages, secrets, rules. They are read again
 * by every reload, also while a service starts, so that none may be what is read once or has its
 * reader wait: a pipe, a device or a socket. */
#pragma once

#include "base/attributes.h"

/* A regular file for reading; a link to one is one. Never waits for a writer and never opens a
 * device, which may do things when it is opened. The descriptor is the caller's, close-on-exec.
 * -errno, of which: -EISDIR a folder · -ESPIPE a pipe · -ENODEV a device · -ENXIO a socket */
MUST_CHECK int file_open(const char *path);

/* What is wrong with a file, from the -errno that opening or reading it gave: "it is a pipe, not a
 * file". */
const char *file_problem(int error);
