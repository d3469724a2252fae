#include "service/executor_order.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "service/executor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* count texts and a NULL behind them; where the next go, or NULL when the packet ends before. */
static char **take_texts(char **at, const char *end, char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(texts[i] = take_text(at, end)))
            return NULL;
    texts[count] = NULL;
    return texts + count + 1;
}

static bool read_order(char *packet, size_t length, struct order *order)
{
    const struct execute_header *header = (const struct execute_header *)packet;
    char *at = packet + sizeof(*header);
    const char *end = packet + length;

    order->header = header;
    if (length < sizeof(*header) || header->group_count > EXECUTE_GROUPS
        || header->argument_count > EXECUTE_TEXTS || header->variable_count > EXECUTE_TEXTS
        || header->argument_count + header->variable_count > EXECUTE_TEXTS)
        return false;
    order->root = take_text(&at, end);
    order->directory = order->root ? take_text(&at, end) : NULL;
    order->command = order->directory ? take_text(&at, end) : NULL;
    order->arguments = order->texts;
    order->variables = order->command
                           ? take_texts(&at, end, order->arguments, header->argument_count)
                           : NULL;
    return order->variables && take_texts(&at, end, order->variables, header->variable_count)
           && at == end;
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

/* result is memory that the child shares. */
static void obey(int socket, struct order *order, struct execute_result *result)
{
    *result = (struct execute_result){ .status = W_EXITCODE(STATUS_TRY_LATER, 0) };

    pid_t child = fork();

    if (child == 0)
        program_become(order, result);
    close(order->fds[FD_INPUT]);
    close(order->fds[FD_OUTPUT]);
    if (child > 0)
        result->status = watch(socket, child);
    else
        *result = (struct execute_result){ result->status, EXECUTE_PREPARE, errno };
}

void execute_serve(int socket)
{
    char *packet = memory_new(1, EXECUTE_PACKET);
    struct order *order = memory_new(1, sizeof(*order));
    struct execute_result *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    while (result != MAP_FAILED) {
        size_t length = receive_order(socket, packet, order->fds);

        if (length == EXECUTE_KILL)
            continue;
        if (length == 0 || !read_order(packet, length, order))
            break;
        obey(socket, order, result);
        if (send(socket, result, sizeof(*result), MSG_NOSIGNAL) != sizeof(*result))
            break;
    }
    free(order);
    free(packet);
}
