/* The certifier: the process that sees to certificates. It is told which ones the configuration
 * wants, watches files, issues for local names, asks for the status that is stapled, and hands what
 * is new to the supervisor, which passes it on to those who serve. It runs as the same user as the
 * workers, has no private key, and nobody waits for it while serving: what is in force stays in
 * force while it is gone.
 *
 * Its working directory is STORAGE/certificates, the only place that it writes to; it stands there
 * before it gives its rights away, so that the folders above may be closed to it. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "control/boot.h"

#define CERTIFIER_FOLDER "certificates" /* in the storage directory */

/* Exit code. */
int certifier_main(struct boot_record *boot);
