/*
 * The wakeup column: a trigger now, and then at each interval.
 */
#include "master.h"


static bool say_wakeup(struct service_entry *service)
{
    for (struct child *child = service->children; child; child = child->next)
        if (child->ready && !child->retired) {
            control_say(child->control, CONTROL_WAKEUP, SLICE_LITERAL(""));
            return true;
        }
    return false;
}

static void wake(struct service_entry *service)
{
    if (service->throttle || service->master->stopping ||
        (service->line.wakeup_if_used && !service->used))
        return;
    if (say_wakeup(service))
        return;
    service->wakeups_owed = 1;
    if (!service->children && !child_start(service, service_slots_for_next(service)))
        service_throttle(service);
}

static void due(void *argument)
{
    struct service_entry *service = argument;
    struct events *events = service->master->events;

    service->wakeup = events_at(events, moment_after(service->line.wakeup_seconds), due, service);
    wake(service);
    service_look(service);
}

void wakeup_start(struct service_entry *service)
{
    events_cancel(service->master->events, service->wakeup);
    service->wakeup = NULL;
    if (service->line.wakeup_seconds > 0)
        due(service);
}

void wakeup_pay(struct child *child)
{
    if (child->service->wakeups_owed == 0)
        return;
    child->service->wakeups_owed = 0;
    control_say(child->control, CONTROL_WAKEUP, SLICE_LITERAL(""));
}
