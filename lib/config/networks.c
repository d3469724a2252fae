#include "config/networks.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

static const char separators[] = ", \t\r\n";

enum style { STYLE_HOST, STYLE_SUBNET, STYLE_CLASS };

struct network {
    int family;
    unsigned char bytes[16];
    int prefix;             /* of the interface's netmask */
    bool loopback;
};

struct networks {
    struct network *items;
    size_t count, capacity;
};

static size_t address_size(int family)
{
    return family == AF_INET ? 4 : 16;
}

static const void *address_bytes(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

static int count_bits(const unsigned char *bytes, size_t size)
{
    int bits = 0;

    for (size_t i = 0; i < size; i++)
        bits += __builtin_popcount(bytes[i]);
    return bits;
}

static bool list_interfaces(struct networks *all, struct error *error)
{
    struct ifaddrs *first;

    if (getifaddrs(&first) < 0)
        return error_system(error, "getifaddrs");
    for (const struct ifaddrs *next = first; next; next = next->ifa_next) {
        if (!next->ifa_addr || !next->ifa_netmask || !(next->ifa_flags & IFF_UP) ||
            (next->ifa_addr->sa_family != AF_INET && next->ifa_addr->sa_family != AF_INET6))
            continue;

        struct network *network = VECTOR_ADD(all);
        int family = next->ifa_addr->sa_family;

        network->family = family;
        network->loopback = next->ifa_flags & IFF_LOOPBACK;
        memcpy(network->bytes, address_bytes(next->ifa_addr), address_size(family));
        network->prefix = count_bits(address_bytes(next->ifa_netmask), address_size(family));
    }
    freeifaddrs(first);
    return true;
}

static bool list_holds(const char *list, const char *word)
{
    struct slice rest = slice_of(list), token;

    while (slice_take_token(&rest, separators, &token))
        if (slice_is_nocase(token, word))
            return true;
    return false;
}

static bool family_is_wanted(int family, const char *protocols)
{
    return list_holds(protocols, "all") ||
           list_holds(protocols, family == AF_INET ? "ipv4" : "ipv6");
}

static bool same_address(const struct network *network, const struct sockaddr *address)
{
    return network->family == address->sa_family &&
           memcmp(network->bytes, address_bytes(address), address_size(network->family)) == 0;
}

static int prefix_of_class(const struct network *network)
{
    if (network->family != AF_INET)
        return network->prefix;
    return network->bytes[0] < 128 ? 8 : network->bytes[0] < 192 ? 16
           : network->bytes[0] < 224 ? 24 : 4;
}

static void add_network(const struct network *network, enum style style, struct str *networks)
{
    int size = (int)address_size(network->family);
    int prefix = style == STYLE_HOST ? size * 8
                 : style == STYLE_CLASS ? prefix_of_class(network) : network->prefix;
    unsigned char bytes[16] = { 0 };
    char address[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN + 8];

    for (int i = 0; i < size; i++) {
        int bits = prefix - i * 8;

        bytes[i] = network->bytes[i] & (bits >= 8 ? 0xff : bits <= 0 ? 0 : 0xff << (8 - bits));
    }
    inet_ntop(network->family, bytes, address, sizeof(address));
    snprintf(text, sizeof(text), network->family == AF_INET ? "%s/%d" : "[%s]/%d", address,
             prefix);
    if (!list_holds(networks->data, text))
        str_format(networks, "%s%s", networks->length > 0 ? " " : "", text);
}

/* One member of inet_interfaces, a host name or an address. */
static bool add_host(const struct networks *all, struct slice host, enum style style,
                     const char *protocols, struct str *networks, struct error *error)
{
    AUTO_FREE char *name = memory_text(host.data, host.length);
    size_t length = strlen(name);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    char *bare = name;

    if (length > 1 && name[0] == '[' && name[length - 1] == ']') {
        name[length - 1] = '\0';
        bare = name + 1;
    }
    if (getaddrinfo(bare, NULL, &hints, &found) != 0)
        return error_set(error, "config variable inet_interfaces: host not found: %.*s",
                         SLICE_ARGS(host));

    bool any = false;

    for (const struct addrinfo *next = found; next; next = next->ai_next)
        for (size_t i = 0; i < all->count; i++)
            if (family_is_wanted(all->items[i].family, protocols) &&
                same_address(&all->items[i], next->ai_addr)) {
                add_network(&all->items[i], style, networks);
                any = true;
            }
    freeaddrinfo(found);
    return any || error_set(error, "parameter inet_interfaces: no local interface found for %s",
                            bare);
}

static bool add_member(const struct networks *all, struct slice member, enum style style,
                       const char *protocols, struct str *networks, struct error *error)
{
    bool every = slice_is_nocase(member, "all");

    if (!every && !slice_is_nocase(member, "loopback-only"))
        return add_host(all, member, style, protocols, networks, error);
    for (size_t i = 0; i < all->count; i++)
        if ((every || all->items[i].loopback) &&
            family_is_wanted(all->items[i].family, protocols))
            add_network(&all->items[i], style, networks);
    return true;
}

static bool parse_style(const char *text, enum style *style, struct error *error)
{
    static const struct { const char *name; enum style style; } styles[] = {
        { "host", STYLE_HOST }, { "subnet", STYLE_SUBNET }, { "class", STYLE_CLASS },
    };

    for (size_t i = 0; i < COUNT(styles); i++)
        if (slice_is_nocase(slice_of(text), styles[i].name)) {
            *style = styles[i].style;
            return true;
        }
    return error_set(error, "unknown mynetworks mask style value \"%s\" in \"%s\"", text, text);
}

bool networks_default(const char *style_name, const char *interfaces, const char *protocols,
                      struct str *networks, struct error *error)
{
    struct networks all = { NULL, 0, 0 };
    struct slice rest = slice_of(interfaces), member;
    enum style style = STYLE_HOST;

    str_clear(networks);
    if (!parse_style(style_name, &style, error))
        return false;

    bool good = list_interfaces(&all, error);

    while (good && slice_take_token(&rest, separators, &member))
        good = add_member(&all, member, style, protocols, networks, error);
    VECTOR_FREE(&all);
    return good;
}
