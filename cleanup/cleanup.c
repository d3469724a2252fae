#include "intake.h"

#include "base/scope.h"
#include "log/log.h"
#include "service/needs.h"

#include <errno.h>

static bool cleanup_prepare(struct service_context *context, struct error *error)
{
    context->state = cleanup_open(context->config,
                                  service_socket(context, "public",
                                                 context->config->queue_service_name),
                                  service_socket(context, "private",
                                                 context->config->trace_service_name),
                                  service_tables(context), error);
    return context->state != NULL;
}

static int64_t deadline_of(const struct client *client)
{
    return moment_after(client->context->config->ipc_timeout);
}

/* The rest of a large message.  False: the client is gone, or gave up. */
static bool receive_rest(struct client *client, struct intake *intake)
{
    for (;;) {
        AUTO_ARENA struct arena *arena = arena_new();
        struct content_chunk chunk = { .complete = 0 };
        struct slice frame;
        struct error error;

        if (!lane_receive(client->lane, &frame, NULL, deadline_of(client), &error)
            || !frame_read(frame, &content_chunk_frame, arena, &chunk, &error)) {
            if (error.code != EPIPE)
                log_warn("%s", error.text);
            return false;
        }
        if (chunk.abandon)
            return false;
        intake_add(intake, chunk.content);
        if (chunk.complete)
            return true;
    }
}

static bool send_reply(struct client *client, const struct submission_reply *reply)
{
    AUTO_STR struct str frame = STR_EMPTY;
    struct error error;

    frame_write(&frame, &submission_reply_frame, reply);
    return lane_send(client->lane, &frame, -1, deadline_of(client), &error);
}

/* Mail comes in faster than it goes out: this lane takes its next message later. */
static void slow_down(const struct cleanup *cleanup)
{
    struct timespec pause = { .tv_sec = cleanup->config->in_flow_delay };

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* One message: false when the lane is of no more use. */
static bool serve(struct client *client, struct slice frame, struct arena *arena)
{
    const struct cleanup *cleanup = client->context->state;
    struct submission submission;
    struct submission_reply reply = { .queue_id = "", .text = "" };
    struct intake intake;
    struct error error;

    if (!frame_read(frame, &submission_frame, arena, &submission, &error)) {
        log_warn("bad submission: %s", error.text);
        return false;
    }
    intake_begin(&intake, cleanup, arena, &submission);
    intake_add(&intake, submission.content);
    if (!submission.complete && !receive_rest(client, &intake)) {
        intake_abandon(&intake);
        return true;    /* a lane that broke shows with the next receive */
    }

    bool reported = false;
    bool queued = intake_end(&intake, &reply, &reported);
    bool answered = send_reply(client, &reply);

    if (queued && notice_send(cleanup->notice, &submission.envelope, reported, &intake.place))
        slow_down(cleanup);
    return answered;
}

static enum turn cleanup_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct slice frame;
    struct error error;

    if (!lane_receive(client->lane, &frame, NULL, deadline_of(client), &error))
        return TURN_LEAVE;
    return serve(client, frame, arena) ? TURN_STAY : TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service cleanup = {
        .name = "cleanup",
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_WRITE_QUEUE,
        .prepare = cleanup_prepare,
        .turn = cleanup_turn,
    };

    return service_main(&cleanup, argc, argv);
}
