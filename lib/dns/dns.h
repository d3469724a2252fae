/*
 * Names and addresses: the hosts file and DNS, with deadlines (RFC 1035, 5321 section 5).
 *
 * The wire format is a library's.  Thread-safe; every call may wait until its deadline.
 * A resolver reads resolv.conf and hosts once and looks again at most once a second.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/moment.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct dns;

/* What a filter says of a record. */
enum dns_choice { DNS_KEEP, DNS_DROP, DNS_NO_CHOICE /* the filter is broken */ };

struct dns_settings {
    const char *resolv_conf;    /* NULL: /etc/resolv.conf */
    const char *hosts;          /* NULL: /etc/hosts */
    int timeout_seconds;        /* for one query, over all tries; 0: 30 */
    bool default_domain;        /* res_defnames: a name without dots is one of our own domain */
    bool idna2003;              /* enable_idna2003_compatibility: how UTF-8 names become A-labels */
    bool search;                /* res_dnsrch: a name that is not there may be one of those */
    /*
     * Whether a record counts: "name. ttl IN TYPE preference value" as zone files have it, the
     * preference for MX only.  NULL: all do.
     */
    enum dns_choice (*keep)(void *argument, const char *record);
    void *keep_argument;
};

struct dns *dns_new(const struct dns_settings *settings, struct error *error) MUST_USE;
void dns_free(struct dns *dns);

enum dns_status {
    DNS_FOUND,
    DNS_NO_DOMAIN,      /* NXDOMAIN */
    DNS_NO_DATA,        /* the name is there, records of the type are not */
    DNS_TROUBLE,        /* SERVFAIL, time-out: try again later */
    DNS_INVALID,        /* not a domain name, or a malformed answer */
    DNS_NULL_MX,        /* RFC 7505: the domain accepts no mail */
    DNS_FILTERED,       /* none of the records counts (see keep) */
    DNS_BAD_FILTER,     /* the filter does not work: try again later */
};

enum dns_type { DNS_A = 1, DNS_NS = 2, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28,
                DNS_SRV = 33, DNS_TLSA = 52 };

struct dns_record {
    enum dns_type type;
    const char *name;           /* owner, after CNAMEs */
    uint32_t ttl;
    uint16_t preference;        /* MX; priority of SRV */
    uint16_t weight, port;      /* SRV */
    const char *host;           /* MX, NS, PTR, SRV: the target, without trailing dot */
    struct slice data;          /* TXT: the strings joined; TLSA: raw */
    struct sockaddr_storage address;    /* A, AAAA: port 0 */
    bool authentic;             /* AD bit */
};

struct dns_answer {
    enum dns_status status;
    struct dns_record *records;
    size_t count;
    const char *text;           /* why not, in Postfix's words: "Host or domain name not found. Name
                                   service error for name=x type=MX: Host not found" */
};

/*
 * The name as DNS has it: UTF-8 labels as A-labels (RFC 5890), in the arena.  What is ASCII, and
 * what cannot be converted, stays as it is.
 */
const char *dns_ascii_name(const struct dns *dns, const char *name, struct arena *arena);

/* One query; everything in the answer lives in the arena. */
void dns_query(struct dns *dns, const char *name, enum dns_type type, struct arena *arena,
               struct dns_answer *answer);

/*
 * The addresses of a host: hosts file first when native, then A and AAAA of the
 * protocols (AF_INET, AF_INET6, AF_UNSPEC for both).
 */
void dns_addresses(struct dns *dns, const char *host, int family, bool native,
                   struct arena *arena, struct dns_answer *answer);

/*
 * The name of an address: hosts file, then PTR.  *status DNS_FOUND gives the name;
 * forward-confirmation is the caller's business.
 */
const char *dns_name_of(struct dns *dns, const struct sockaddr *address, struct arena *arena,
                        enum dns_status *status);

/* Numeric text of an address ("192.0.2.1", "2001:db8::1"), without a port. */
const char *dns_address_text(const struct sockaddr *address, struct arena *arena);
