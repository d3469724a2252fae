#include "table/remote.h"

#include "base/memory.h"
#include "base/scope.h"
#include "dns/dns.h"
#include "log/log.h"

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { IDLE_SECONDS = 10, AGE_SECONDS = 100 };

struct remote {
    bool is_unix;
    char *name;             /* "host:port" or path */
    char *host;             /* without brackets */
    in_port_t port;         /* network order */
    struct dns *dns;
    struct stream_pool *pool;
};

void remote_free(struct remote *remote)
{
    if (!remote)
        return;
    stream_pool_free(remote->pool);
    dns_free(remote->dns);
    free(remote->host);
    free(remote->name);
    free(remote);
}

const char *remote_name(const struct remote *remote)
{
    return remote->name;
}

/* By number, or by name while the process may still read services(5). */
static bool parse_port(struct slice text, in_port_t *port)
{
    AUTO_FREE char *name = memory_text(text.data, text.length);
    uint64_t number;

    if (slice_number(text, 65535, &number)) {
        *port = htons((uint16_t)number);
        return number > 0;
    }

    struct servent entry, *found = NULL;
    char room[1024];

    if (getservbyname_r(name, "tcp", &entry, room, sizeof(room), &found) != 0 || !found)
        return false;
    *port = (in_port_t)found->s_port;
    return true;
}

static bool parse_inet(struct remote *remote, struct slice name, struct error *error)
{
    size_t colon = slice_find_last(name, ':');
    struct slice host = slice_part(name, 0, colon);

    if (slice_starts(host, "[") && slice_ends(host, "]"))
        host = slice_part(host, 1, host.length - 2);
    if (colon == name.length || !parse_port(slice_from(name, colon + 1), &remote->port))
        return error_set(error, "host or service %s not found: "
                         "Servname not supported for ai_socktype", remote->name);
    remote->host = memory_text(host.data, host.length);
    remote->dns = dns_new(&(struct dns_settings){ 0 }, error);
    return remote->dns != NULL;
}

struct remote *remote_new(const struct table_context *context, struct slice endpoint,
                          struct error *error)
{
    static const struct stream_limits limits = { IDLE_SECONDS, AGE_SECONDS, 0 };
    struct remote *remote = memory_new(1, sizeof(*remote));
    size_t colon = slice_find(endpoint, ':');
    struct slice kind = slice_part(endpoint, 0, colon), name = slice_from(endpoint, colon + 1);

    if (!kind.length || !name.length) {
        error_set(error, "need service transport:endpoint instead of \"%.*s\"",
                  SLICE_ARGS(endpoint));
        free(remote);
        return NULL;
    }
    remote->name = memory_text(name.data, name.length);
    remote->is_unix = slice_is(kind, "unix");
    remote->pool = stream_pool_new(&limits);
    if (context->connects)
        context->connects(context->argument, remote->is_unix ? TABLE_CONNECTS_UNIX
                                                             : TABLE_CONNECTS_TCP);
    if (!remote->is_unix && !slice_is(kind, "inet"))
        error_set(error, "invalid transport name: %.*s in service: %.*s", SLICE_ARGS(kind),
                  SLICE_ARGS(endpoint));
    else if (remote->is_unix || parse_inet(remote, name, error))
        return remote;
    remote_free(remote);
    return NULL;
}

/* connect(2) of a socket that blocks gives up after SO_SNDTIMEO, with EINPROGRESS (socket(7)). */
static int connect_within(const struct sockaddr *address, socklen_t length, int64_t deadline)
{
    int64_t left = moment_left(deadline);
    struct timeval wait = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 + 1 };
    AUTO_CLOSE int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0
        || connect(fd, address, length) < 0) {
        if (errno == EINPROGRESS)
            errno = ETIMEDOUT;
        return -1;
    }
    return take_fd(&fd);
}

static int connect_unix(const char *path, int64_t deadline)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect_within((const struct sockaddr *)&address, sizeof(address), deadline);
}

static int connect_address(const struct sockaddr_storage *found, in_port_t port, int64_t deadline)
{
    struct sockaddr_storage address = *found;
    bool is_six = address.ss_family == AF_INET6;

    if (is_six)
        ((struct sockaddr_in6 *)&address)->sin6_port = port;
    else
        ((struct sockaddr_in *)&address)->sin_port = port;
    return connect_within((const struct sockaddr *)&address,
                          is_six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
                          deadline);
}

static int connect_inet(const struct remote *remote, int64_t deadline)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct dns_answer answer = { 0 };
    int fd = -1;

    dns_addresses(remote->dns, remote->host, AF_UNSPEC, true, arena, &answer);
    if (!answer.count) {
        log_warn("host or service %s not found: Name or service not known", remote->name);
        errno = EADDRNOTAVAIL;
    }
    for (size_t i = 0; i < answer.count && fd < 0; i++)
        fd = connect_address(&answer.records[i].address, remote->port, deadline);
    return fd;
}

static struct stream *connect_to(const struct remote *remote, int64_t deadline,
                                 struct error *error)
{
    int fd = remote->is_unix ? connect_unix(remote->name, deadline)
                             : connect_inet(remote, deadline);

    if (fd >= 0)
        return stream_new(fd);
    error_code(error, errno, "%s", strerror(errno));
    log_warn("connect to %s: %s", remote->name, error->text);
    return NULL;
}

static void explain(const struct stream *stream, enum stream_result result, struct error *error)
{
    switch (result) {
    case STREAM_CLOSED:
        error_set(error, "unexpected disconnect");
        break;
    case STREAM_TIMEOUT:
        error_set(error, "time limit exceeded");
        break;
    case STREAM_TOO_LONG:
        error_set(error, "input exceeds size limit");
        break;
    default:
        error_set(error, "%s", strerror(stream_errno(stream)));
    }
}

bool remote_ask(struct remote *remote, remote_talk *talk, void *argument, int64_t deadline,
                struct error *error)
{
    for (;;) {
        struct pooled_stream *pooled = stream_pool_take(remote->pool);
        bool reused = pooled != NULL;

        if (!pooled) {
            struct stream *stream = connect_to(remote, deadline, error);

            if (!stream)
                return false;
            pooled = stream_pool_add(remote->pool, stream);
        }
        error->text[0] = '\0';
        stream_set_deadline(pooled->stream, deadline);

        enum stream_result result = talk(argument, pooled->stream);
        bool stale = reused && (result == STREAM_CLOSED || result == STREAM_FAILED);

        if (result != STREAM_OK && !error->text[0])
            explain(pooled->stream, result, error);
        stream_pool_give(remote->pool, pooled, result == STREAM_OK);
        if (!stale)
            return result == STREAM_OK;
    }
}
