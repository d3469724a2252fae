#include "connect.h"

#include "base/scope.h"

#include <errno.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

bool destination_parse(struct slice text, bool *is_unix, struct slice *name)
{
    size_t colon = slice_find(text, ':');
    struct slice kind = slice_part(text, 0, colon);
    uint64_t port;

    *name = slice_from(text, colon + 1);
    *is_unix = slice_is(kind, "unix");
    if (*is_unix)
        return name->length > 0;
    if (!slice_is(kind, "inet"))
        return false;
    colon = slice_find_last(*name, ':');
    return slice_number(colon < name->length ? slice_from(*name, colon + 1) : *name, 65535, &port);
}

/* connect(2) of a socket that blocks gives up after SO_SNDTIMEO, with EINPROGRESS (socket(7)). */
static int connect_within(const struct sockaddr *address, socklen_t length, int timeout_seconds)
{
    struct timeval wait = { .tv_sec = timeout_seconds };
    AUTO_CLOSE int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
        connect(fd, address, length) < 0) {
        if (errno == EINPROGRESS)
            errno = ETIMEDOUT;
        return -1;
    }
    return take_fd(&fd);
}

static int connect_unix(const char *path, int timeout_seconds)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect_within((const struct sockaddr *)&address, sizeof(address), timeout_seconds);
}

static void set_port(struct sockaddr_storage *address, uint64_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
}

/* "host:port", "[address]:port" or "port" of this host. */
static int connect_inet(struct dns *dns, struct slice name, int timeout_seconds)
{
    AUTO_ARENA struct arena *arena = arena_new();
    size_t colon = slice_find_last(name, ':');
    struct slice host = colon < name.length ? slice_part(name, 0, colon) : slice_of("localhost");
    struct dns_answer answer = { 0 };
    uint64_t port = 0;
    int fd = -1;

    if (!slice_number(colon < name.length ? slice_from(name, colon + 1) : name, 65535, &port)) {
        errno = EINVAL;
        return -1;
    }
    if (slice_starts(host, "[") && slice_ends(host, "]"))
        host = slice_part(host, 1, host.length - 2);
    dns_addresses(dns, arena_text(arena, host), AF_UNSPEC, true, arena, &answer);
    errno = EHOSTUNREACH;
    for (size_t i = 0; i < answer.count && fd < 0; i++) {
        struct sockaddr_storage address = answer.records[i].address;

        set_port(&address, port);
        fd = connect_within((const struct sockaddr *)&address,
                            address.ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6),
                            timeout_seconds);
    }
    return fd;
}

struct stream *connect_to_server(struct dns *dns, bool is_unix, const char *name,
                                 int timeout_seconds, struct error *error)
{
    int fd = is_unix ? connect_unix(name, timeout_seconds)
                     : connect_inet(dns, slice_of(name), timeout_seconds);

    if (fd >= 0)
        return stream_new(fd);
    error_code(error, errno, "%s", strerror(errno));
    return NULL;
}
