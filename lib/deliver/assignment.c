#include "deliver/assignment.h"

#include "log/log.h"

#include <errno.h>
#include <unistd.h>

bool assignment_receive(struct assignment *assignment, struct lane *lane, struct arena *arena)
{
    struct error error = ERROR_NONE;

    assignment->arena = arena;
    assignment->content = NULL;
    if (!delivery_receive(lane, arena, &assignment->request, &assignment->file, &error)) {
        if (error.code != EPIPE)
            log_warn("delivery request: %s", error.text);
        return false;
    }

    const struct envelope *envelope = &assignment->request.envelope;
    struct recipient_report *items = arena_take(arena, (envelope->recipients.count + 1)
                                                           * sizeof(*items));

    assignment->report = (struct delivery_report){
        .queue_id = envelope->queue_id, .recipients = { .items = items },
        .last = 1, .dsn = "", .text = "",
    };
    return true;
}

void assignment_open(struct assignment *assignment)
{
    assignment->content = delivery_content(&assignment->request, assignment->file);
}

void assignment_settle(struct assignment *assignment, const struct recipient *recipient,
                       enum delivery_status status)
{
    struct recipient_report_list *list = &assignment->report.recipients;

    list->items[list->count++] = (struct recipient_report){ recipient->handle, status };
}

void assignment_tell(struct assignment *assignment, struct reporter *reporter,
                     const struct recipient *recipient, const struct outcome *outcome)
{
    assignment_settle(assignment, recipient,
                      reporter_report(reporter, &assignment->request, recipient, outcome));
}

bool assignment_end(struct assignment *assignment, struct lane *lane)
{
    struct error error = ERROR_NONE;

    content_free(assignment->content);
    if (assignment->file >= 0)
        close(assignment->file);
    if (delivery_report_send(lane, &assignment->report, &error))
        return true;
    log_warn("%s: report to the queue manager: %s", assignment->report.queue_id, error.text);
    return false;
}
