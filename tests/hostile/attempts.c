#include "attempts.h"

#include "base/compiler.h"
#include "base/scope.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Each tries one thing: 0 when it succeeded, else -1 and errno. */

static int read_file(const char *path)
{
    char byte;
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, &byte, 1) >= 0 ? 0 : -1;
}

static int list_folder(const char *path)
{
    char bytes[2048];
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && syscall(SYS_getdents64, fd, bytes, sizeof(bytes)) >= 0 ? 0 : -1;
}

static int make_file(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : -1;
}

static int change_mode(const char *path)
{
    return chmod(path, 0777);
}

static int remove_file(const char *path)
{
    return unlink(path);
}

static int make_link(const char *path)
{
    return symlink("/etc/shadow", path);
}

static int make_device(const char *path)
{
    return mknod(path, S_IFIFO | 0600, 0);
}

static int execute(const char *path)
{
    char *const arguments[] = { (char *)path, NULL };
    pid_t child = vfork();

    if (child == 0) {
        execv(path, arguments);
        _exit(1);
    }
    if (child < 0)
        return -1;

    int status;

    if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    errno = EACCES;
    return -1;
}

static int execute_ourselves(const char *path)
{
    char *const arguments[] = { (char *)path, NULL };

    return execv(path, arguments);
}

static int make_process(UNUSED const char *argument)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return child > 0 ? 0 : -1;
}

static pid_t process_of(const char *argument)
{
    uint64_t number = 0;

    return slice_number(slice_of(argument), INT32_MAX, &number) ? (pid_t)number : getppid();
}

static int trace(const char *argument)
{
    return ptrace(PTRACE_ATTACH, process_of(argument), NULL, NULL) == 0 ? 0 : -1;
}

static int read_memory(const char *argument)
{
    char byte;
    struct iovec here = { &byte, 1 };
    struct iovec there = { (void *)0x400000, 1 };

    return process_vm_readv(process_of(argument), &here, 1, &there, 1, 0) >= 0 ? 0 : -1;
}

static int open_memory(const char *argument)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)process_of(argument));
    return read_file(path) == 0 || errno == EIO ? 0 : -1;
}

static int send_signal(const char *argument)
{
    return kill(process_of(argument), SIGCONT);
}

static int send_thread_signal(const char *argument)
{
    pid_t pid = process_of(argument);

    return (int)syscall(SYS_tgkill, pid, pid, SIGCONT);
}

/* "ADDRESS PORT" */
static bool inet_address(const char *argument, struct sockaddr_in *address)
{
    struct slice rest = slice_of(argument);
    struct slice host = slice_take_word(&rest);
    uint64_t port;
    AUTO_STR struct str text = STR_EMPTY;

    str_add(&text, host);
    *address = (struct sockaddr_in){ .sin_family = AF_INET };
    if (inet_pton(AF_INET, text.data, &address->sin_addr) != 1 ||
        !slice_number(slice_trim(rest), UINT16_MAX, &port))
        return false;
    address->sin_port = htons((uint16_t)port);
    return true;
}

static int connect_tcp(const char *argument)
{
    struct sockaddr_in address;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || !inet_address(argument, &address))
        return -1;
    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int listen_tcp(const char *argument)
{
    struct sockaddr_in address;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || !inet_address(argument, &address))
        return -1;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return listen(fd, 1);
}

static int send_udp(const char *argument)
{
    struct sockaddr_in address;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || !inet_address(argument, &address))
        return -1;
    return sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)) == 1 ? 0 : -1;
}

static int raw_socket(UNUSED const char *argument)
{
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

    return fd >= 0 ? 0 : -1;
}

static int netlink_socket(UNUSED const char *argument)
{
    AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);

    return fd >= 0 ? 0 : -1;
}

