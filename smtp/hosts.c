#include "hosts.h"

#include "base/random.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const char not_found[] = "Host or domain name not found. ";

static void add_host(struct arena *arena, struct host_list *hosts, struct host host)
{
    if (hosts->count == hosts->capacity) {
        size_t capacity = hosts->capacity ? hosts->capacity * 2 : 8;
        struct host *items = arena_take(arena, capacity * sizeof(*items));

        if (hosts->count > 0)
            memcpy(items, hosts->items, hosts->count * sizeof(*items));
        hosts->items = items;
        hosts->capacity = capacity;
    }
    hosts->items[hosts->count++] = host;
}

static void set_port(struct host *host, int port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&host->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&host->address;

    if (host->address.ss_family == AF_INET) {
        v4->sin_port = htons((uint16_t)port);
        host->length = sizeof(*v4);
    } else {
        v6->sin6_port = htons((uint16_t)port);
        host->length = sizeof(*v6);
    }
}

static struct failure failure_of_answer(const struct dns_answer *answer, struct arena *arena)
{
    bool filtered = answer->status == DNS_FILTERED || answer->status == DNS_BAD_FILTER;
    bool named = answer->status != DNS_INVALID && answer->status != DNS_NULL_MX && !filtered;
    const char *dsn = answer->status == DNS_TROUBLE || answer->status == DNS_BAD_FILTER ? "4.4.3"
                      : answer->status == DNS_FILTERED ? "4.7.0"
                      : answer->status == DNS_NULL_MX ? "5.1.0" : "5.4.4";
    struct failure failure =
        failure_of(arena, dsn, "%s%s", named ? not_found : "", answer->text);

    failure.unreachable = answer->status == DNS_TROUBLE || filtered;
    return failure;
}

static bool dns_is_disabled(const struct agent *agent)
{
    const char *level = agent->config->smtp_dns_support_level;

    return *level ? strcmp(level, "disabled") == 0 : agent->config->disable_dns_lookups;
}

/* In the words of getaddrinfo(3), where the system is asked and not DNS. */
static struct failure native_failure(const char *name, const struct dns_answer *answer,
                                     struct arena *arena)
{
    bool trouble = answer->status == DNS_TROUBLE;
    const char *text = trouble ? "Temporary failure in name resolution"
                       : answer->status == DNS_NO_DATA ? "No address associated with hostname"
                                                       : "Name or service not known";
    struct failure failure = failure_of(arena, trouble ? "4.4.4"
                                               : answer->status == DNS_NO_DATA ? "5.3.0"
                                                                               : "5.4.4",
                                        "unable to look up host %s: %s", name, text);

    failure.unreachable = trouble;
    return failure;
}

/* smtp_host_lookup: the hosts file first, or where DNS knows nothing. */
static bool find_addresses(const struct agent *agent, const char *name, struct arena *arena,
                           struct dns_answer *answer, struct failure *failure)
{
    const char *ways = agent->config->smtp_host_lookup;
    bool native = dns_is_disabled(agent) || strstr(ways, "native") != NULL;
    bool dns = !dns_is_disabled(agent) && (strstr(ways, "dns") != NULL || !native);

    if (dns) {
        dns_addresses(agent->dns, name, agent->family, false, arena, answer);
        if (answer->status != DNS_FOUND)
            *failure = failure_of_answer(answer, arena);
        if (answer->status == DNS_FOUND || answer->status == DNS_TROUBLE || !native)
            return answer->status == DNS_FOUND;
    }
    dns_addresses(agent->dns, name, agent->family, true, arena, answer);
    if (answer->status != DNS_FOUND)
        *failure = native_failure(name, answer, arena);
    return answer->status == DNS_FOUND;
}

/* Adds the addresses of one host. */
static bool add_addresses(const struct agent *agent, const char *name, unsigned preference,
                          int port, struct arena *arena, struct host_list *hosts,
                          struct failure *failure)
{
    struct dns_answer answer;

    name = dns_ascii_name(agent->dns, name, arena);
    if (!find_addresses(agent, name, arena, &answer, failure))
        return false;
    for (size_t i = 0; i < answer.count; i++) {
        const char *real = answer.records[i].name;
        struct host host = { .name = name, .address = answer.records[i].address,
                             .preference = preference, .port = port };

        if (agent->config->smtp_cname_overrides_servername && real && *real)
            host.name = real;
        set_port(&host, port);
        add_host(arena, hosts, host);
    }
    return true;
}

