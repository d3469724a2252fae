/*
 * flush: makes deferred mail due at once, for one message (postqueue -i) or one site
 * (postqueue -s, ETRN).  Speaks queue_flush_protocol as Postfix does: attributes are name NUL
 * value NUL, an empty name ends a group, the server speaks first.
 *
 * The mail of a site is found by looking through deferred, so there is nothing to keep up to
 * date for mail that nobody asks for: add, purge and refresh are answered and do nothing.
 */
#include "address/address.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "queue/queue.h"
#include "service/needs.h"
#include "table/match.h"

#include <errno.h>
#include <stdio.h>
#include <sys/un.h>

enum { REQUEST_LIMIT = 4096, BATCH = 500, WAIT_SECONDS = 60 };

/* FLUSH_STAT_ of the protocol. */
enum flush_status { FLUSH_DONE = 0, FLUSH_BAD = 3, FLUSH_DENIED = 4 };

struct flush {
    const struct service_context *context;
    struct queue *queue;
    struct match_list *domains;     /* fast_flush_domains */
};

/* --- Messages. ---------------------------------------------------------------------- */

static bool has_recipient_at(const struct envelope *envelope, struct slice site)
{
    for (size_t i = 0; i < envelope->recipients.count; i++) {
        struct address_parts parts = address_split(slice_of(envelope->recipients.items[i].address));

        if (slice_equal_nocase(parts.domain, site))
            return true;
    }
    return false;
}

static bool is_for_site(struct queue *queue, const char *id, struct slice site)
{
    struct message *message;
    struct envelope envelope;
    struct error error;
    bool more = true, found = false;

    if (message_open(queue, QUEUE_DEFERRED, id, &message, &error) != MESSAGE_READY)
        return false;
    while (!found && more) {
        AUTO_ARENA struct arena *arena = arena_new();

        if (!message_envelope(message, arena, &envelope, BATCH, &more, &error))
            break;
        found = has_recipient_at(&envelope, site);
    }
    message_close(message);
    return found;
}

static bool hasten(struct flush *flush, const char *id)
{
    struct error error;

    if (queue_hasten(flush->queue, id, &error))
        return true;
    if (error.code != ENOENT)
        log_warn("%s", error.text);
    return false;
}

/* qmgr looks at incoming; when it does not listen, it will look when it starts. */
static void wake_qmgr(const struct flush *flush)
{
    const char *path = service_socket(flush->context, "public",
                                      flush->context->config->queue_service_name);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0
        || send(fd, "I", 1, MSG_NOSIGNAL) != 1)
        log_warn("connect to %s: %m", path);
}

static enum flush_status send_file(struct flush *flush, struct slice id)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (!queue_id_is_valid(id))
        return FLUSH_BAD;
    str_add(&text, id);
    if (hasten(flush, text.data))
        wake_qmgr(flush);
    return FLUSH_DONE;
}

static enum flush_status send_site(struct flush *flush, struct slice site)
{
    struct error error;
    size_t count = 0;

    if (match_list_get(flush->domains, site, &error) != MATCH_YES)
        return FLUSH_DENIED;

    struct queue_scan *scan = queue_scan_new(flush->queue, QUEUE_DEFERRED);

    for (const char *id; (id = queue_scan_next(scan));)
        count += is_for_site(flush->queue, id, site) && hasten(flush, id);
    queue_scan_free(scan);
    if (count > 0)
        wake_qmgr(flush);
    return FLUSH_DONE;
}

/* --- Requests. ---------------------------------------------------------------------- */

/* The value of an attribute in a whole request; empty without one. */
static struct slice attribute(struct slice request, const char *name)
{
    while (request.length > 0) {
        size_t end = slice_find(request, '\0');
        bool wanted = slice_is(slice_part(request, 0, end), name);

        request = slice_from(request, end + 1);
        end = slice_find(request, '\0');
        if (wanted)
            return slice_part(request, 0, end);
        request = slice_from(request, end + 1);
    }
    return SLICE_LITERAL("");
}

/* A request ends in two NULs: that of a value, and the empty name. */
static bool receive_request(int fd, struct str *request)
{
    while (request->length < REQUEST_LIMIT) {
        ssize_t count = recv(fd, str_reserve(request, REQUEST_LIMIT), REQUEST_LIMIT, 0);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        str_added(request, (size_t)count);
        if (request->length > 1 && request->data[request->length - 1] == '\0'
            && request->data[request->length - 2] == '\0')
            return true;
    }
    return false;
}

static bool obey(struct flush *flush, struct slice request, enum flush_status *status)
{
    struct slice kind = attribute(request, "request");

    *status = FLUSH_DONE;
    if (slice_is(kind, "send_file"))
        *status = send_file(flush, attribute(request, "queue_id"));
    else if (slice_is(kind, "send_site"))
        *status = send_site(flush, attribute(request, "site"));
    else if (!slice_is(kind, "add") && !slice_is(kind, "purge") && !slice_is(kind, "refresh"))
        return false;
    return true;
}

static enum turn flush_greet(struct client *client)
{
    static const char greeting[] = "protocol\0queue_flush_protocol\0";
    const struct timeval wait = { .tv_sec = WAIT_SECONDS };
    AUTO_STR struct str request = STR_EMPTY, answer = STR_EMPTY;
    int fd = lane_descriptor(client->lane);
    enum flush_status status;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) != sizeof(greeting)
        || !receive_request(fd, &request))
        return TURN_LEAVE;
    if (!obey(client->context->state, str_slice(&request), &status))
        return TURN_LEAVE;
    str_format(&answer, "status%c%d%c%c", 0, (int)status, 0, 0);
    if (send(fd, answer.data, answer.length, MSG_NOSIGNAL) < 0)
        log_debug("answer: %m");
    return TURN_LEAVE;
}

/* One request for each connection: it is over when it has been greeted. */
static enum turn flush_turn(struct client *client)
{
    (void)client;
    return TURN_LEAVE;
}

static bool flush_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    const struct queue_settings settings = { .hash_queue_names = config->hash_queue_names,
                                             .hash_queue_depth = config->hash_queue_depth };
    struct flush *flush = memory_new(1, sizeof(*flush));

    flush->context = context;
    flush->queue = queue_open(&settings, error);
    context->state = flush;
    if (!flush->queue)
        return false;
    flush->domains = match_list_open(service_tables(context), "fast_flush_domains",
                                     config->fast_flush_domains, MATCH_DOMAIN,
                                     match_parent_flag(config->parent_domain_matches_subdomains,
                                                       "fast_flush_domains"),
                                     error);
    return flush->domains != NULL;
}

int main(int argc, char **argv)
{
    static const struct service flush = {
        .name = "flush",
        .pattern = SERVICE_SINGLE,
        .rights = RIGHT_READ_TABLES | RIGHT_READ_QUEUE | RIGHT_WRITE_QUEUE | RIGHT_CONNECT_UNIX,
        .prepare = flush_prepare,
        .greet = flush_greet,
        .turn = flush_turn,
    };

    return service_main(&flush, argc, argv);
}
