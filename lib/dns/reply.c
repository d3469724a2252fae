#include "dns/reply.h"

#include "log/log.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <string.h>
#include <strings.h>

enum { ALIAS_LIMIT = 16, NAME_LIMIT = 255, LABEL_LIMIT = 63 };

bool dns_name_is_valid(const char *name)
{
    size_t length = strlen(name), label = 0;
    bool numeric = true;

    if (length == 0 || length > NAME_LIMIT)
        return false;
    for (const char *c = name; *c; c++) {
        bool first = label == 0, last = c[1] == '.' || c[1] == '\0';

        if (*c == '.') {
            if (first)
                return false;
            label = 0;
            continue;
        }
        if ((!byte_is_alnum(*c) && *c != '_' && *c != '-') || ++label > LABEL_LIMIT)
            return false;
        if (*c == '-' && (first || last))
            return false;
        numeric = numeric && byte_is_digit(*c);
    }
    return !numeric && label > 0;
}

static const char *expand_name(const ns_msg *message, const unsigned char *data,
                               struct arena *arena)
{
    char text[NS_MAXDNAME];

    if (ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), data, text,
                           sizeof(text)) < 0)
        return NULL;
    return arena_copy(arena, text);
}

static void read_address(const ns_rr *rr, struct dns_record *record)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    if (ns_rr_type(*rr) == ns_t_a) {
        memcpy(&v4.sin_addr, ns_rr_rdata(*rr), sizeof(v4.sin_addr));
        memcpy(&record->address, &v4, sizeof(v4));
        return;
    }
    memcpy(&v6.sin6_addr, ns_rr_rdata(*rr), sizeof(v6.sin6_addr));
    memcpy(&record->address, &v6, sizeof(v6));
}

/* The strings of a TXT record, joined (RFC 7208 3.3). */
static bool read_text(const ns_rr *rr, struct arena *arena, struct dns_record *record)
{
    char *text = arena_take(arena, ns_rr_rdlen(*rr) + 1U);
    size_t length = 0;

    for (size_t at = 0; at < ns_rr_rdlen(*rr);) {
        size_t count = ns_rr_rdata(*rr)[at++];

        if (at + count > ns_rr_rdlen(*rr))
            return false;
        memcpy(text + length, ns_rr_rdata(*rr) + at, count);
        length += count;
        at += count;
    }
    record->data = slice_bytes(text, length);
    return true;
}

static bool read_data(const ns_msg *message, const ns_rr *rr, struct arena *arena,
                      struct dns_record *record)
{
    const unsigned char *data = ns_rr_rdata(*rr);
    size_t length = ns_rr_rdlen(*rr);

    switch (record->type) {
    case DNS_A:
    case DNS_AAAA:
        if (length != (record->type == DNS_A ? 4 : 16))
            return false;
        read_address(rr, record);
        return true;
    case DNS_MX:
        if (length < 3)
            return false;
        record->preference = (uint16_t)ns_get16(data);
        record->host = expand_name(message, data + 2, arena);
        return record->host;
    case DNS_NS:
    case DNS_PTR:
        record->host = expand_name(message, data, arena);
        return record->host && dns_name_is_valid(record->host);
    case DNS_SRV:
        if (length < 7)
            return false;
        record->preference = (uint16_t)ns_get16(data);
        record->weight = (uint16_t)ns_get16(data + 2);
        record->port = (uint16_t)ns_get16(data + 4);
        record->host = expand_name(message, data + 6, arena);
        return record->host;
    case DNS_TXT:
        return read_text(rr, arena, record);
    case DNS_TLSA:
        record->data = slice_of(arena_text(arena, slice_bytes(data, length)));
        record->data.length = length;
        return true;
    }
    return false;
}

