#include "service/filter.h"

#include "base/compiler.h"
#include "log/log.h"
#include "service/rights.h"
#include "service/service.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every daemon: memory, threads, time, reading and writing what is open. */
static const int always[] = {
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
    SCMP_SYS(pwrite64), SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(close), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(statfs),
    SCMP_SYS(fstatfs), SCMP_SYS(lseek), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(pipe2), SCMP_SYS(fadvise64),
    SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    SCMP_SYS(brk), SCMP_SYS(membarrier),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(setitimer), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit), SCMP_SYS(exit_group),
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid),
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(getgroups), SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(sysinfo),
    SCMP_SYS(uname), SCMP_SYS(umask), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
    SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime), SCMP_SYS(signalfd4), SCMP_SYS(inotify_init1),
    SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(socketpair),
};

static const int changing_files[] = {
    SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(chmod), SCMP_SYS(fchdir),
    SCMP_SYS(utimensat), SCMP_SYS(futimesat), SCMP_SYS(utimes), SCMP_SYS(ftruncate),
    SCMP_SYS(truncate), SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(syncfs), SCMP_SYS(copy_file_range),
};

/* Acting as a recipient: making its files. */
static const int becoming_users[] = {
    SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setreuid), SCMP_SYS(setregid),
    SCMP_SYS(setgroups), SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(chown),
};

static const int making_memory_files[] = { SCMP_SYS(memfd_create) };

/* Nothing of ours ever calls these once it serves. */
static const int hostile[] = {
    SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(bpf), SCMP_SYS(keyctl), SCMP_SYS(add_key),
    SCMP_SYS(request_key), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(unshare), SCMP_SYS(setns),
    SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(init_module), SCMP_SYS(finit_module),
    SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
    SCMP_SYS(perf_event_open), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(pidfd_getfd),
    SCMP_SYS(fsopen), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(acct),
};

static void add_rules(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = seccomp_rule_add(filter, action, calls[i], 0);

        /* A call that this architecture does not have needs no rule. */
        if (status < 0 && status != -EDOM && status != -EACCES && calls[i] >= 0)
            log_fatal("system call filter: rule for call %d: error %d", calls[i], status);
    }
}

static void allow_when(scmp_filter_ctx filter, int call, unsigned count,
                       const struct scmp_arg_cmp *conditions)
{
    int status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, count, conditions);

    if (status < 0)
        log_fatal("system call filter: rule for call %d: error %d", call, status);
}

/* Threads, and no processes; to ourselves the signal of abort(3), and to nobody else. */
static void allow_threads(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp thread[] = {
        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD),
    };
    const struct scmp_arg_cmp ourselves[] = { SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) };
    const struct scmp_arg_cmp own_limits[] = { SCMP_A0(SCMP_CMP_EQ, 0) };
    const struct scmp_arg_cmp thread_name[] = { SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME) };

    allow_when(filter, SCMP_SYS(clone), COUNT(thread), thread);
    allow_when(filter, SCMP_SYS(tgkill), COUNT(ourselves), ourselves);
    allow_when(filter, SCMP_SYS(prlimit64), COUNT(own_limits), own_limits);
    allow_when(filter, SCMP_SYS(prctl), COUNT(thread_name), thread_name);
}

enum { SOCKET_TYPE_MASK = 0xf };

static void allow_socket(scmp_filter_ctx filter, int family, int type)
{
    const struct scmp_arg_cmp conditions[] = {
        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family),
        SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE_MASK, (scmp_datum_t)type),
    };

    allow_when(filter, SCMP_SYS(socket), COUNT(conditions), conditions);
}

static void allow_network(scmp_filter_ctx filter, unsigned network)
{
    /* The log is connected anew when syslogd was restarted. */
    allow_socket(filter, AF_UNIX, SOCK_DGRAM);
    if (network & NETWORK_UNIX) {
        /* What the other side has not read: who waits for a place (qmgr). */
        const struct scmp_arg_cmp unread[] = { SCMP_A1(SCMP_CMP_EQ, SIOCOUTQ) };

        allow_socket(filter, AF_UNIX, SOCK_STREAM);
        allow_when(filter, SCMP_SYS(ioctl), COUNT(unread), unread);
    }
    if (network & (NETWORK_TCP | NETWORK_DNS)) {
        allow_socket(filter, AF_INET, SOCK_STREAM);
        allow_socket(filter, AF_INET6, SOCK_STREAM);
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bind), 0);
    }
    if (network & NETWORK_DNS) {
        allow_socket(filter, AF_INET, SOCK_DGRAM);
        allow_socket(filter, AF_INET6, SOCK_DGRAM);
    }
}

_Bool filter_enforce(unsigned rights, enum filter_mode mode)
{
    bool log_only = mode == FILTER_LOG;
    scmp_filter_ctx filter = seccomp_init(log_only ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(ENOSYS));

    if (!filter)
        log_fatal("system call filter: out of memory");
    /* A tree instead of a list, where libseccomp can. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add_rules(filter, SCMP_ACT_ALLOW, always, COUNT(always));
    if (rights_change_files(rights))
        add_rules(filter, SCMP_ACT_ALLOW, changing_files, COUNT(changing_files));
    if (rights & RIGHT_BECOME_USERS)
        add_rules(filter, SCMP_ACT_ALLOW, becoming_users, COUNT(becoming_users));
    if (rights & RIGHT_MEMORY_FILE)
        add_rules(filter, SCMP_ACT_ALLOW, making_memory_files, COUNT(making_memory_files));
    if (!log_only)
        add_rules(filter, SCMP_ACT_KILL_PROCESS, hostile, COUNT(hostile));
    allow_threads(filter);
    allow_network(filter, rights_network(rights));

    int status = seccomp_load(filter);

    seccomp_release(filter);
    if (status < 0 && status != -EINVAL && status != -ENOSYS)
        log_fatal("system call filter: error %d", status);
    return status >= 0;
}
