/*
 * The sockets of a master.cf line: opened once, kept over every generation.
 */
#include "master.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 1024, PATH_LIMIT = 100 };

static void local_path(const struct service_entry *service, struct str *path)
{
    str_format(path, "%s/%s", service->line.is_private ? "private" : "public",
               service->line.name);
}

static void add_listener(struct service_entry *service, int fd)
{
    VECTOR_PUSH(&service->listeners, fd);
}

/* --- Unix sockets and fifos. -------------------------------------------------------- */

static bool bind_local(const char *path, int fd, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, "%s: the name of the socket is too long", path);
    memcpy(address.sun_path, path, strlen(path));
    if (unlink(path) < 0 && errno != ENOENT)
        return error_system(error, "remove %s", path);

    mode_t mask = umask(0111);
    int result = bind(fd, (struct sockaddr *)&address, sizeof(address));

    umask(mask);
    if (result < 0)
        return error_system(error, "bind %s", path);
    return true;
}

static bool open_local(struct service_entry *service, struct error *error)
{
    const struct master *master = service->master;
    bool datagrams = service->line.listen == LISTEN_DGRAM;
    AUTO_STR struct str path = STR_EMPTY;
    AUTO_CLOSE int fd = socket(AF_UNIX, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC |
                               SOCK_NONBLOCK, 0);

    local_path(service, &path);
    if (fd < 0)
        return error_system(error, "socket");
    if (!bind_local(path.data, fd, error))
        return false;
    if (lchown(path.data, master->owner, master->owner_group) < 0)
        return error_system(error, "chown %s", path.data);
    if (!datagrams && listen(fd, BACKLOG) < 0)
        return error_system(error, "listen %s", path.data);
    add_listener(service, take_fd(&fd));
    return true;
}

/* Opened for reading and writing, so that it does not end when a writer goes. */
static bool open_fifo(struct service_entry *service, struct error *error)
{
    const struct master *master = service->master;
    AUTO_STR struct str path = STR_EMPTY;
    struct stat facts;

    local_path(service, &path);
    if (lstat(path.data, &facts) == 0 && !S_ISFIFO(facts.st_mode))
        unlink(path.data);
    if (mkfifo(path.data, 0622) < 0 && errno != EEXIST)
        return error_system(error, "create fifo %s", path.data);

    AUTO_CLOSE int fd = open(path.data, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fchmod(fd, 0622) < 0 || fchown(fd, master->owner, master->owner_group) < 0)
        return error_system(error, "open fifo %s", path.data);
    add_listener(service, take_fd(&fd));
    return true;
}

/* --- Internet sockets. --------------------------------------------------------------- */

static int family_of(const struct config *config)
{
    struct slice rest = slice_of(config->inet_protocols), word;
    bool four = false, six = false;

    while (config_list_next(&rest, false, &word)) {
        bool all = slice_is_nocase(word, "all");

        four = four || all || slice_is_nocase(word, "ipv4");
        six = six || all || slice_is_nocase(word, "ipv6");
    }
    return four && six ? AF_UNSPEC : six ? AF_INET6 : AF_INET;
}

static int listen_at(const struct addrinfo *address)
{
    AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -1;
    return take_fd(&fd);
}

/* A host that has no IPv6 is no reason not to listen at all. */
static bool is_missing_family(const struct addrinfo *address, int code)
{
    return address->ai_family == AF_INET6 && (code == EAFNOSUPPORT || code == EADDRNOTAVAIL);
}

static bool open_host(struct service_entry *service, const char *host, const char *port,
                      struct error *error)
{
    struct addrinfo hints = { .ai_family = family_of(service->master->config),
                              .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *list;
    int code = getaddrinfo(host, port, &hints, &list);

    if (code != 0)
        return error_set(error, "%s:%s: %s", host ? host : "", port, gai_strerror(code));

    bool fine = true;

    for (struct addrinfo *address = list; address && fine; address = address->ai_next) {
        int fd = listen_at(address);

        if (fd >= 0)
            add_listener(service, fd);
        else if (!is_missing_family(address, errno))
            fine = error_system(error, "bind %s port %s", host ? host : "INADDR_ANY", port);
    }
    freeaddrinfo(list);
    return fine;
}

/* The number of a service, of /etc/services or of known_tcp_ports. */
static void find_port(const struct config *config, struct slice name, struct str *port)
{
    struct slice rest = slice_of(config->known_tcp_ports), group;

    while (config_list_next(&rest, false, &group)) {
        size_t end = slice_find_last(group, '=');
        struct slice names = slice_part(group, 0, end), one;

        while (slice_take_token(&names, "=", &one))
            if (slice_equal(one, name)) {
                str_set(port, slice_from(group, end + 1));
                return;
            }
    }
    str_set(port, name);
}

/* "host:port", "[address]:port" or "port"; true when a host is there. */
static bool take_apart(struct slice name, struct str *host, struct slice *port)
{
    if (name.length > 0 && name.data[0] == '[') {
        size_t end = slice_find(name, ']');

        str_set(host, slice_part(name, 1, end - 1));
        *port = slice_from(name, end + 1 < name.length ? end + 2 : name.length);
        return true;
    }

    size_t colon = slice_find_last(name, ':');

    if (colon == name.length) {
        *port = name;
        return false;
    }
    str_set(host, slice_part(name, 0, colon));
    *port = slice_from(name, colon + 1);
    return host->length > 0;
}

static bool open_interfaces(struct service_entry *service, const char *port, struct error *error)
{
    struct slice rest = slice_of(service->master->config->inet_interfaces), word;

    while (config_list_next(&rest, false, &word)) {
        AUTO_STR struct str host = STR_EMPTY;
        bool bracket = word.length > 1 && word.data[0] == '[';

        str_set(&host, bracket ? slice_part(word, 1, word.length - 2) : word);
        if (slice_is_nocase(word, "all"))
            return open_host(service, NULL, port, error);
        if (slice_is_nocase(word, "loopback-only"))
            str_set(&host, slice_of("localhost"));
        if (!open_host(service, host.data, port, error))
            return false;
    }
    return true;
}

static bool open_inet(struct service_entry *service, struct error *error)
{
    AUTO_STR struct str host = STR_EMPTY, port = STR_EMPTY;
    struct slice name;
    bool has_host = take_apart(slice_of(service->line.name), &host, &name);

    find_port(service->master->config, name, &port);
    if (has_host)
        return open_host(service, host.data, port.data, error);
    return open_interfaces(service, port.data, error);
}

bool listeners_open(struct service_entry *service, struct error *error)
{
    switch (service->line.listen) {
    case LISTEN_INET:
        return open_inet(service, error);
    case LISTEN_FIFO:
        return open_fifo(service, error);
    case LISTEN_UNIX:
    case LISTEN_DGRAM:
    case LISTEN_PASS:
        return open_local(service, error);
    }
    return false;
}

void listeners_close(struct service_entry *service)
{
    for (size_t i = 0; i < service->listeners.count; i++) {
        if (service->watched)
            events_forget(service->master->events, service->listeners.items[i]);
        close(service->listeners.items[i]);
    }
    service->watched = false;
    VECTOR_FREE(&service->listeners);
    if (service->line.listen != LISTEN_INET) {
        AUTO_STR struct str path = STR_EMPTY;

        local_path(service, &path);
        unlink(path.data);
    }
}
