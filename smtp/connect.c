#include "connect.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static bool bind_to(const struct agent *agent, int fd, int family, struct error *error)
{
    if (source_bind(family == AF_INET ? &agent->source : &agent->source6, fd))
        return true;
    return !agent->config->smtp_bind_address_enforce
           || error_code(error, CONNECT_MISCONFIGURED, "server configuration error");
}

/* tcp_windowsize: before the connection is made, since the window scale is settled then. */
static void limit_window(const struct agent *agent, int fd)
{
    int size = agent->config->tcp_windowsize;

    if (size > 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0
                     || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0))
        log_warn("setsockopt of tcp_windowsize: %s", strerror(errno));
}

/* connect(2) of a socket that blocks gives up after SO_SNDTIMEO, with EINPROGRESS (socket(7)). */
static bool connect_within(int fd, const struct host *host, int seconds, struct error *error)
{
    struct timeval limit = { seconds, 0 };

    if ((seconds == 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0)
        && connect(fd, (const struct sockaddr *)&host->address, host->length) == 0)
        return true;

    int code = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;

    return error_code(error, code, "%s", strerror(code));
}

int connect_host(const struct agent *agent, const struct host *host, struct error *error)
{
    int family = host->address.ss_family;
    AUTO_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        error_code(error, errno, "%s", strerror(errno));
        return -1;
    }
    limit_window(agent, fd);
    if (!bind_to(agent, fd, family, error)
        || !connect_within(fd, host, agent->config->smtp_connect_timeout, error))
        return -1;
    return take_fd(&fd);
}

int connect_path(const char *path, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        error_code(error, ENAMETOOLONG, "%s", strerror(ENAMETOOLONG));
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        error_code(error, errno, "%s", strerror(errno));
        return -1;
    }
    return take_fd(&fd);
}