static int family_rank(const struct agent *agent, const struct host *host)
{
    const char *preference = agent->config->smtp_address_preference;

    if (strcmp(preference, "ipv4") == 0)
        return host->address.ss_family == AF_INET6;
    if (strcmp(preference, "ipv6") == 0)
        return host->address.ss_family == AF_INET;
    return 0;
}

static bool comes_before(const struct agent *agent, const struct host *a, const struct host *b)
{
    if (a->preference != b->preference)
        return a->preference < b->preference;
    return family_rank(agent, a) < family_rank(agent, b);
}

/* Equal ones in random order when that is wanted (RFC 5321 5.1: spread the load). */
static void sort_hosts(const struct agent *agent, struct host_list *hosts)
{
    if (agent->config->smtp_randomize_addresses)
        for (size_t i = hosts->count; i > 1; i--) {
            size_t other = random_below(i);
            struct host swapped = hosts->items[i - 1];

            hosts->items[i - 1] = hosts->items[other];
            hosts->items[other] = swapped;
        }
    /* Insertion sort: it keeps the order of equals, and lists are short. */
    for (size_t i = 1; i < hosts->count; i++) {
        struct host moved = hosts->items[i];
        size_t at = i;

        for (; at > 0 && comes_before(agent, &moved, &hosts->items[at - 1]); at--)
            hosts->items[at] = hosts->items[at - 1];
        hosts->items[at] = moved;
    }
}

/*
 * smtp_mx_address_limit; with smtp_balance_inet_protocols the last place goes to the other
 * family when the first ones are all of one.
 */
static void limit_hosts(const struct agent *agent, struct host_list *hosts)
{
    size_t limit = (size_t)agent->config->smtp_mx_address_limit;

    if (limit == 0 || hosts->count <= limit)
        return;

    int family = hosts->items[0].address.ss_family;
    size_t same = 1;

    while (same < hosts->count && hosts->items[same].address.ss_family == family)
        same++;
    if (agent->config->smtp_balance_inet_protocols && limit > 1 && same >= limit
        && same < hosts->count)
        hosts->items[limit - 1] = hosts->items[same];
    hosts->count = limit;
}

static bool is_own(const struct agent *agent, const struct host *host, struct arena *arena)
{
    const struct sockaddr *address = (const struct sockaddr *)&host->address;

    return interfaces_have(agent->interfaces, address)
           || interfaces_have_proxy_text(agent->interfaces,
                                         slice_of(dns_address_text(address, arena)));
}

/* Hosts that are not better than this one would send the mail back (RFC 5321 5.1). */
static bool drop_own(const struct agent *agent, const struct destination *destination,
                     struct arena *arena, struct host_list *hosts, struct failure *failure)
{
    if (!destination->default_port)
        return true;
    for (size_t i = 0; i < hosts->count; i++) {
        if (!is_own(agent, &hosts->items[i], arena))
            continue;

        unsigned own = hosts->items[i].preference;
        size_t kept = 0;

        while (kept < hosts->count && hosts->items[kept].preference < own)
            kept++;
        hosts->count = kept;
    }
    if (hosts->count > 0)
        return true;
    *failure = failure_of(arena, "5.4.6", "mail for %s loops back to myself",
                          destination->host);
    failure->loop = true;
    return false;
}

static bool add_mx_hosts(const struct agent *agent, const struct destination *destination,
                         const struct dns_answer *answer, struct arena *arena,
                         struct host_list *hosts, struct failure *failure)
{
    struct failure worst = { .dsn = "" };

    for (size_t i = 0; i < answer->count; i++)
        if (!add_addresses(agent, answer->records[i].host, answer->records[i].preference,
                           destination->port, arena, hosts, failure)
            && worst.dsn[0] != '4')
            worst = *failure;
    if (hosts->count > 0)
        return true;
    log_warn("no MX host for %s has a valid address record", destination->host);
    *failure = worst;
    if (agent->config->smtp_defer_if_no_mx_address_found && failure_is_permanent(failure))
        failure->dsn = "4.4.4";
    return false;
}

static bool find_by_mx(const struct agent *agent, const struct destination *destination,
                       struct arena *arena, struct host_list *hosts, struct failure *failure)
{
    struct dns_answer answer;

