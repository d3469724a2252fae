#include "handover.h"

#include "base/scope.h"
#include "log/log.h"

/* The request as the other agent gets it: the recipients that are left. */
static struct delivery_request rest_of(const struct delivery *delivery, const char *destination)
{
    struct delivery_request request = *delivery->request;
    const struct recipient_list *all = &delivery->request->envelope.recipients;
    struct recipient_list *list = &request.envelope.recipients;
    struct slice nexthop = slice_of(destination);

    request.transport = arena_text(delivery->arena, slice_take_until(&nexthop, ":"));
    if (nexthop.length > 0)
        request.nexthop = arena_text(delivery->arena, nexthop);
    *list = (struct recipient_list){
        .items = arena_take(delivery->arena, all->count * sizeof(*list->items)),
    };
    for (size_t i = 0; i < all->count; i++)
        if (!delivery->done[i]) {
            log_info("%s: passing <%s> to transport=%s", request.envelope.queue_id,
                     all->items[i].address, request.transport);
            list->items[list->count++] = all->items[i];
        }
    return request;
}

static void take_report(struct delivery *delivery, const struct recipient_report *report)
{
    const struct recipient_list *all = &delivery->request->envelope.recipients;

    for (size_t i = 0; i < all->count; i++) {
        if (delivery->done[i] || all->items[i].handle != report->handle)
            continue;
        delivery->reports.items[delivery->reports.count++] = *report;
        delivery->done[i] = true;
        delivery->left--;
        return;
    }
}

static bool receive_reports(struct delivery *delivery, struct lane *lane, int64_t deadline,
                            struct error *error)
{
    struct delivery_report report = { .last = 0 };
    struct slice frame;

    while (!report.last) {
        if (!lane_receive(lane, &frame, NULL, deadline, error)
            || !frame_read(frame, &delivery_report_frame, delivery->arena, &report, error))
            return false;
        for (size_t i = 0; i < report.recipients.count; i++)
            take_report(delivery, &report.recipients.items[i]);
    }
    return true;
}

bool handover(struct delivery *delivery, const char *destination)
{
    struct delivery_request request = rest_of(delivery, destination);
    int64_t deadline = moment_after(delivery->agent->config->ipc_timeout);
    struct error error = ERROR_NONE;
    AUTO_STR struct str output = STR_EMPTY;
    struct lane *lane = strcmp(request.transport, delivery->agent->service_name) == 0
                            ? (error_set(&error, "it would come back"), NULL)
                            : lane_open(arena_format(delivery->arena, "private/%s",
                                                     request.transport), deadline, &error);

    frame_write(&output, &delivery_request_frame, &request);

    bool done = lane && lane_send(lane, &output, delivery->file, deadline, &error)
                && receive_reports(delivery, lane, deadline, &error);

    if (lane)
        lane_close(lane);
    if (done)
        return true;
    log_warn("transport %s: %s", request.transport, error.text);
    delivery->failure = failure_of(delivery->arena, "4.3.0", "mail transport unavailable");
    return false;
}
