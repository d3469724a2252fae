#include "deliver/request.h"

#include "base/scope.h"
#include "deliver/envelope_fields.h"

#include <errno.h>

static const struct field delivery_request_fields[] = {
    ENVELOPE_FIELDS(delivery_request),
    TEXT_FIELD(delivery_request, nexthop),
    TEXT_FIELD(delivery_request, transport),
    NUMBER_FIELD(delivery_request, flags),
    NUMBER_FIELD(delivery_request, active_at),
    NUMBER_FIELD(delivery_request, requested_at),
    NUMBER_FIELD(delivery_request, last_attempt),
    BYTES_FIELD(delivery_request, content),
    LAST_FIELD,
};

FRAME_TYPE(delivery_request, "delivery request", FRAME_DELIVERY_REQUEST)

static const struct field recipient_report_fields[] = {
    NUMBER_FIELD(recipient_report, handle),
    NUMBER_FIELD(recipient_report, status),
    LAST_FIELD,
};

static const struct field delivery_report_fields[] = {
    TEXT_FIELD(delivery_report, queue_id),
    LIST_FIELD(delivery_report, recipients, recipient_report),
    NUMBER_FIELD(delivery_report, last),
    NUMBER_FIELD(delivery_report, unreachable),
    TEXT_FIELD(delivery_report, dsn),
    TEXT_FIELD(delivery_report, text),
    LAST_FIELD,
};

FRAME_TYPE(delivery_report, "delivery report", FRAME_DELIVERY_REPORT)

/* Between deliveries an agent waits for as long as qmgr keeps the lane. */
static const int64_t FOREVER = INT64_MAX / 2;

bool delivery_receive(struct lane *lane, struct arena *arena, struct delivery_request *request,
                      int *fd, struct error *error)
{
    struct slice frame;
    AUTO_CLOSE int file = -1;

    *fd = -1;
    if (!lane_receive(lane, &frame, &file, FOREVER, error))
        return false;
    if (!frame_read(frame, &delivery_request_frame, arena, request, error)) {
        error->code = EPROTO;
        return false;
    }
    if (file < 0 && request->content.length == 0)
        return error_code(error, EPROTO, "a delivery request came without the message");
    *fd = take_fd(&file);
    return true;
}

struct content *delivery_content(const struct delivery_request *request, int fd)
{
    if (fd < 0)
        return content_of(request->content);
    return content_new(fd, request->envelope.content_offset, request->envelope.content_length);
}

enum { REPORT_SECONDS = 60 };

bool delivery_report_send(struct lane *lane, const struct delivery_report *report,
                          struct error *error)
{
    AUTO_STR struct str output = STR_EMPTY;

    frame_write(&output, &delivery_report_frame, report);
    return lane_send(lane, &output, -1, moment_after(REPORT_SECONDS), error);
}