    dns_query(agent->dns, destination->host, DNS_MX, arena, &answer);
    if (answer.status == DNS_FOUND)
        return add_mx_hosts(agent, destination, &answer, arena, hosts, failure);
    if (answer.status == DNS_NULL_MX || answer.status == DNS_INVALID
        || answer.status == DNS_FILTERED || answer.status == DNS_BAD_FILTER
        || (answer.status == DNS_TROUBLE && !agent->config->ignore_mx_lookup_error)) {
        *failure = failure_of_answer(&answer, arena);
        return false;
    }
    return add_addresses(agent, destination->host, 0, destination->port, arena, hosts, failure);
}

static bool find_plain(const struct agent *agent, const struct destination *destination,
                       struct arena *arena, struct host_list *hosts, struct failure *failure)
{
    if (destination->exact || dns_is_disabled(agent))
        return add_addresses(agent, destination->host, 0, destination->port, arena, hosts,
                             failure);
    return find_by_mx(agent, destination, arena, hosts, failure);
}

enum srv_result { SRV_NONE, SRV_FOUND, SRV_FAILED };

/* The service is one of use_srv_lookup (RFC 2782, RFC 6186). */
static bool wants_srv(const struct agent *agent, const struct destination *destination)
{
    struct slice rest = slice_of(agent->config->use_srv_lookup), member;

    if (destination->exact || !*destination->service || dns_is_disabled(agent))
        return false;
    while (config_list_next(&rest, false, &member))
        if (slice_is_nocase(member, destination->service))
            return true;
    return false;
}

/*
 * RFC 2782: the lowest priority first; within it by chance, in proportion to the weights.  Moves
 * the record that is next to the place.
 */
static void choose_srv(struct dns_record *records, size_t place, size_t count)
{
    uint64_t sum = 0;
    uint16_t priority = UINT16_MAX;

    for (size_t i = place; i < count; i++)
        if (records[i].preference < priority)
            priority = records[i].preference;
    for (size_t i = place; i < count; i++)
        if (records[i].preference == priority)
            sum += records[i].weight + 1U;

    uint64_t chosen = random_below((size_t)sum);
    size_t at = place;

    for (; at + 1 < count; at++) {
        if (records[at].preference != priority)
            continue;
        if (chosen <= records[at].weight)
            break;
        chosen -= records[at].weight + 1U;
    }

    struct dns_record record = records[at];

    records[at] = records[place];
    records[place] = record;
}

static bool add_srv_hosts(const struct agent *agent, const struct dns_answer *answer,
                          struct arena *arena, struct host_list *hosts, struct failure *failure)
{
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];

        choose_srv(answer->records, i, answer->count);
        /* "." says that the service is decidedly not there. */
        if (*record->host && strcmp(record->host, ".") != 0)
            (void)!add_addresses(agent, record->host, record->preference, record->port, arena,
                                 hosts, failure);
    }
    return hosts->count > 0;
}

static enum srv_result srv_find(const struct agent *agent, const struct destination *destination,
                                struct arena *arena, struct host_list *hosts,
                                struct failure *failure)
{
    struct dns_answer answer;

    if (!wants_srv(agent, destination))
        return SRV_NONE;
    dns_query(agent->dns,
              arena_format(arena, "_%s._tcp.%s", destination->service, destination->host),
              DNS_SRV, arena, &answer);
    if (answer.status != DNS_FOUND)
        *failure = failure_of_answer(&answer, arena);
    else
        *failure = failure_of(arena, "5.4.4", "%sNo host offers the service %s of %s", not_found,
                              destination->service, destination->host);
    if (answer.status == DNS_FOUND && add_srv_hosts(agent, &answer, arena, hosts, failure))
        return SRV_FOUND;

    bool trouble = answer.status == DNS_TROUBLE || failure->dsn[0] == '4';

    if (agent->config->allow_srv_lookup_fallback
        && (!trouble || agent->config->ignore_srv_lookup_error))
        return SRV_NONE;
    return SRV_FAILED;
}

bool hosts_find(const struct agent *agent, const struct destination *destination,
                struct arena *arena, struct host_list *hosts, struct failure *failure)
{
    enum srv_result srv = srv_find(agent, destination, arena, hosts, failure);

    if (srv == SRV_FAILED || (srv == SRV_NONE && !find_plain(agent, destination, arena, hosts,
                                                             failure)))
        return false;
    if (srv == SRV_NONE)
        sort_hosts(agent, hosts);
    if (!drop_own(agent, destination, arena, hosts, failure))
        return false;
    limit_hosts(agent, hosts);
    for (size_t i = 0; i < hosts->count; i++)
        hosts->items[i].best = hosts->items[i].preference == hosts->items[0].preference;
    return true;
}
