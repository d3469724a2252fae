#include "service/process.h"

#include "base/scope.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A pass service is given its client over the connection of the one who had it before. */
static int receive_client(int connection)
{
    char byte[CONTROL_LIMIT];
    struct iovec part = { byte, sizeof(byte) };
    union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
    struct timeval wait = { 5, 0 };
    int fd = -1;

    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -1;

    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

static void name_ends(struct arrival *arrival, bool peer_is_known)
{
    socklen_t length = sizeof(arrival->peer);

    if (!peer_is_known)
        getpeername(arrival->fd, (struct sockaddr *)&arrival->peer, &length);
    length = sizeof(arrival->local);
    getsockname(arrival->fd, (struct sockaddr *)&arrival->local, &length);
}

bool accept_client(const struct process *process, int listener, struct arrival *arrival)
{
    socklen_t length = sizeof(arrival->peer);

    memset(arrival, 0, sizeof(*arrival));
    arrival->fd = accept4(listener, (struct sockaddr *)&arrival->peer, &length, SOCK_CLOEXEC);
    if (arrival->fd < 0)
        return false;
    if (process->options.type == LISTENER_INET) {
        name_ends(arrival, true);
    } else if (process->options.type == LISTENER_PASS) {
        AUTO_CLOSE int connection = arrival->fd;

        arrival->fd = receive_client(connection);
        if (arrival->fd >= 0)
            name_ends(arrival, false);
    }
    return true;
}

bool process_client_waits(const struct process *process, int index)
{
    struct pollfd watch = { process->listeners[index], POLLIN, 0 };

    return poll(&watch, 1, 0) > 0;
}

void process_hand_on(const struct process *process)
{
    for (int i = 0; i < process->options.listener_count; i++)
        if (process_client_waits(process, i)) {
            control_say(process->control, CONTROL_CROWDED, SLICE_LITERAL(""));
            return;
        }
}
