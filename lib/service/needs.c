#include "service/needs.h"

#include "base/memory.h"
#include "deliver/status_filter.h"

static void file_was_read(void *argument, const char *path)
{
    service_reads(argument, path);
}

/* What the configuration names and nothing else: a table of the network is a reason to connect. */
static void table_connects(void *argument, enum table_connects how)
{
    service_needs(argument, how == TABLE_CONNECTS_TCP ? RIGHT_CONNECT_TCP | RIGHT_RESOLVE
                                                      : RIGHT_CONNECT_UNIX);
}

const struct table_context *service_tables(struct service_context *context)
{
    struct table_context *tables = memory_new(1, sizeof(*tables));

    /* Every service works in the queue directory, in a jail or not. */
    *tables = table_context_of(context->config, ".");
    tables->file_read = file_was_read;
    tables->connects = table_connects;
    tables->argument = context;
    return tables;
}

struct verifier *service_verifier(const struct service_context *context)
{
    const struct config *config = context->config;

    return verifier_new(service_socket(context, "private", config->address_verify_service_name),
                        config->ipc_timeout);
}

/* The parameter of the program; only its own is evaluated.  "" when it has none. */
static const char *filter_of(const struct service_context *context, const char **title)
{
    const struct config *config = context->config;
    const struct { const char *program, *title, *value; } filters[] = {
        { "smtp", "smtp_delivery_status_filter", config->smtp_delivery_status_filter },
        { "lmtp", "lmtp_delivery_status_filter", config->smtp_delivery_status_filter },
        { "local", "local_delivery_status_filter", config->local_delivery_status_filter },
        { "virtual", "virtual_delivery_status_filter", config->virtual_delivery_status_filter },
        { "pipe", "pipe_delivery_status_filter", config->pipe_delivery_status_filter },
    };

    for (size_t i = 0; i < COUNT(filters); i++)
        if (strcmp(context->program, filters[i].program) == 0) {
            *title = filters[i].title;
            return filters[i].value;
        }
    return "";
}

static const struct status_filter *open_filter(struct service_context *context)
{
    const char *title = "", *tables = filter_of(context, &title);
    struct error error = ERROR_NONE;

    /* What cannot be opened was logged as an error, and changes no status. */
    return *tables ? status_filter_open(service_tables(context), title, tables, &error) : NULL;
}

struct reporter *service_reporter(struct service_context *context)
{
    const struct config *config = context->config;
    const struct reporter_settings settings = {
        .bounce_socket = service_socket(context, "private", config->bounce_service_name),
        .defer_socket = service_socket(context, "private", config->defer_service_name),
        .trace_socket = service_socket(context, "private", config->trace_service_name),
        .filter = open_filter(context),
        .verifier = service_verifier(context),
        .soft_bounce = config->soft_bounce,
        .verify_negative_cache = config->address_verify_negative_cache,
        .delay_resolution_limit = config->delay_logging_resolution_limit,
        .timeout_seconds = config->ipc_timeout,
    };

    return reporter_new(&settings);
}