/* A path, or "@name" of an abstract socket. */
static int connect_unix(const char *argument)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(argument);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || length >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, argument, length);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    return connect(fd, (struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

static int become_root(UNUSED const char *argument)
{
    return setuid(0);
}

static int become_root_group(UNUSED const char *argument)
{
    return setgid(0);
}

static int take_groups(UNUSED const char *argument)
{
    gid_t groups[] = { 0 };

    return setgroups(COUNT(groups), groups);
}

static int change_root(const char *argument)
{
    return chroot(argument);
}

static int mount_something(const char *argument)
{
    return mount("none", argument, "tmpfs", 0, NULL);
}

static int new_namespace(UNUSED const char *argument)
{
    return unshare(CLONE_NEWUSER);
}

static int load_bpf(UNUSED const char *argument)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = attributes.value_size = 4;
    attributes.max_entries = 1;
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) >= 0 ? 0 : -1;
}

static int use_keys(UNUSED const char *argument)
{
    return syscall(SYS_add_key, "user", "hostile", "x", 1, -2) >= 0 ? 0 : -1;
}

static int use_io_uring(UNUSED const char *argument)
{
    struct io_uring_params parameters;

    memset(&parameters, 0, sizeof(parameters));
    return syscall(SYS_io_uring_setup, 1, &parameters) >= 0 ? 0 : -1;
}

static int use_userfaultfd(UNUSED const char *argument)
{
    return syscall(SYS_userfaultfd, O_CLOEXEC) >= 0 ? 0 : -1;
}

static int open_by_handle(const char *argument)
{
    struct { struct file_handle head; unsigned char space[128]; } handle;
    int mount_id;

    handle.head.handle_bytes = sizeof(handle.space);
    if (name_to_handle_at(AT_FDCWD, argument, &handle.head, &mount_id, 0) < 0)
        handle.head.handle_bytes = 8;

    AUTO_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return open_by_handle_at(root, &handle.head, O_RDONLY) >= 0 ? 0 : -1;
}

static int watch_performance(UNUSED const char *argument)
{
    struct perf_event_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    attributes.size = sizeof(attributes);
    attributes.type = PERF_TYPE_SOFTWARE;
    return syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) >= 0 ? 0 : -1;
}

static int become_dumpable(UNUSED const char *argument)
{
    return prctl(PR_SET_DUMPABLE, 1);
}

static int execute_memory(UNUSED const char *argument)
{
    return syscall(SYS_memfd_create, "x", 0) >= 0 ? 0 : -1;
}

static const struct {
    const char *word;
    int (*run)(const char *argument);
} attempts[] = {
    { "read", read_file }, { "list", list_folder }, { "write", make_file },
    { "chmod", change_mode }, { "remove", remove_file }, { "symlink", make_link },
    { "mknod", make_device }, { "execute", execute }, { "become", execute_ourselves },
    { "fork", make_process }, { "ptrace", trace }, { "process_vm", read_memory },
    { "proc_mem", open_memory }, { "kill", send_signal }, { "tgkill", send_thread_signal },
    { "tcp", connect_tcp }, { "listen", listen_tcp }, { "udp", send_udp },
    { "raw", raw_socket }, { "netlink", netlink_socket }, { "unix", connect_unix },
    { "setuid", become_root }, { "setgid", become_root_group }, { "setgroups", take_groups },
    { "chroot", change_root }, { "mount", mount_something }, { "unshare", new_namespace },
    { "bpf", load_bpf }, { "keys", use_keys }, { "io_uring", use_io_uring },
    { "userfaultfd", use_userfaultfd }, { "handle", open_by_handle },
    { "perf", watch_performance }, { "dumpable", become_dumpable },
    { "memfd", execute_memory },
};

const char *attempt(struct slice word, const char *argument)
{
    for (size_t i = 0; i < COUNT(attempts); i++)
        if (slice_is(word, attempts[i].word)) {
            errno = 0;
            if (attempts[i].run(argument) == 0)
                return "done";
            return errno ? strerrorname_np(errno) : "refused";
        }
    return "unknown";
}
