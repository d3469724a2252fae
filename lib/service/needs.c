#include "service/needs.h"

#include "base/memory.h"

static void file_was_read(void *argument, const char *path)
{
    service_reads(argument, path);
}

const struct table_context *service_tables(struct service_context *context)
{
    const struct config *config = context->config;
    struct table_context *tables = memory_new(1, sizeof(*tables));

    *tables = (struct table_context){
        .queue_directory = ".",     /* where every service works, in a jail or not */
        .default_type = config->default_database_type,
        .proxymap_service = config->proxymap_service_name,
        .config = config,
        .file_read = file_was_read,
        .argument = context,
    };
    return tables;
}

struct reporter *service_reporter(const struct service_context *context)
{
    const struct config *config = context->config;
    const struct reporter_settings settings = {
        .bounce_socket = service_socket(context, "private", config->bounce_service_name),
        .defer_socket = service_socket(context, "private", config->defer_service_name),
        .trace_socket = service_socket(context, "private", config->trace_service_name),
        .soft_bounce = config->soft_bounce,
        .delay_resolution_limit = config->delay_logging_resolution_limit,
        .timeout_seconds = config->ipc_timeout,
    };

    return reporter_new(&settings);
}
