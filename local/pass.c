#include "pass.h"

#include "address/address.h"
#include "base/scope.h"
#include "log/log.h"

/* What the request becomes for the other agent: one recipient, its transport. */
static struct delivery_request rewrite_request(struct job *job, const char *address,
                                               struct slice transport, struct slice nexthop)
{
    struct delivery_request request = *job->request;
    struct recipient *recipient = arena_take(job->arena, sizeof(*recipient));

    *recipient = *job->recipient;
    if (!*recipient->original)
        recipient->original = recipient->address;
    recipient->address = address;
    request.envelope.recipients.items = recipient;
    request.envelope.recipients.count = 1;
    request.transport = arena_text(job->arena, transport);
    if (nexthop.length > 0)
        request.nexthop = arena_text(job->arena, nexthop);
    return request;
}

static bool receive_reports(struct job *job, struct lane *lane, int64_t deadline,
                            struct error *error)
{
    struct delivery_report report = { .last = 0 };
    bool seen = false;
    struct slice frame;

    do {
        if (!lane_receive(lane, &frame, NULL, deadline, error)
            || !frame_read(frame, &delivery_report_frame, job->arena, &report, error))
            return false;
        for (size_t i = 0; i < report.recipients.count; i++) {
            job_passed(job, (enum delivery_status)report.recipients.items[i].status);
            seen = true;
        }
    } while (!report.last);
    return seen || error_set(error, "the delivery agent did not report the recipient");
}

static bool deliver(struct job *job, const char *address, struct slice transport,
                    struct slice nexthop, struct error *error)
{
    struct delivery_request request = rewrite_request(job, address, transport, nexthop);
    const char *path = arena_format(job->arena, "private/%s", request.transport);
    int64_t deadline = moment_after(job->agent->config->ipc_timeout);
    AUTO_STR struct str output = STR_EMPTY;
    struct lane *lane = lane_open(path, deadline, error);

    if (!lane)
        return false;
    frame_write(&output, &delivery_request_frame, &request);

    bool done = lane_send(lane, &output, job->file, deadline, error)
                && receive_reports(job, lane, deadline, error);

    lane_close(lane);
    return done;
}

void pass_to_transport(struct job *job, const char *address, struct slice destination)
{
    size_t colon = slice_find(destination, ':');
    struct slice transport = slice_part(destination, 0, colon);
    struct slice nexthop = slice_from(destination, colon + 1);
    struct error error = ERROR_NONE;

    if (slice_is(transport, job->agent->service_name)) {
        log_warn("mail for %s would come back: transport %.*s is this one", address,
                 SLICE_ARGS(transport));
        job_fail(job, address, "4.3.5", "mail system configuration error");
        return;
    }
    log_info("%s: passing <%s> to transport=%.*s", job->request->envelope.queue_id, address,
             SLICE_ARGS(transport));
    if (deliver(job, address, transport, nexthop, &error))
        return;
    log_warn("transport %.*s: %s", SLICE_ARGS(transport), error.text);
    job_fail(job, address, "4.3.0", "mail transport unavailable");
}

bool pass_find(struct job *job, struct table_list *maps, const char *plain, struct slice user,
               const char *address, struct str *destination)
{
    AUTO_STR struct str key = STR_EMPTY;
    struct error error = ERROR_NONE;

    address_fold(&key, user);

    enum table_result result =
        table_list_get(maps, str_slice(&key), destination, NULL, &error);

    if (result == TABLE_TROUBLE) {
        log_warn("%s: %s", job->request->envelope.queue_id, error.text);
        job_fail(job, address, "4.3.0", "mail system configuration error");
        str_clear(destination);
        return true;
    }
    if (result == TABLE_ABSENT)
        str_set(destination, slice_of(plain));
    return destination->length > 0;
}
