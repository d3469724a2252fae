#include "peer.h"

#include "address/address.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* ::ffff:192.0.2.1 is the IPv4 client that it stands for. */
static struct sockaddr_storage without_mapping(const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

    if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        return *address;

    struct sockaddr_storage mapped = { 0 };
    struct sockaddr_in *four = (struct sockaddr_in *)&mapped;

    four->sin_family = AF_INET;
    four->sin_port = six->sin6_port;
    memcpy(&four->sin_addr, (const char *)&six->sin6_addr + 12, 4);
    return mapped;
}

static const char *port_text(const struct sockaddr_storage *address, struct arena *arena)
{
    if (address->ss_family == AF_INET6)
        return arena_format(arena, "%u",
                            ntohs(((const struct sockaddr_in6 *)address)->sin6_port));
    if (address->ss_family == AF_INET)
        return arena_format(arena, "%u", ntohs(((const struct sockaddr_in *)address)->sin_port));
    return "0";
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return a->ss_family == AF_INET6 &&
           IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

/* The name counts only when it leads back to the address. */
static void confirm(struct dns *dns, struct arena *arena, struct session_client *client)
{
    struct dns_answer answer = { 0 };

    dns_addresses(dns, client->reverse_name, client->peer.ss_family, true, arena, &answer);
    client->forward_status = answer.status;
    client->name_status = answer.status;
    if (answer.status != DNS_FOUND) {
        log_warn("hostname %s does not resolve to address %s: %s", client->reverse_name,
                 client->address, answer.status == DNS_TROUBLE
                                      ? "Temporary failure in name resolution"
                                      : "Name or service not known");
        return;
    }
    for (size_t i = 0; i < answer.count; i++)
        if (same_address(&answer.records[i].address, &client->peer)) {
            client->name = client->reverse_name;
            return;
        }
    log_warn("hostname %s does not resolve to address %s", client->reverse_name, client->address);
    client->name_status = DNS_NO_DATA;
}

void peer_find(struct dns *dns, bool lookup, const struct sockaddr_storage *peer,
               const struct sockaddr_storage *local, struct arena *arena,
               struct session_client *client)
{
    struct sockaddr_storage server = without_mapping(local);

    client->peer = without_mapping(peer);
    client->name = client->reverse_name = "unknown";
    client->name_status = client->reverse_status = client->forward_status = DNS_NO_DOMAIN;
    client->port = port_text(&client->peer, arena);
    client->server_port = port_text(&server, arena);
    if (client->peer.ss_family != AF_INET && client->peer.ss_family != AF_INET6) {
        /* Not from the network: a socket of this host. */
        client->name = client->reverse_name = "localhost";
        client->address = client->server_address = "127.0.0.1";
        client->name_status = client->reverse_status = client->forward_status = DNS_FOUND;
        return;
    }
    client->address = dns_address_text((const struct sockaddr *)&client->peer, arena);
    client->server_address = dns_address_text((const struct sockaddr *)&server, arena);
    if (!lookup || !dns)
        return;

    const char *name = dns_name_of(dns, (const struct sockaddr *)&client->peer, arena,
                                   &client->reverse_status);

    client->name_status = client->reverse_status;
    if (client->reverse_status != DNS_FOUND || !name)
        return;
    if (!address_is_host_name(slice_of(name))) {
        client->reverse_status = client->name_status = DNS_INVALID;
        return;
    }
    client->reverse_name = name;
    confirm(dns, arena, client);
}
