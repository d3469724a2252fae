#include "log/socket.h"

#include "base/moment.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);

    struct timeval wait = { LOG_WAIT_SECONDS, 0 };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

void log_socket_open(struct log_socket *socket, const char *path, bool never_waits)
{
    socket->path = path;
    socket->never_waits = never_waits;
    atomic_store(&socket->wait_at, 0);

    int previous = atomic_exchange(&socket->fd, connect_to(path));

    if (previous >= 0)
        close(previous);
}

void log_socket_close(struct log_socket *socket)
{
    int previous = atomic_exchange(&socket->fd, -1);

    if (previous >= 0)
        close(previous);
}

/* errno is EAGAIN when it waited in vain. */
static bool send_over(struct log_socket *socket, int fd, struct slice line)
{
    int64_t wait_at = atomic_load(&socket->wait_at);
    bool waits = !socket->never_waits && (wait_at == 0 || moment_left(wait_at) == 0);

    for (;;) {
        if (send(fd, line.data, line.length, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT)) >= 0) {
            if (wait_at != 0)
                atomic_store(&socket->wait_at, 0);
            return true;
        }
        if (errno != EINTR)
            break;
    }
    if (errno == EAGAIN && waits)
        atomic_store(&socket->wait_at, moment_after(LOG_WAIT_SECONDS));
    return false;
}

/*
 * Other threads may be about to send over the dead connection, so its number is never free:
 * closed, it might be a client's before they do.
 */
static void replace(struct log_socket *socket, int dead, int fresh)
{
    int none = -1;

    if (dead < 0 && atomic_compare_exchange_strong(&socket->fd, &none, fresh))
        return;
    if (dead >= 0)
        dup3(fresh, dead, O_CLOEXEC);
    close(fresh);
}

bool log_socket_send(struct log_socket *socket, struct slice line)
{
    int fd = atomic_load(&socket->fd);

    if (fd >= 0 && send_over(socket, fd, line))
        return true;
    if (fd >= 0 && errno == EAGAIN)
        return false;

    int fresh = connect_to(socket->path);

    if (fresh < 0)
        return false;

    bool sent = send_over(socket, fresh, line);

    replace(socket, fd, fresh);
    return sent;
}
