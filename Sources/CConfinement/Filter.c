#define _GNU_SOURCE
#include "CConfinement.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Calls that have the same number everywhere, and that headers of older systems lack. */
enum {
    pidfdSendSignal = 424, ioUringSetup, ioUringEnter, ioUringRegister, openTree, moveMount, fsopen_, fsconfig_, fsmount_, fspick_,
    pidfdOpen, clone3_,
    pidfdGetfd = 438, processMadvise = 440, mountSetattr = 442, quotactlFd = 443, processMrelease = 448, fchmodat2_ = 452,
    setxattrat = 463, removexattrat = 466, openTreeAttr = 467,
};

/* What an engine never needs. These are refused whatever their arguments are. */
static const unsigned int refused[] = {
    /* programs and processes */
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_tkill, SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo, SYS_setpriority, SYS_ioprio_set, SYS_personality, pidfdSendSignal, pidfdOpen, pidfdGetfd, processMadvise,
    processMrelease, SYS_migrate_pages, SYS_move_pages,
    /* connections */
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
    /* names of files that Landlock does not look at */
    SYS_truncate, SYS_fchmodat, fchmodat2_, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, setxattrat, SYS_removexattr, SYS_lremovexattr,
    removexattrat, SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_inotify_init1, SYS_inotify_add_watch, SYS_fanotify_init, SYS_fanotify_mark,
    /* memory that others share by a key or a name */
    SYS_shmget, SYS_shmat, SYS_msgget, SYS_semget, SYS_mq_open, SYS_mq_unlink, SYS_keyctl, SYS_add_key, SYS_request_key,
    /* mounts, namespaces, users */
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, openTree, openTreeAttr, moveMount, fsopen_, fsconfig_, fsmount_, fspick_,
    mountSetattr, SYS_unshare, SYS_setns, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups,
    SYS_setfsuid, SYS_setfsgid, SYS_capset,
    /* large parts of the kernel that are of no use here */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, ioUringSetup, ioUringEnter, ioUringRegister, SYS_io_setup, SYS_io_submit,
    /* the machine */
    SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon, SYS_swapoff,
    SYS_sethostname, SYS_setdomainname, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_acct, SYS_quotactl,
    quotactlFd, SYS_syslog,
#if defined(__x86_64__)
    SYS_fork, SYS_vfork, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_inotify_init, SYS_iopl, SYS_ioperm,
    SYS_modify_ldt, SYS_uselib, SYS_ustat, SYS_sysfs,
#endif
};

enum { most = 2 * (sizeof refused / sizeof *refused) + 64 };

struct program {
    struct sock_filter steps[most];
    unsigned short count;
};

static void add(struct program *program, struct sock_filter step) { program->steps[program->count++] = step; }

static void load(struct program *program, unsigned int offset) {
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void answer(struct program *program, unsigned int result) { add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, result)); }

/* Continues with the next step where the value that was loaded is the one given, and skips so many where it is not. */
static void only(struct program *program, unsigned int value, unsigned char skipped) {
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped));
}

/* The lower half of an argument: both processors keep it first. */
static unsigned int argument(unsigned int number) { return offsetof(struct seccomp_data, args) + 8 * number; }

enum { allow = SECCOMP_RET_ALLOW, refuse = SECCOMP_RET_ERRNO | EPERM, unknown = SECCOMP_RET_ERRNO | ENOSYS };

/* Allows a call only if its argument is one of two values. */
static void allowIf(struct program *program, unsigned int call, unsigned int number, unsigned int value, unsigned int other) {
    only(program, call, 5);
    load(program, argument(number));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    only(program, other, 1);
    answer(program, allow);
    answer(program, refuse);
}

#ifdef ARCHITECTURE
static void assemble(struct program *program) {
    unsigned int self = (unsigned int)getpid();
    /* A call in the numbers of another processor, as a 32-bit one on x86_64, would mean something else. */
    load(program, offsetof(struct seccomp_data, arch));
    only(program, ARCHITECTURE, 1);
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
    /* The x32 interface has the same architecture. */
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
    answer(program, SECCOMP_RET_KILL_PROCESS);
#endif
    for (unsigned int place = 0; place < sizeof refused / sizeof *refused; place++) {
        only(program, refused[place], 1);
        answer(program, refuse);
    }
    /* Threads are started, processes are not. The flags of clone3 are in memory, where a filter cannot look; without it clone is called. */
    only(program, clone3_, 1);
    answer(program, unknown);
    only(program, SYS_clone, 4);
    load(program, argument(0));
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1));
    answer(program, allow);
    answer(program, refuse);
    /* A process sends signals to itself alone, as abort does, and changes no limits of others. */
    allowIf(program, SYS_kill, 0, self, self);
    allowIf(program, SYS_tgkill, 0, self, self);
    allowIf(program, SYS_prlimit64, 0, 0, self);
    /* The times of an open file have no name: its address is 0 in both halves. */
    only(program, SYS_utimensat, 6);
    load(program, argument(1));
    only(program, 0, 3);
    load(program, argument(1) + 4);
    only(program, 0, 1);
    answer(program, allow);
    answer(program, refuse);
    answer(program, allow);
}
#endif

int confinementHasFilters(void) {
#ifdef ARCHITECTURE
    unsigned int action = SECCOMP_RET_KILL_PROCESS;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
#else
    return 0;
#endif
}

int confinementFilter(void) {
#ifdef ARCHITECTURE
    struct program program = {.count = 0};
    assemble(&program);
    struct sock_fprog filter = {.len = program.count, .filter = program.steps};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
#else
    errno = ENOSYS;
    return -1;
#endif
}
