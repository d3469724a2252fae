#include "opening.h"

#include "connect.h"
#include "handshake.h"
#include "log/log.h"

static struct failure connect_failure(const struct agent *agent,
                                      const struct destination *destination,
                                      const struct host *host, const struct error *error,
                                      struct arena *arena)
{
    const char *port = host ? arena_format(arena, ":%d", host->port) : "";
    const char *name = host ? host->name : agent->config->myhostname;
    const char *address =
        host ? dns_address_text((const struct sockaddr *)&host->address, arena)
             : destination->host;
    struct failure failure =
        error->code == CONNECT_MISCONFIGURED
            ? failure_of(arena, "4.4.0", "%s", error->text)
            : failure_of(arena, "4.4.1", "connect to %s[%s]%s: %s", name, address, port,
                         error->text);

    failure.unreachable = true;
    log_info("%s", failure.reason);
    return failure;
}

struct session *session_open(const struct agent *agent, const struct destination *destination,
                             const struct host *host, const struct delivery_request *request,
                             struct arena *arena, struct failure *failure)
{
    struct error error = ERROR_NONE;
    int fd = host ? connect_host(agent, host, &error) : connect_path(destination->host, &error);

    if (fd < 0) {
        *failure = connect_failure(agent, destination, host, &error, arena);
        return NULL;
    }

    struct session *session = session_new(agent, destination, host, fd, arena);

    session_begin(session, request);
    if (handshake(agent, destination, session, request, arena, failure))
        return session;
    session_close(session);
    return NULL;
}
