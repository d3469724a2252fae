/*
 * What resolv.conf(5) and hosts(5) said when they were last read: one value that
 * never changes once made, so threads share it without a lock.
 *
 * A name server may be written [address]:port, for servers beside port 53.
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"

#include <netinet/in.h>
#include <sys/stat.h>

enum {
    DNS_SERVER_LIMIT = 3,       /* MAXNS of resolv.conf(5) */
    DNS_SEARCH_LIMIT = 6,       /* MAXDNSRCH */
};

struct dns_server {
    struct sockaddr_storage address;
    socklen_t length;
};

struct host_address {
    struct sockaddr_storage address;
    struct host_address *next;
};

struct dns_files {
    struct dns_server servers[DNS_SERVER_LIMIT];
    size_t server_count;
    int try_seconds;            /* options timeout: one question to one server */
    int attempts;               /* options attempts: rounds over all servers */
    const char *search[DNS_SEARCH_LIMIT];   /* search or domain, the last that stands there */
    size_t search_count;
    struct hash *addresses;     /* lower-case name: struct host_address */
    struct hash *names;         /* address text: const char * */
    struct arena *arena;
    struct stat resolv_stamp, hosts_stamp;
    struct dns_files *older;    /* the reading before this one; readers may still hold it */
};

/* Read both; a file that is not there counts as empty (and the server as the local host). */
struct dns_files *dns_files_read(const char *resolv_conf, const char *hosts) MUST_USE;

/* Frees the older ones too.  NULL is fine. */
void dns_files_free(struct dns_files *files);

/* True when one of the files is not what was read. */
bool dns_files_changed(const struct dns_files *files, const char *resolv_conf, const char *hosts);

/* The addresses and the name that hosts(5) gives; NULL without. */
const struct host_address *dns_files_addresses(const struct dns_files *files, const char *name);
const char *dns_files_name(const struct dns_files *files, const char *address_text);

/* A numeric address; port in host order. */
bool dns_parse_address(const char *text, int port, struct sockaddr_storage *address,
                       socklen_t *length);
