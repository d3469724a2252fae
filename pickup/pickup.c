/*
 * pickup(8): hands what postdrop left in maildrop to cleanup.
 */
#include "collect.h"

#include "base/scope.h"
#include "log/log.h"
#include "service/service.h"

static bool pickup_prepare(struct service_context *context, struct error *error)
{
    context->state = collector_new(context->config,
                                   service_socket(context, "public",
                                                  context->config->cleanup_service_name), error);
    return context->state != NULL;
}

static bool pickup_start(struct service_context *context, UNUSED struct events *events,
                         UNUSED struct error *error)
{
    collector_run(context->state);
    return true;
}

static void pickup_triggered(struct service_context *context, UNUSED struct events *events,
                             UNUSED struct slice bytes)
{
    collector_run(context->state);
}

int main(int argc, char **argv)
{
    static const struct service pickup = {
        .name = "pickup",
        .pattern = SERVICE_EVENTS,
        .rights = RIGHT_READ_MAILDROP | RIGHT_CONNECT_UNIX,
        .prepare = pickup_prepare,
        .start = pickup_start,
        .triggered = pickup_triggered,
    };

    return service_main(&pickup, argc, argv);
}
