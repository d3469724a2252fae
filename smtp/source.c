#include "source.h"

#include "log/log.h"
#include "table/network.h"

#include <arpa/inet.h>
#include <errno.h>

static bool is_loopback(const struct network_address *address)
{
    return address->family == AF_INET ? address->bytes[0] == 127
                                      : IN6_IS_ADDR_LOOPBACK((struct in6_addr *)address->bytes);
}

static void set(struct source *source, const struct network_address *address)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (address->family == AF_INET) {
        memcpy(&v4.sin_addr, address->bytes, sizeof(v4.sin_addr));
        memcpy(&source->address, &v4, sizeof(v4));
        source->length = sizeof(v4);
    } else {
        memcpy(&v6.sin6_addr, address->bytes, sizeof(v6.sin6_addr));
        memcpy(&source->address, &v6, sizeof(v6));
        source->length = sizeof(v6);
    }
    inet_ntop(address->family, address->bytes, source->text, sizeof(source->text));
}

/* False for brackets that do not close. */
static bool strip_brackets(struct slice *text)
{
    if (!slice_starts(*text, "["))
        return true;
    if (!slice_ends(*text, "]"))
        return false;
    *text = slice_part(*text, 1, text->length - 2);
    return true;
}

bool source_open(struct source *source, int family, const char *parameter, const char *given,
                 const struct interfaces *interfaces, struct error *error)
{
    struct slice text = slice_of(given);
    struct network_address address;

    *source = (struct source){ .length = 0 };
    if (text.length == 0) {
        if (interfaces_only(interfaces, family, &address) && !is_loopback(&address))
            set(source, &address);
        return true;
    }
    if (!strip_brackets(&text))
        return error_set(error, "malformed %s parameter: %s", parameter, given);
    if (!network_address_parse(text, &address))
        return error_set(error, "bad %s parameter: %s", parameter, given);
    set(source, &address);
    return true;
}

bool source_bind(const struct source *source, int fd)
{
    if (source->length == 0
        || bind(fd, (const struct sockaddr *)&source->address, source->length) == 0)
        return true;
    log_warn("smtp_connect_addr: bind %s: %s", source->text, strerror(errno));
    return false;
}
