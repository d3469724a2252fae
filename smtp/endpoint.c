#include "endpoint.h"

#include "base/scope.h"
#include "log/log.h"

#include <netdb.h>
#include <sys/un.h>

int argument_number(const char *text, int lowest)
{
    uint64_t value;

    if (!slice_number(slice_of(text), INT32_MAX, &value) || (int)value < lowest)
        log_fatal("bad number: %s", text);
    return (int)value;
}

static struct endpoint unix_endpoint(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct endpoint endpoint = { .length = sizeof(address) };

    if (strlen(path) >= sizeof(address.sun_path))
        log_fatal("path of the socket is too long: %s", path);
    memcpy(address.sun_path, path, strlen(path));
    memcpy(&endpoint.address, &address, sizeof(address));
    return endpoint;
}

/* The last colon, unless it is one of an address in brackets. */
static void split(const char *text, bool port_alone, struct str *host, struct str *port)
{
    struct slice name = slice_of(text);
    size_t colon = slice_find_last(name, ':');

    if (colon < name.length && slice_find(slice_from(name, colon), ']') == name.length - colon) {
        str_set(port, slice_from(name, colon + 1));
        name = slice_part(name, 0, colon);
    } else if (port_alone) {
        str_set(port, name);
        name = slice_part(name, 0, 0);
    }
    if (slice_starts(name, "[") && slice_ends(name, "]"))
        name = slice_part(name, 1, name.length - 2);
    str_set(host, name);
}

struct endpoint endpoint_find(const char *text, int family, bool passive,
                              const char *default_port)
{
    struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM,
                              .ai_flags = passive ? AI_PASSIVE : 0 }, *found;
    AUTO_STR struct str host = STR_EMPTY, port = STR_EMPTY;
    struct endpoint endpoint = { .length = 0 };

    if (strncmp(text, "unix:", 5) == 0)
        return unix_endpoint(text + 5);
    if (strncmp(text, "inet:", 5) == 0)
        text += 5;
    str_text(&port, default_port);
    split(text, passive, &host, &port);

    int code = getaddrinfo(host.length > 0 ? host.data : NULL, port.data, &hints, &found);

    if (code != 0)
        log_fatal("%s: %s", text, gai_strerror(code));
    memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
    endpoint.length = found->ai_addrlen;
    freeaddrinfo(found);
    return endpoint;
}
