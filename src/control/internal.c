/* `portcullis internal ROLE FD`: the entry of every process that another of ours starts. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "control/boot.h"
#include "control/certifier.h"
#include "control/generation.h"
#include "control/keyholder.h"
#include "control/logger.h"
#include "control/observer.h"
#include "control/supervisor.h"

int boot_drop_privileges(const struct boot_record *r)
{
    if (geteuid() != 0 || r->run_uid == 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(r->run_gid, r->run_gid, r->run_gid) < 0 ||
        setresuid(r->run_uid, r->run_uid, r->run_uid) < 0)
        return -errno;
    return 0;
}

int internal_main(int argc, char **argv)
{
    static const struct {
        const char *role;
        int (*run)(struct boot_record *boot);
    } roles[] = {
        { "certifier", certifier_main }, { "generation", generation_main },
        { "keyholder", keyholder_main }, { "logger", logger_main },
        { "observer", observer_main },   { "supervisor", supervisor_continue },
    };
    uint64_t fd;
    struct boot_record *record;
    if (argc != 2 || number_parse(slice_from(argv[1]), 65535, &fd) != 0 ||
        boot_read((int)fd, &record) != 0) {
        dprintf(STDERR_FILENO, "portcullis: `internal` is not for the command line\n");
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++)
        if (strcmp(roles[i].role, argv[0]) == 0)
            return roles[i].run(record);
    dprintf(STDERR_FILENO, "portcullis: this binary knows no process \"%s\"\n", argv[0]);
    return 2;
}
