/*
 * showq: lists the queue to whoever connects, in the form of queue/listing.h.
 */
#include "log/log.h"
#include "queue/listing.h"
#include "service/service.h"

#include <errno.h>

static bool showq_prepare(struct service_context *context, struct error *error)
{
    const struct queue_settings settings = {
        .hash_queue_names = context->config->hash_queue_names,
        .hash_queue_depth = context->config->hash_queue_depth,
    };

    context->state = queue_open(&settings, error);
    return context->state != NULL;
}

/* False when the client does not take it in time: nobody is waited for without end. */
static bool send_bytes(void *argument, struct slice bytes)
{
    const struct client *client = argument;
    int fd = lane_descriptor(client->lane);

    while (bytes.length > 0) {
        ssize_t count = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            log_debug("write of the queue listing: %m");
            return false;
        }
        bytes = slice_from(bytes, (size_t)count);
    }
    return true;
}

static enum turn showq_greet(struct client *client)
{
    const struct config *config = client->context->config;
    const struct listing_settings settings = {
        .empty_address = config->empty_address_recipient,
        .duplicate_limit = config->duplicate_filter_limit > 0
                               ? (size_t)config->duplicate_filter_limit : 0,
    };
    const struct timeval wait = { .tv_sec = config->ipc_timeout };

    (void)setsockopt(lane_descriptor(client->lane), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    (void)listing_write(client->context->state, &settings, send_bytes, client);
    return TURN_LEAVE;
}

/* The listing is the greeting; nothing is asked. */
static enum turn showq_turn(struct client *client)
{
    (void)client;
    return TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service showq = {
        .name = "showq",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_QUEUE,
        .prepare = showq_prepare,
        .greet = showq_greet,
        .turn = showq_turn,
    };

    return service_main(&showq, argc, argv);
}