/* Where the name's CNAME in this reply leads, or NULL. */
static const char *find_alias(ns_msg *message, const char *name, struct arena *arena)
{
    for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
        ns_rr rr;

        if (ns_parserr(message, ns_s_an, i, &rr) < 0)
            return NULL;
        if (ns_rr_type(rr) == ns_t_cname && strcasecmp(ns_rr_name(rr), name) == 0)
            return expand_name(message, ns_rr_rdata(rr), arena);
    }
    return NULL;
}

/* Adds the name's records; *bad counts those that nobody can use. */
static void add_records(ns_msg *message, const char *name, enum dns_type type,
                        struct arena *arena, struct dns_answer *answer, size_t *bad)
{
    for (int i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
        struct dns_record *record = &answer->records[answer->count];
        ns_rr rr;

        if (ns_parserr(message, ns_s_an, i, &rr) < 0) {
            ++*bad;
            return;
        }
        if (ns_rr_type(rr) != (unsigned)type || ns_rr_class(rr) != ns_c_in
            || strcasecmp(ns_rr_name(rr), name) != 0)
            continue;
        *record = (struct dns_record){
            .type = type, .ttl = ns_rr_ttl(rr), .host = "",
            .authentic = ns_msg_getflag(*message, ns_f_ad) != 0,
        };
        if (!read_data(message, &rr, arena, record)) {
            ++*bad;
            continue;
        }
        record->name = arena_copy(arena, ns_rr_name(rr));
        answer->count++;
    }
}

static bool is_root(const char *host)
{
    return host[0] == '\0' || strcmp(host, ".") == 0;
}

/* Against RFC 5321 5.1, but met often enough: an MX that is an IPv4 address. */
static bool is_address(const char *host)
{
    struct in_addr address;

    return inet_pton(AF_INET, host, &address) == 1;
}

/* RFC 7505: one MX record whose host is the root.  Others are dropped when they name no host. */
static enum dns_status judge_mx(struct dns_answer *answer)
{
    size_t kept = 0;

    if (answer->count == 1 && is_root(answer->records[0].host))
        return DNS_NULL_MX;
    for (size_t i = 0; i < answer->count; i++) {
        const struct dns_record *record = &answer->records[i];

        if (is_address(record->host))
            log_warn("numeric domain name in resource data of MX record for %s: %s",
                     record->name, record->host);
        else if (!dns_name_is_valid(record->host)) {
            log_warn("malformed domain name in resource data of MX record for %s: %s",
                     record->name, record->host);
            continue;
        }
        answer->records[kept++] = *record;
    }
    answer->count = kept;
    return kept > 0 ? DNS_FOUND : DNS_INVALID;
}

static enum dns_status failure_of(const ns_msg *message)
{
    switch (ns_msg_getflag(*message, ns_f_rcode)) {
    case ns_r_noerror:
        return DNS_FOUND;
    case ns_r_nxdomain:
        return DNS_NO_DOMAIN;
    }
    return DNS_TROUBLE;
}

void dns_reply_read(const struct str *reply, const char *name, enum dns_type type,
                    struct arena *arena, struct dns_answer *answer, const char **alias)
{
    size_t bad = 0;
    ns_msg message;

    *alias = NULL;
    *answer = (struct dns_answer){ .status = DNS_INVALID };
    if (ns_initparse((const unsigned char *)reply->data, (int)reply->length, &message) < 0)
        return;
    answer->status = failure_of(&message);
    if (answer->status != DNS_FOUND)
        return;
    answer->records = arena_take(arena, (ns_msg_count(message, ns_s_an) + 1U)
                                            * sizeof(*answer->records));
    for (int hops = 0; hops < ALIAS_LIMIT; hops++) {
        const char *target = find_alias(&message, name, arena);

        if (!target)
            break;
        *alias = name = target;
    }
    add_records(&message, name, type, arena, answer, &bad);
    if (answer->count > 0)
        *alias = NULL;
    if (answer->count == 0)
        answer->status = bad > 0 ? DNS_INVALID : DNS_NO_DATA;
    else if (type == DNS_MX)
        answer->status = judge_mx(answer);
}
