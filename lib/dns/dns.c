/*
 * libresolv does the wire (ns_name_pton, ns_initparse, ns_parserr); the sockets are ours.
 * res_nquery has no absolute deadline, keeps 500 bytes and open sockets for each thread and looks
 * at resolv.conf in its own ways; c-ares would be an event loop inside a blocking call.
 */
#include "dns/dns.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "dns/exchange.h"
#include "dns/reply.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdatomic.h>
#include <string.h>

enum { LOOK_AGAIN_MILLISECONDS = 1000, CHASE_LIMIT = 8, DEFAULT_TIMEOUT = 30 };

struct dns {
    const char *resolv_conf, *hosts;
    int timeout_seconds;
    bool default_domain, search, idna2003;
    enum dns_choice (*keep)(void *argument, const char *record);
    void *keep_argument;
    _Atomic(struct dns_files *) files;
    _Atomic int64_t look_again_at;
};

struct dns *dns_new(const struct dns_settings *settings, UNUSED struct error *error)
{
    struct dns *dns = memory_new(1, sizeof(*dns));

    dns->resolv_conf =
        memory_copy(settings->resolv_conf ? settings->resolv_conf : "/etc/resolv.conf");
    dns->hosts = memory_copy(settings->hosts ? settings->hosts : "/etc/hosts");
    dns->timeout_seconds =
        settings->timeout_seconds > 0 ? settings->timeout_seconds : DEFAULT_TIMEOUT;
    dns->default_domain = settings->default_domain;
    dns->search = settings->search;
    dns->idna2003 = settings->idna2003;
    dns->keep = settings->keep;
    dns->keep_argument = settings->keep_argument;
    atomic_init(&dns->files, dns_files_read(dns->resolv_conf, dns->hosts));
    atomic_init(&dns->look_again_at, moment_now() + LOOK_AGAIN_MILLISECONDS);
    return dns;
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    dns_files_free(atomic_load(&dns->files));
    free((char *)dns->resolv_conf);
    free((char *)dns->hosts);
    free(dns);
}

/*
 * What the files say now.  Who wins the exchange of the time stamp looks; what is replaced stays
 * until dns_free, since others may be reading it, and files change rarely.
 */
static const struct dns_files *current_files(struct dns *dns)
{
    int64_t now = moment_now(), due = atomic_load(&dns->look_again_at);
    struct dns_files *files = atomic_load(&dns->files);

    if (now < due
        || !atomic_compare_exchange_strong(&dns->look_again_at, &due,
                                           now + LOOK_AGAIN_MILLISECONDS)
        || !dns_files_changed(files, dns->resolv_conf, dns->hosts))
        return files;

    struct dns_files *fresh = dns_files_read(dns->resolv_conf, dns->hosts);

    fresh->older = files;
    if (atomic_compare_exchange_strong(&dns->files, &files, fresh))
        return fresh;
    fresh->older = NULL;
    dns_files_free(fresh);
    return files;
}

static const char *type_name(enum dns_type type)
{
    switch (type) {
    case DNS_A:
        return "A";
    case DNS_NS:
        return "NS";
    case DNS_PTR:
        return "PTR";
    case DNS_MX:
        return "MX";
    case DNS_TXT:
        return "TXT";
    case DNS_AAAA:
        return "AAAA";
    case DNS_SRV:
        return "SRV";
    case DNS_TLSA:
        return "TLSA";
    }
    return "unknown";
}

/* The words that Postfix logs. */
static const char *status_text(enum dns_status status)
{
    switch (status) {
    case DNS_NO_DOMAIN:
        return "Host not found";
    case DNS_NO_DATA:
        return "Host found but no data record of requested type";
    case DNS_INVALID:
        return "Malformed or unexpected name server reply";
    case DNS_TROUBLE:
        return "Host not found, try again";
    case DNS_FILTERED:
        return "DNS reply filter drops all results";
    case DNS_BAD_FILTER:
        return "Invalid DNS reply filter syntax";
    case DNS_FOUND:
    case DNS_NULL_MX:
        break;
    }
    return "";
}

static void explain(struct dns_answer *answer, const char *name, enum dns_type type,
                    struct arena *arena)
{
    if (answer->status == DNS_FOUND)
        answer->text = "";
    else if (answer->status == DNS_NULL_MX)
        answer->text = arena_format(arena, "Domain %s does not accept mail (nullMX)", name);
    else if (answer->status == DNS_FILTERED || answer->status == DNS_BAD_FILTER)
        answer->text = arena_format(arena, "Error looking up name=%s type=%s: %s", name,
                                    type_name(type), status_text(answer->status));
    else
        answer->text = arena_format(arena, "Name service error for name=%s type=%s: %s", name,
                                    type_name(type), status_text(answer->status));
}

