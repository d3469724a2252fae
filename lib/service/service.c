/*
 * What programs ask of the skeleton.
 */
#include "service/service.h"

#include "base/scope.h"
#include "service/process.h"

#include <poll.h>

static struct process *process_of(const struct service_context *context)
{
    return context->internal;
}

void service_needs(struct service_context *context, unsigned rights)
{
    process_of(context)->needs |= rights;
}

void service_reads(const struct service_context *context, const char *path)
{
    struct process *process = process_of(context);

    control_say(process->control, CONTROL_READS, slice_of(path));

    size_t folder = slice_find_last(slice_of(path), '/');

    if (folder == strlen(path) || folder == 0)
        return;
    str_add(&process->reads, slice_part(slice_of(path), 0, folder));
    str_byte(&process->reads, '\0');
}

void service_writes(const struct service_context *context, const char *folder)
{
    struct process *process = process_of(context);

    str_bytes(&process->writes, folder, strlen(folder) + 1);
}

void service_holds(const struct service_context *context, unsigned lines)
{
    atomic_store_explicit(&process_of(context)->page->held, lines, memory_order_relaxed);
}

const char *service_socket(UNUSED const struct service_context *context, const char *class,
                           const char *name)
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/%s", class, name);
    return str_take(&path);
}

bool service_is_stopping(const struct service_context *context)
{
    return atomic_load(&process_of(context)->stopping);
}

bool service_must_stop(const struct service_context *context)
{
    struct pollfd watch = { process_of(context)->signals, POLLIN, 0 };

    return service_is_stopping(context) || poll(&watch, 1, 0) > 0;
}
