#include "execute_request.h"

#include "base/compiler.h"
#include "base/memory.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FD_INPUT, FD_OUTPUT, FD_COUNT, STATUS_TRY_LATER = 75 };

struct order {
    const struct execute_header *header;
    char *command;
    char *variables[EXECUTE_VARIABLES + 1];
    int fds[FD_COUNT];
};

/* --- The request. ------------------------------------------------------------------------ */

/* The next text of the packet, NULL when its end is missing. */
static char *take_text(char **at, const char *end)
{
    char *text = *at;
    char *nul = memchr(text, '\0', (size_t)(end - text));

    if (nul)
        *at = nul + 1;
    return nul ? text : NULL;
}

static bool read_order(char *packet, size_t length, struct order *order)
{
    char *at = packet + sizeof(*order->header);
    const char *end = packet + length;

    order->header = (const struct execute_header *)packet;
    if (length < sizeof(*order->header) || order->header->group_count > EXECUTE_GROUPS
        || order->header->variable_count > EXECUTE_VARIABLES)
        return false;
    order->command = take_text(&at, end);
    if (!order->command)
        return false;
    for (size_t i = 0; i < order->header->variable_count; i++) {
        order->variables[i] = take_text(&at, end);
        if (!order->variables[i])
            return false;
    }
    order->variables[order->header->variable_count] = NULL;
    return at == end;
}

/* A packet with its two descriptors; 0 at the end of the socket, or for rubbish. */
static size_t receive_order(int socket, char *packet, int *fds)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * FD_COUNT)];
    } control;
    struct iovec part = { packet, EXECUTE_PACKET };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

    if (count == EXECUTE_KILL)
        return EXECUTE_KILL;    /* it came too late: the program has just ended */
    if (count <= 0)
        return 0;

    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (!header || header->cmsg_type != SCM_RIGHTS
        || header->cmsg_len != CMSG_LEN(sizeof(int) * FD_COUNT)
        || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return 0;
    memcpy(fds, CMSG_DATA(header), sizeof(int) * FD_COUNT);
    return (size_t)count;
}

/* --- The program. ------------------------------------------------------------------------- */

static void clear_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool become(const struct execute_header *header)
{
    return setgroups(header->group_count, header->groups) == 0
           && setresgid(header->gid, header->gid, header->gid) == 0
           && setresuid(header->uid, header->uid, header->uid) == 0;
}

static bool limit_files(long long size)
{
    struct rlimit limit = { (rlim_t)size, (rlim_t)size };

    return size <= 0 || setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void run(const struct order *order) NO_RETURN;

static void run(const struct order *order)
{
    char shell[] = "sh", option[] = "-c";
    char *arguments[] = { shell, option, order->command, NULL };

    setsid();
    if (dup2(order->fds[FD_INPUT], 0) == 0 && dup2(order->fds[FD_OUTPUT], 1) == 1
        && dup2(order->fds[FD_OUTPUT], 2) == 2 && limit_files(order->header->file_size_limit)
        && become(order->header)) {
        closefrom(3);
        clear_signals();
        execve("/bin/sh", arguments, order->variables);
    }
    _exit(STATUS_TRY_LATER);
}

/* --- Serving. ------------------------------------------------------------------------------- */

/* Until it ends; a word over the socket, or its end, kills all of it. */
static int watch(int socket, pid_t child)
{
    struct pollfd ready[] = { { socket, POLLIN, 0 }, { pidfd_open(child, 0), POLLIN, 0 } };
    int status = 0;
    char word;

    while (ready[1].fd >= 0 && poll(ready, COUNT(ready), -1) < 0 && errno == EINTR)
        continue;
    if (ready[0].revents) {
        (void)!recv(socket, &word, sizeof(word), 0);
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (ready[1].fd >= 0)
        close(ready[1].fd);
    return status;
}

static int obey(int socket, struct order *order)
{
    pid_t child = fork();

    if (child == 0)
        run(order);
    close(order->fds[FD_INPUT]);
    close(order->fds[FD_OUTPUT]);
    return child < 0 ? W_EXITCODE(STATUS_TRY_LATER, 0) : watch(socket, child);
}

void execute_serve(int socket)
{
    char *packet = memory_new(1, EXECUTE_PACKET);
    struct order order;

    for (;;) {
        size_t length = receive_order(socket, packet, order.fds);

        if (length == EXECUTE_KILL)
            continue;
        if (length == 0 || !read_order(packet, length, &order))
            break;

        int status = obey(socket, &order);

        if (send(socket, &status, sizeof(status), MSG_NOSIGNAL) != sizeof(status))
            break;
    }
    free(packet);
}
