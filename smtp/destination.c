#include "destination.h"

#include "address/address.h"

#include <netdb.h>
#include <netinet/in.h>

/* Names that /etc/services does not have everywhere (known_tcp_ports of postconf(5)). */
static const struct {
    const char *name;
    int port;
} known_ports[] = {
    { "lmtp", 24 }, { "smtp", 25 }, { "smtps", 465 }, { "submissions", 465 },
    { "submission", 587 },
};

static bool parse_port(const char *text, int *port, struct error *error)
{
    struct servent entry, *found = NULL;
    char buffer[1024];
    uint64_t number;

    if (slice_number(slice_of(text), 65535, &number) && number > 0) {
        *port = (int)number;
        return true;
    }
    for (size_t i = 0; i < COUNT(known_ports); i++)
        if (strcmp(known_ports[i].name, text) == 0) {
            *port = known_ports[i].port;
            return true;
        }
    if (getservbyname_r(text, "tcp", &entry, buffer, sizeof(buffer), &found) != 0 || !found)
        return error_set(error, "unknown service: %s/tcp", text);
    *port = ntohs((uint16_t)entry.s_port);
    return true;
}

/* host and port of "[host]:port", "[host]", "host:port", "host". */
static void split(struct slice text, struct slice *host, struct slice *port, bool *exact)
{
    *port = (struct slice){ "", 0 };
    *exact = slice_starts(text, "[");
    if (*exact) {
        size_t end = slice_find(text, ']');

        *host = slice_part(text, 1, end - 1);
        text = slice_from(text, end + 1);
        if (slice_starts(text, ":"))
            *port = slice_from(text, 1);
        return;
    }

    size_t colon = slice_find_last(text, ':');

    *host = slice_part(text, 0, colon);
    /* More than one colon: an IPv6 address that somebody wrote without brackets. */
    if (slice_find(text, ':') == colon)
        *port = slice_from(text, colon + 1);
    else
        *host = text;
}

bool destination_parse(struct destination *destination, const char *text,
                       const char *default_port, bool lmtp, struct arena *arena,
                       struct error *error)
{
    struct slice rest = slice_of(text), host, port;
    int usual;

    *destination = (struct destination){ .text = text, .service = "" };
    if (lmtp && slice_starts(rest, "unix:")) {
        destination->unix_socket = destination->exact = true;
        destination->host = arena_text(arena, slice_from(rest, 5));
        return true;
    }
    if (slice_starts(rest, "inet:"))
        rest = slice_from(rest, 5);
    split(rest, &host, &port, &destination->exact);
    if (slice_starts_nocase(host, "IPv6:"))
        host = slice_from(host, 5);
    destination->exact |= lmtp || address_is_ip(host, NULL);
    destination->host = arena_text(arena, host);
    if (host.length == 0)
        return error_set(error, "empty host name in next hop \"%s\"", text);
    if (!parse_port(default_port, &usual, error)
        || !parse_port(port.length > 0 ? arena_text(arena, port) : default_port,
                       &destination->port, error))
        return false;
    destination->service = port.length > 0 && !byte_is_digit(port.data[0])
                               ? arena_text(arena, port) : "";
    destination->default_port = destination->port == usual;
    return true;
}
