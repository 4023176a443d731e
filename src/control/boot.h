/* How the supervisor starts another process: a fresh exec of the binary (its own address-space
 * layout) with one descriptor, a memfd that holds this record, and the descriptors it names. Also
 * the handover of an upgrade, where the started process is the next supervisor itself.
 *
 * The record is versioned: BOOT_VERSION is raised whenever its layout changes. A binary that has
 * another one refuses it, and nothing happens: such an upgrade needs a restart. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "shared/memory.h"

#define BOOT_VERSION         6u
#define BOOT_MAGIC           0x504f5254424f4f54u
#define BOOT_LISTENERS_MAX   64u /* addresses, of traffic, metrics and admin together */
#define BOOT_SOCKETS_MAX     WORKER_SLOTS_MAX
#define BOOT_GENERATIONS_MAX 72u
#define BOOT_ADDRESS_MAX     128u
#define BOOT_TICKETS_MAX     32u

/* A kept address and its sockets. Its place never changes. */
struct boot_listener {
    char wanted[BOOT_ADDRESS_MAX]; /* as the configuration says it; empty: the place is free */
    char bound[BOOT_ADDRESS_MAX];  /* with the port the kernel chose */
    int32_t use;                   /* enum listener_use */
    int32_t count;
    int32_t sockets[BOOT_SOCKETS_MAX];
};

enum generation_state {
    GENERATION_LOADING,
    GENERATION_CURRENT,
    GENERATION_DRAINING,
    GENERATION_ORPHANED /* its process died, workers of it go on; no channel */
};

struct boot_generation {
    uint64_t number;
    int64_t started_ms, drain_since_ms, drain_ms;
    int64_t kill_at_ms;          /* it was told to end at once; 0: it was not */
    int32_t pid, channel, state; /* pid is also its process group: its workers are in there */
    int32_t was_told;            /* it said itself why it failed */
    int32_t is_upgrade;          /* of the binary now on disk, for an upgrade */
    int32_t has_ended, end_status;
    int32_t wants_keys; /* a channel to the keyholder, once there is one */
    uint32_t slots[BOOT_SOCKETS_MAX];
    uint32_t slot_count, slots_wanted; /* wanted: it waits for that many */
    int32_t wish_fd;                   /* sheet of the certificates it wants; 0: none */
    uint64_t listeners;                /* bit i: it asked for the record's listeners[i] */
    uint32_t listen_count; /* of them, those it accepts from, in its configuration's order */
    uint8_t listens[BOOT_LISTENERS_MAX];
};

/* Text of MESSAGE_WANT_CERTIFICATES. */
struct certificates_wish {
    uint32_t uid, gid; /* whom the certifier runs as */
};

struct boot_keyholder {
    int32_t pid;     /* 0: none */
    int32_t channel; /* which may do everything */
};

struct boot_record {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes;
    /* everybody */
    char binary[PATH_MAX]; /* to exec: an upgrade finds the new file there */
    char state_folder[PATH_MAX];
    char storage_folder[PATH_MAX]; /* what outlives a reboot: see state_storage_default() */
    char config_path[PATH_MAX];    /* empty: config_fd holds the text */
    char pid_file[PATH_MAX];
    int32_t config_fd;
    int32_t to_terminal;
    int32_t verbosity;
    int32_t load_ms; /* that long a generation may take until it is ready */
    int32_t shared[SHARED_COUNT];
    int32_t channel; /* to the supervisor */
    int32_t log_wake_fd;
    int32_t key_channel;       /* to the keyholder, with the rights of this process; -1: none */
    int32_t out_fd, err_fd;    /* the supervisor's own stdout and stderr */
    uint32_t run_uid, run_gid; /* whom the helpers run as */
    /* a generation */
    uint64_t generation;
    int32_t adoption_fd; /* listening socket by which a new supervisor finds the generation */
    /* the observer */
    int32_t admin_fd; /* listening Unix socket */
    /* an upgrade: the supervisor's whole state */
    int32_t lock_fd;
    int32_t logger_pid, logger_channel, observer_pid, observer_channel;
    int32_t certifier_pid, certifier_channel; /* 0, -1: no configuration wanted certificates */
    int32_t certifier_keyholder;              /* pid of the keyholder that it loads keys into */
    struct certificates_wish certifier_user;
    struct boot_keyholder keyholder, next_keyholder; /* next: of the upgrade that is loading */
    int64_t started_wall_ms, drain_ms;
    uint32_t drain_generations_max;
    uint64_t next_generation;
    int64_t tickets[BOOT_TICKETS_MAX]; /* of whoever waits for the upgrade */
    uint32_t ticket_count;
    char sinks[SINKS_MAX][SINK_PATH_MAX + 1]; /* as generations asked for them; empty: none */
    uint32_t listener_count, generation_count;
    struct boot_listener listeners[BOOT_LISTENERS_MAX];
    struct boot_generation generations[BOOT_GENERATIONS_MAX];
};

/* A record with every descriptor -1. */
void boot_record_clear(struct boot_record *r);

#define BOOT_OWN_BINARY "/proc/self/exe" /* what runs, whatever is on disk by now */

/* The generation accepts from one more listener, the next in its configuration's order. */
void boot_generation_listens(struct boot_generation *g, uint32_t listener);

/* Does it live, and is it really one of ours? A process id can have been given to somebody else
 * meanwhile. */
bool boot_process_has_name(pid_t pid, const char *name);

/* "signal 9 (Killed)", "exit code 1", from a status of waitpid. */
void boot_describe_end(char *to, size_t room, int status);

/* Starts record->binary as `role` with the record; the named descriptors (and only these) stay open
 * in it. It leads a process group of its own.
 * returns the pid · -errno, also of a binary that cannot be executed */
MUST_CHECK pid_t boot_start(const char *role, const struct boot_record *record);

/* Becomes `role` (an upgrade). Returns only on failure: -errno, nothing changed. */
MUST_CHECK int boot_become(const char *role, const struct boot_record *record);

/* Reads the record from the descriptor that was inherited. Static memory.
 * 0 · -EPROTO another version or not a record */
MUST_CHECK int boot_read(int fd, struct boot_record **ret);

/* Logger and observer: from root to run_uid and run_gid. 0 · -errno */
MUST_CHECK int boot_drop_privileges(const struct boot_record *r);
