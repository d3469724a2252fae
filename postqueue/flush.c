#include "flush.h"

#include "address/address.h"
#include "base/scope.h"
#include "log/log.h"
#include "queue/queue.h"
#include "table/match.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

enum { FLUSH_WAIT_SECONDS = 300, FLUSH_ANSWER_LIMIT = 1024 };

static void system_is_down(void) NO_RETURN;
static void system_is_down(void)
{
    log_fatal_status(EX_UNAVAILABLE, "Cannot flush mail queue - mail system is down");
}

int connect_service(const char *class, const char *service)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = FLUSH_WAIT_SECONDS };
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", class, service);

    if (length >= (int)sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }

    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    return take_fd(&fd);
}

/* Revive dead destinations, ignore time stamps, scan deferred and incoming. */
void flush_all(const struct config *config)
{
    static const char request[] = "FADI";
    AUTO_CLOSE int fd = connect_service("public", config->queue_service_name);

    if (fd < 0 && errno == ENOENT)
        log_warn("unable to look up public/%s: %m", config->queue_service_name);
    if (fd < 0 || send(fd, request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
        system_is_down();
}

/* The value of an attribute (name NUL value NUL ...), or an empty slice. */
static struct slice find_attribute(struct slice answer, const char *name)
{
    while (answer.length > 0) {
        size_t end = slice_find(answer, '\0');
        struct slice found = slice_part(answer, 0, end);

        answer = slice_from(answer, end + 1);
        if (found.length == 0)
            continue;
        end = slice_find(answer, '\0');
        if (slice_is(found, name))
            return slice_part(answer, 0, end);
        answer = slice_from(answer, end + 1);
    }
    return SLICE_LITERAL("");
}

/* A request to the flush service in Postfix's form: it speaks first and answers a status. */
static void ask_flush(const struct config *config, const char *kind, const char *name,
                      const char *value)
{
    AUTO_STR struct str request = STR_EMPTY, answer = STR_EMPTY;
    AUTO_CLOSE int fd = connect_service("public", config->flush_service_name);
    ssize_t count;

    if (fd < 0) {
        log_warn("connect to public/%s: %m", config->flush_service_name);
        system_is_down();
    }
    str_format(&request, "request%c%s%c%s%c%s%c%c", 0, kind, 0, name, 0, value, 0, 0);
    if (send(fd, request.data, request.length, MSG_NOSIGNAL) != (ssize_t)request.length)
        system_is_down();
    while (find_attribute(str_slice(&answer), "status").length == 0
           && answer.length < FLUSH_ANSWER_LIMIT
           && (count = recv(fd, str_reserve(&answer, FLUSH_ANSWER_LIMIT), FLUSH_ANSWER_LIMIT,
                            0)) > 0)
        str_added(&answer, (size_t)count);
    if (!slice_is(find_attribute(str_slice(&answer), "status"), "0"))
        system_is_down();
}

void flush_message(const struct config *config, const char *id)
{
    if (!queue_id_is_valid(slice_of(id)))
        log_fatal_status(EX_UNAVAILABLE, "Cannot flush queue ID - invalid name: \"%s\"", id);
    ask_flush(config, "send_file", "queue_id", id);
}

static bool site_is_served(const struct config *config, const char *site)
{
    const struct table_context context = table_context_of(config, config->queue_directory);
    unsigned flags = match_parent_flag(config->parent_domain_matches_subdomains,
                                       "fast_flush_domains");
    struct error error;
    struct match_list *list = match_list_open(&context, "fast_flush_domains",
                                              config->fast_flush_domains, MATCH_DOMAIN, flags,
                                              &error);

    if (!list)
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);

    enum match_result result = match_list_get(list, slice_of(site), &error);

    match_list_close(list);
    if (result == MATCH_TROUBLE)
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    return result == MATCH_YES;
}

void flush_site(const struct config *config, const char *site)
{
    struct slice host = slice_of(site);
    bool literal = address_domain_is_literal(slice_of(site), &host);

    if (literal ? !address_is_ip(host, NULL)
                : !address_is_host_name(slice_of(site)) || address_is_ip(slice_of(site), NULL))
        log_fatal_status(EX_UNAVAILABLE,
                         "Cannot flush mail queue - invalid destination: \"%s\"", site);
    if (!site_is_served(config, site))
        log_fatal_status(EX_UNAVAILABLE,
                         "Flush service is not configured for destination \"%s\"", site);
    ask_flush(config, "send_site", "site", site);
}
