#include "address/interfaces.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/config.h"
#include "table/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>

struct address_set {
    struct network_address *items;
    size_t count, capacity;
};

struct interfaces {
    struct address_set own;
    struct address_set proxy;
    bool ipv4, ipv6;
};

static bool set_has(const struct address_set *set, const struct network_address *address)
{
    for (size_t i = 0; i < set->count; i++)
        if (memcmp(&set->items[i], address, sizeof(*address)) == 0)
            return true;
    return false;
}

static void set_add(struct address_set *set, const struct network_address *address)
{
    if (!set_has(set, address))
        VECTOR_PUSH(set, *address);
}

static bool from_socket_address(const struct sockaddr *socket_address,
                                struct network_address *address)
{
    memset(address, 0, sizeof(*address));
    address->family = socket_address->sa_family;
    if (address->family == AF_INET) {
        const struct sockaddr_in *in = (const void *)socket_address;

        memcpy(address->bytes, &in->sin_addr, sizeof(in->sin_addr));
        return true;
    }
    if (address->family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)socket_address;

        memcpy(address->bytes, &in6->sin6_addr, sizeof(in6->sin6_addr));
        return true;
    }
    return false;
}

static bool family_is_on(const struct interfaces *interfaces, int family)
{
    return family == AF_INET ? interfaces->ipv4 : interfaces->ipv6;
}

static void add_socket_address(const struct interfaces *interfaces, struct address_set *set,
                               const struct sockaddr *socket_address)
{
    struct network_address address;

    if (socket_address && from_socket_address(socket_address, &address)
        && family_is_on(interfaces, address.family))
        set_add(set, &address);
}

static bool is_loopback(const struct sockaddr *socket_address)
{
    struct network_address address;

    if (!socket_address || !from_socket_address(socket_address, &address))
        return false;
    return address.family == AF_INET ? address.bytes[0] == 127
                                     : IN6_IS_ADDR_LOOPBACK((struct in6_addr *)address.bytes);
}

static bool add_all(struct interfaces *interfaces, struct address_set *set, bool only_loopback,
                    struct error *error)
{
    struct ifaddrs *first;

    if (getifaddrs(&first) < 0)
        return error_system(error, "getifaddrs");
    for (struct ifaddrs *each = first; each; each = each->ifa_next)
        if (!only_loopback || is_loopback(each->ifa_addr))
            add_socket_address(interfaces, set, each->ifa_addr);
    freeifaddrs(first);
    return true;
}

static bool add_name(struct interfaces *interfaces, struct address_set *set, const char *title,
                     const char *name, struct error *error)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *first;
    int status = getaddrinfo(name, NULL, &hints, &first);

    if (status)
        return error_set(error, "config variable %s: host not found: %s", title, name);
    for (struct addrinfo *each = first; each; each = each->ai_next)
        add_socket_address(interfaces, set, each->ai_addr);
    freeaddrinfo(first);
    return true;
}

static bool add_member(struct interfaces *interfaces, struct address_set *set, const char *title,
                       struct slice member, struct error *error)
{
    struct network_address address;
    struct slice plain = member;

    if (slice_is_nocase(member, "all"))
        return add_all(interfaces, set, false, error);
    if (slice_is_nocase(member, "loopback-only"))
        return add_all(interfaces, set, true, error);
    if (slice_starts(plain, "[") && slice_ends(plain, "]"))
        plain = slice_part(plain, 1, plain.length - 2);
    if (network_address_parse(plain, &address)) {
        if (family_is_on(interfaces, address.family))
            set_add(set, &address);
        return true;
    }

    AUTO_FREE char *name = memory_text(member.data, member.length);

    return add_name(interfaces, set, title, name, error);
}

static bool add_members(struct interfaces *interfaces, struct address_set *set, const char *title,
                        const char *value, struct error *error)
{
    struct slice rest = slice_of(value), member;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (!add_member(interfaces, set, title, member, error))
            return false;
    return true;
}

static bool protocol_is_listed(const char *protocols, const char *name)
{
    return slice_list_has(slice_of(protocols), name) || slice_list_has(slice_of(protocols), "all");
}

struct interfaces *interfaces_open(const struct config *config, struct error *error)
{
    struct interfaces *interfaces = memory_new(1, sizeof(*interfaces));

    interfaces->ipv4 = protocol_is_listed(config->inet_protocols, "ipv4");
    interfaces->ipv6 = protocol_is_listed(config->inet_protocols, "ipv6");
    if (add_members(interfaces, &interfaces->own, "inet_interfaces", config->inet_interfaces,
                    error)
        && add_members(interfaces, &interfaces->proxy, "proxy_interfaces",
                       config->proxy_interfaces, error))
        return interfaces;
    interfaces_close(interfaces);
    return NULL;
}

void interfaces_close(struct interfaces *interfaces)
{
    if (!interfaces)
        return;
    VECTOR_FREE(&interfaces->own);
    VECTOR_FREE(&interfaces->proxy);
    free(interfaces);
}

bool interfaces_have(const struct interfaces *interfaces, const struct sockaddr *address)
{
    struct network_address binary;

    return from_socket_address(address, &binary) && set_has(&interfaces->own, &binary);
}

bool interfaces_have_text(const struct interfaces *interfaces, struct slice address)
{
    struct network_address binary;

    return network_address_parse(address, &binary) && set_has(&interfaces->own, &binary);
}

bool interfaces_only(const struct interfaces *interfaces, int family,
                     struct network_address *address)
{
    size_t count = 0;

    for (size_t i = 0; i < interfaces->own.count; i++)
        if (interfaces->own.items[i].family == family) {
            *address = interfaces->own.items[i];
            count++;
        }
    return count == 1;
}

bool interfaces_have_proxy_text(const struct interfaces *interfaces, struct slice address)
{
    struct network_address binary;

    return network_address_parse(address, &binary) && set_has(&interfaces->proxy, &binary);
}