/* NULL when the name has no such form. */
static const char *to_ascii(const struct dns *dns, const char *name, struct arena *arena)
{
    int flags = IDN2_NFC_INPUT | (dns->idna2003 ? IDN2_TRANSITIONAL : IDN2_NONTRANSITIONAL);
    char *ascii = NULL;

    if (text_is_ascii(slice_of(name)))
        return name;
    if (idn2_to_ascii_8z(name, &ascii, flags) != IDN2_OK)
        return NULL;

    const char *copy = arena_copy(arena, ascii);

    idn2_free(ascii);
    return copy;
}

const char *dns_ascii_name(const struct dns *dns, const char *name, struct arena *arena)
{
    const char *ascii = to_ascii(dns, name, arena);

    return ascii ? ascii : name;
}

/* What is asked for: without a trailing dot too. */
static const char *wire_name(const struct dns *dns, const char *name, struct arena *arena)
{
    size_t length = strlen(name);
    const char *plain = length > 1 && name[length - 1] == '.'
                            ? arena_text(arena, (struct slice){ name, length - 1 }) : name;
    const char *ascii = to_ascii(dns, plain, arena);

    return ascii ? ascii : "";
}

static void ask(struct dns *dns, const char *name, enum dns_type type, struct arena *arena,
                struct dns_answer *answer)
{
    const struct dns_files *files = current_files(dns);
    int64_t deadline = moment_after(dns->timeout_seconds);
    AUTO_STR struct str reply = STR_EMPTY;
    struct error error = ERROR_NONE;
    const char *alias = name;

    for (int hops = 0; alias && hops < CHASE_LIMIT; hops++) {
        *answer = (struct dns_answer){ .status = DNS_TROUBLE };
        if (!dns_exchange(files, alias, type, deadline, &reply, &error))
            return;

        const char *asked = alias;

        dns_reply_read(&reply, asked, type, arena, answer, &alias);
    }
}

/* The record as in a zone file (smtp_dns_reply_filter in postconf(5)). */
static void write_record(struct str *text, const struct dns_record *record, struct arena *arena)
{
    str_format(text, "%s. %u IN %s ", record->name, record->ttl, type_name(record->type));
    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        str_text(text, dns_address_text((const struct sockaddr *)&record->address, arena));
        return;
    case DNS_MX:
        str_format(text, "%u %s.", record->preference, record->host);
        return;
    case DNS_SRV:
        str_format(text, "%u %u %u %s.", record->preference, record->weight, record->port,
                   record->host);
        return;
    case DNS_PTR:
    case DNS_NS:
        str_format(text, "%s.", record->host);
        return;
    case DNS_TXT:
        str_add(text, record->data);
        return;
    case DNS_TLSA:
        return;
    }
}

/* Only the records that count stay.  False when the filter is broken. */
static bool choose_records(const struct dns *dns, struct arena *arena, struct dns_answer *answer)
{
    size_t kept = 0;

    for (size_t i = 0; i < answer->count; i++) {
        AUTO_STR struct str text = STR_EMPTY;

        write_record(&text, &answer->records[i], arena);
        switch (dns->keep(dns->keep_argument, text.data)) {
        case DNS_KEEP:
            answer->records[kept++] = answer->records[i];
            break;
        case DNS_DROP:
            break;
        case DNS_NO_CHOICE:
            return false;
        }
    }
    answer->count = kept;
    return true;
}

static void filter_records(const struct dns *dns, struct arena *arena, struct dns_answer *answer)
{
    if (!dns->keep || answer->status != DNS_FOUND)
        return;
    if (!choose_records(dns, arena, answer))
        answer->status = DNS_BAD_FILTER;
    else if (answer->count == 0)
        answer->status = DNS_FILTERED;
}

static void ask_valid(struct dns *dns, const char *name, enum dns_type type, struct arena *arena,
                      struct dns_answer *answer)
{
    if (!dns_name_is_valid(name)) {
        *answer = (struct dns_answer){ .status = DNS_INVALID };
        return;
    }
    ask(dns, name, type, arena, answer);
    filter_records(dns, arena, answer);
}

/* resolver(3): the name below each of our domains, or (res_defnames) below the first. */
static void ask_below(struct dns *dns, const char *name, enum dns_type type, struct arena *arena,
                      struct dns_answer *answer)
{
    const struct dns_files *files = current_files(dns);
    size_t count = dns->search ? files->search_count : files->search_count > 0;

    for (size_t i = 0; i < count; i++) {
        struct dns_answer found;

        ask_valid(dns, arena_format(arena, "%s.%s", name, files->search[i]), type, arena, &found);
        if (found.status == DNS_FOUND || found.status == DNS_TROUBLE) {
            *answer = found;
            return;
        }
    }
}

void dns_query(struct dns *dns, const char *name, enum dns_type type, struct arena *arena,
               struct dns_answer *answer)
{
    const char *asked = wire_name(dns, name, arena);
    bool dotted = strchr(asked, '.') != NULL;
    /* As Postfix does: only hosts are searched, the domains of mail stay as they are. */
    bool below = type == DNS_A || type == DNS_AAAA;

