#include "dns/files.h"

#include "base/memory.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { DNS_PORT = 53 };

bool dns_parse_address(const char *text, int port, struct sockaddr_storage *address,
                       socklen_t *length)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };

    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof(v4));
        *length = sizeof(v4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(address, &v6, sizeof(v6));
        *length = sizeof(v6);
        return true;
    }
    return false;
}

/* "192.0.2.1", "2001:db8::1" or "[either]:port". */
static void add_server(struct dns_files *files, struct slice text)
{
    char plain[INET6_ADDRSTRLEN];
    uint64_t port = DNS_PORT;

    if (files->server_count == DNS_SERVER_LIMIT)
        return;
    if (slice_starts(text, "[")) {
        size_t end = slice_find(text, ']');
        struct slice behind = slice_from(text, end + 1);

        if (slice_starts(behind, ":") && !slice_number(slice_from(behind, 1), 65535, &port))
            return;
        text = slice_part(text, 1, end - 1);
    }
    if (text.length >= sizeof(plain))
        return;
    memcpy(plain, text.data, text.length);
    plain[text.length] = '\0';

    struct dns_server *server = &files->servers[files->server_count];

    if (dns_parse_address(plain, (int)port, &server->address, &server->length))
        files->server_count++;
}

static void read_option(struct dns_files *files, struct slice option)
{
    uint64_t number;

    if (slice_starts(option, "timeout:") && slice_number(slice_from(option, 8), 30, &number))
        files->try_seconds = number > 0 ? (int)number : 1;
    if (slice_starts(option, "attempts:") && slice_number(slice_from(option, 9), 5, &number))
        files->attempts = number > 0 ? (int)number : 1;
}

static void read_search(struct dns_files *files, struct slice names)
{
    struct slice name;

    files->search_count = 0;
    while (files->search_count < DNS_SEARCH_LIMIT
           && slice_take_token(&names, " \t\r\n", &name))
        files->search[files->search_count++] = arena_text(files->arena, name);
}

static void read_resolv_line(struct dns_files *files, struct slice line)
{
    struct slice keyword = slice_take_word(&line);

    if (slice_is(keyword, "nameserver"))
        add_server(files, slice_take_word(&line));
    if (slice_is(keyword, "search") || slice_is(keyword, "domain"))
        read_search(files, line);
    if (!slice_is(keyword, "options"))
        return;
    for (struct slice word = slice_take_word(&line); word.length > 0;
         word = slice_take_word(&line))
        read_option(files, word);
}

static void add_host(struct dns_files *files, struct slice name,
                     const struct sockaddr_storage *address)
{
    struct host_address *added = arena_take(files->arena, sizeof(*added));
    char *lower = arena_text(files->arena, name);

    for (char *c = lower; *c; c++)
        *c = byte_lower(*c);
    added->address = *address;

    struct host_address *known = hash_get(files->addresses, slice_of(lower));

    if (!known) {
        hash_set(files->addresses, slice_of(lower), added);
        return;
    }
    while (known->next)
        known = known->next;
    known->next = added;
}

static void read_hosts_line(struct dns_files *files, struct slice line)
{
    struct sockaddr_storage address;
    socklen_t length;

    line = slice_part(line, 0, slice_find(line, '#'));

    const char *text = arena_text(files->arena, slice_take_word(&line));

    if (!dns_parse_address(text, 0, &address, &length))
        return;
    for (struct slice name = slice_take_word(&line); name.length > 0;
         name = slice_take_word(&line)) {
        if (!hash_get(files->names, slice_of(text)))
            hash_set(files->names, slice_of(text), arena_text(files->arena, name));
        add_host(files, name, &address);
    }
}

static void read_lines(struct dns_files *files, const char *path, struct stat *stamp,
                       void (*read_line)(struct dns_files *, struct slice))
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    memset(stamp, 0, sizeof(*stamp));
    if (!file)
        return;
    if (fstat(fileno(file), stamp) < 0)
        memset(stamp, 0, sizeof(*stamp));
    for (ssize_t got = getline(&line, &size, file); got >= 0; got = getline(&line, &size, file))
        read_line(files, slice_trim((struct slice){ line, (size_t)got }));
    free(line);
    fclose(file);
}

struct dns_files *dns_files_read(const char *resolv_conf, const char *hosts)
{
    struct dns_files *files = memory_new(1, sizeof(*files));

    files->arena = arena_new();
    files->addresses = hash_new();
    files->names = hash_new();
    files->try_seconds = 5;         /* RES_TIMEOUT and RES_DFLRETRY of resolv.conf(5) */
    files->attempts = 2;
    read_lines(files, resolv_conf, &files->resolv_stamp, read_resolv_line);
    read_lines(files, hosts, &files->hosts_stamp, read_hosts_line);
    if (files->server_count == 0)
        add_server(files, SLICE_LITERAL("127.0.0.1"));
    return files;
}

void dns_files_free(struct dns_files *files)
{
    while (files) {
        struct dns_files *older = files->older;

        hash_free(files->addresses, NULL);
        hash_free(files->names, NULL);
        arena_free(files->arena);
        free(files);
        files = older;
    }
}

static bool is_changed(const char *path, const struct stat *stamp)
{
    struct stat now;

    if (stat(path, &now) < 0)
        memset(&now, 0, sizeof(now));
    return now.st_ino != stamp->st_ino || now.st_size != stamp->st_size
           || now.st_mtim.tv_sec != stamp->st_mtim.tv_sec
           || now.st_mtim.tv_nsec != stamp->st_mtim.tv_nsec;
}

bool dns_files_changed(const struct dns_files *files, const char *resolv_conf, const char *hosts)
{
    return is_changed(resolv_conf, &files->resolv_stamp)
           || is_changed(hosts, &files->hosts_stamp);
}

const struct host_address *dns_files_addresses(const struct dns_files *files, const char *name)
{
    struct str lower = STR_EMPTY;

    str_text(&lower, name);
    str_lower(&lower);

    const struct host_address *found = hash_get(files->addresses, str_slice(&lower));

    str_free(&lower);
    return found;
}

const char *dns_files_name(const struct dns_files *files, const char *address_text)
{
    return hash_get(files->names, slice_of(address_text));
}
