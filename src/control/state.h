/* The state directory: the lock that keeps two supervisors apart, the PID file and the sockets of
 * the admin interface and of adoption. /run/portcullis for root, else $XDG_RUNTIME_DIR/portcullis,
 * else /tmp/portcullis-UID. */
#pragma once

#include <stddef.h>

#include "base/attributes.h"

#define STATE_PATH_MAX 96 /* leaves room for a socket's name in sun_path */

/* Into `to`; 0 · -ENAMETOOLONG */
MUST_CHECK int state_folder_default(char *to, size_t room);

/* The storage directory holds what must outlive a reboot: certificates, keys, accounts. The state
 * directory when that was chosen (`chosen`, NULL: it was not), else /var/lib/portcullis for root,
 * else $XDG_STATE_HOME/portcullis or ~/.local/state/portcullis, else the state directory.
 * 0 · -ENAMETOOLONG */
MUST_CHECK int state_storage_default(char *to, size_t room, const char *chosen);

/* Makes a folder with its parents (0755 each) unless it is there; one that is not ours or that
 * everybody may write to is refused. 0 · -errno */
MUST_CHECK int state_make_folder(const char *path);

/* FOLDER/NAME into `to`. 0 · -ENAMETOOLONG */
MUST_CHECK int state_path(char *to, size_t room, const char *folder, const char *name);

/* Makes the folder (0750) when it is missing, takes its lock. The lock's descriptor, to be kept
 * open · -EBUSY another supervisor holds it · -errno */
MUST_CHECK int state_lock(const char *folder);

/* Writes our process id to a file, whole or not at all. 0 · -errno */
MUST_CHECK int state_write_pid(const char *path);

#define STATE_ADMIN_SOCKET    "admin.sock"
#define STATE_ADOPTION_SOCKET "adoption.sock"
#define STATE_PID_FILE        "portcullis.pid"