    answer->status = DNS_NO_DOMAIN;
    if (below && !dotted && (dns->default_domain || dns->search))
        ask_below(dns, asked, type, arena, answer);
    if (answer->status != DNS_FOUND)
        ask_valid(dns, asked, type, arena, answer);
    if (below && dotted && dns->search && answer->status == DNS_NO_DOMAIN)
        ask_below(dns, asked, type, arena, answer);
    if (answer->status == DNS_INVALID && !dns_name_is_valid(asked))
        answer->text = arena_format(
            arena, "Name service error for %s: invalid host or domain name", name);
    else
        explain(answer, dns_ascii_name(dns, name, arena), type, arena);
}

static bool family_is_wanted(int wanted, int family)
{
    return wanted == AF_UNSPEC || wanted == family;
}

static struct dns_record address_record(const char *host, const struct sockaddr_storage *address)
{
    return (struct dns_record){
        .type = address->ss_family == AF_INET ? DNS_A : DNS_AAAA,
        .name = host, .host = "", .address = *address,
    };
}

static bool answer_from_hosts(struct dns *dns, const char *host, int family, struct arena *arena,
                              struct dns_answer *answer)
{
    const struct host_address *first = dns_files_addresses(current_files(dns), host);
    size_t count = 0;

    for (const struct host_address *at = first; at; at = at->next)
        count++;
    *answer = (struct dns_answer){ .status = DNS_FOUND, .text = "" };
    answer->records = arena_take(arena, (count + 1) * sizeof(*answer->records));
    for (const struct host_address *at = first; at; at = at->next)
        if (family_is_wanted(family, at->address.ss_family))
            answer->records[answer->count++] = address_record(host, &at->address);
    return answer->count > 0;
}

static bool answer_from_literal(const char *host, int family, struct arena *arena,
                                struct dns_answer *answer)
{
    struct sockaddr_storage address;
    socklen_t length;

    if (!dns_parse_address(host, 0, &address, &length)
        || !family_is_wanted(family, address.ss_family))
        return false;
    *answer = (struct dns_answer){ .status = DNS_FOUND, .count = 1, .text = "" };
    answer->records = arena_take(arena, sizeof(*answer->records));
    answer->records[0] = address_record(host, &address);
    return true;
}

/* Both families: found when one is; else trouble outweighs what is known for certain. */
static void join_answers(struct dns_answer *answer, const struct dns_answer *more,
                         struct arena *arena)
{
    if (more->status == DNS_FOUND && answer->status == DNS_FOUND) {
        struct dns_record *all =
            arena_take(arena, (answer->count + more->count) * sizeof(*all));

        memcpy(all, answer->records, answer->count * sizeof(*all));
        memcpy(all + answer->count, more->records, more->count * sizeof(*all));
        answer->records = all;
        answer->count += more->count;
        return;
    }
    if (answer->status == DNS_FOUND)
        return;
    if (more->status == DNS_FOUND || answer->status != DNS_TROUBLE)
        *answer = *more;
}

void dns_addresses(struct dns *dns, const char *host, int family, bool native,
                   struct arena *arena, struct dns_answer *answer)
{
    struct dns_answer more;

    if (answer_from_literal(host, family, arena, answer)
        || (native && answer_from_hosts(dns, host, family, arena, answer)))
        return;
    if (family != AF_UNSPEC) {
        dns_query(dns, host, family == AF_INET ? DNS_A : DNS_AAAA, arena, answer);
        return;
    }
    dns_query(dns, host, DNS_A, arena, answer);
    if (answer->status == DNS_INVALID)
        return;     /* of the name, so of both types */
    dns_query(dns, host, DNS_AAAA, arena, &more);
    join_answers(answer, &more, arena);
}

static const char *reverse_name(const struct sockaddr *address, struct arena *arena)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        const unsigned char *b = (const unsigned char *)&v4->sin_addr;

        return arena_format(arena, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
    }

    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    AUTO_STR struct str name = STR_EMPTY;

    for (int i = 15; i >= 0; i--)
        str_format(&name, "%x.%x.", v6->sin6_addr.s6_addr[i] & 15u,
                   v6->sin6_addr.s6_addr[i] >> 4u);
    str_text(&name, "ip6.arpa");
    return arena_text(arena, str_slice(&name));
}

const char *dns_name_of(struct dns *dns, const struct sockaddr *address, struct arena *arena,
                        enum dns_status *status)
{
    const char *known =
        dns_files_name(current_files(dns), dns_address_text(address, arena));
    struct dns_answer answer = { .status = DNS_TROUBLE };

    *status = DNS_FOUND;
    if (known)
        return arena_copy(arena, known);
    ask(dns, reverse_name(address, arena), DNS_PTR, arena, &answer);
    *status = answer.status;
    return answer.status == DNS_FOUND ? answer.records[0].host : NULL;
}

const char *dns_address_text(const struct sockaddr *address, struct arena *arena)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;

    if (address->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    if (!inet_ntop(address->sa_family, bytes, text, sizeof(text)))
        return "";
    return arena_copy(arena, text);
}
