/* What the keyholder may no longer do once it serves: start or trace processes, open sockets, be
 * dumped. The rights to read files stay: keys are where their owners have put them. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "control/keyholder.h"

/* --- Memory ------------------------------------------------------------------------------------
 */

/* No core, and nothing in swap where that may be asked for without a bound. */
static void keep_memory(void)
{
    struct rlimit none = { 0, 0 }, all = { RLIM_INFINITY, RLIM_INFINITY };
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    if (setrlimit(RLIMIT_MEMLOCK, &all) < 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        log_debug("keys may be swapped out: memory cannot be locked (RLIMIT_MEMLOCK)");
}

/* --- Capabilities ------------------------------------------------------------------------------
 */

/* Of those that are there, the one to read files of others stays. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[2] = { 0 };
    if (syscall(SYS_capget, &head, sets) < 0)
        return;
    uint32_t kept = sets[0].permitted & (1u << CAP_DAC_READ_SEARCH);
    memset(sets, 0, sizeof sets);
    sets[0].permitted = sets[0].effective = kept;
    if (syscall(SYS_capset, &head, sets) < 0)
        log_warn("the keyholder keeps capabilities: %s", strerror(errno));
}

/* --- System calls ------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define LOAD(offset)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
/* When the loaded word is `value`: fails with EPERM. */
#define REFUSE(value)                                                                              \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), RETURN(SECCOMP_RET_ERRNO | EPERM)

static void filter_calls(void)
{
    struct sock_filter rules[] = {
        LOAD(offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(offsetof(struct seccomp_data, nr)),
#ifdef __x86_64__
        /* the x32 numbers would pass by the comparisons below */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        REFUSE(SYS_fork),
        REFUSE(SYS_vfork),
#endif
        REFUSE(SYS_socket),
        REFUSE(SYS_connect),
        REFUSE(SYS_bind),
        REFUSE(SYS_listen),
        REFUSE(SYS_accept),
        REFUSE(SYS_accept4),
        REFUSE(SYS_execve),
        REFUSE(SYS_execveat),
        REFUSE(SYS_ptrace),
        REFUSE(SYS_process_vm_readv),
        REFUSE(SYS_process_vm_writev),
        REFUSE(SYS_pidfd_getfd),
        REFUSE(SYS_mount),
        REFUSE(SYS_unshare),
        REFUSE(SYS_setns),
        REFUSE(SYS_bpf),
        REFUSE(SYS_perf_event_open),
        REFUSE(SYS_keyctl),
        REFUSE(SYS_io_uring_setup), /* its operations pass by filters */
        /* Threads, but no processes. The flags of clone3 cannot be seen: the library falls back. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        LOAD(offsetof(struct seccomp_data, args[0])), /* flags, the low half */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_LENGTH(rules), .filter = rules };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        log_warn("the keyholder runs without a filter of system calls: %s", strerror(errno));
}

#else

static void filter_calls(void)
{
    log_warn("the keyholder runs without a filter of system calls on this machine");
}

#endif

void keyholder_confine(void)
{
    (void)umask(077);
    if (chdir("/") < 0)
        log_debug("the keyholder stays in its folder: %s", strerror(errno));
    keep_memory();
    drop_capabilities();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        log_warn("the keyholder could gain rights: %s", strerror(errno));
    filter_calls();
}
