/*
 * anvil(8): counts what clients do, for servers that limit it.
 *
 * Its clients are processes with many sessions each: what a process has told of is
 * forgotten when its last lane is gone, for then it has died.
 */
#include "anvil_counts.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "ipc/channel.h"
#include "log/log.h"
#include "service/service.h"

#include <stdlib.h>
#include <sys/socket.h>

struct anvil {
    struct service_context *context;
    struct events *events;
    struct anvil_counts *counts;
    struct hash *processes;     /* struct process_entry by process id */
};

/* A process that asks, and the connections that it has told of. */
struct process_entry {
    pid_t id;
    size_t lanes;
    struct hash *connections;   /* struct told by ident */
};

struct told {
    int64_t count;
};

struct asker {
    struct anvil *anvil;
    struct process_entry *process;
    struct channel *channel;
};

/* --- Processes. ------------------------------------------------------------------- */

static struct slice process_key(const pid_t *id)
{
    return slice_bytes(id, sizeof(*id));
}

static struct process_entry *find_process(struct anvil *anvil, int fd)
{
    struct ucred peer = { 0 };
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        log_warn("who is the client: %m");

    struct process_entry *process = hash_get(anvil->processes, process_key(&peer.pid));

    if (!process) {
        process = memory_new(1, sizeof(*process));
        process->id = peer.pid;
        process->connections = hash_new();
        (void)hash_set(anvil->processes, process_key(&process->id), process);
    }
    process->lanes++;
    return process;
}

static void forget_process(struct anvil *anvil, struct process_entry *process)
{
    struct hash_entry *entry;
    struct anvil_reply reply;
    size_t position = 0;

    (void)hash_remove(anvil->processes, process_key(&process->id));
    while ((entry = hash_next(process->connections, &position)) != NULL)
        for (int64_t i = ((struct told *)entry->value)->count; i > 0; i--)
            anvil_count(anvil->counts, slice_bytes(entry->key, entry->key_length),
                        ANVIL_DISCONNECT, false, wall_now().tv_sec, &reply);
    hash_free(process->connections, free);
    free(process);
}

/* False for the end of a connection whose begin was told to an anvil before this one. */
static bool note_connection(struct process_entry *process, struct slice ident, bool begins)
{
    struct told *told = hash_get(process->connections, ident);

    if (!told && !begins)
        return false;
    if (!told) {
        told = memory_new(1, sizeof(*told));
        (void)hash_set(process->connections, ident, told);
    }
    told->count += begins ? 1 : -1;
    if (!told->count)
        free(hash_remove(process->connections, ident));
    return true;
}

/* --- Requests. -------------------------------------------------------------------- */

static bool answer(struct asker *asker, struct slice frame)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    struct anvil_request request;
    struct anvil_reply reply = { 0 };
    struct error error = ERROR_NONE;

    if (!frame_read(frame, &anvil_request_frame, arena, &request, &error) ||
        request.event < 0 || request.event >= ANVIL_EVENT_COUNT)
        return false;

    struct slice ident = slice_of(request.ident);
    bool ends = request.event == ANVIL_DISCONNECT;

    if ((ends || (request.event == ANVIL_CONNECT && !request.look)) &&
        !note_connection(asker->process, ident, !ends))
        return true;
    anvil_count(asker->anvil->counts, ident, (enum anvil_event)request.event, request.look != 0,
                wall_now().tv_sec, &reply);
    events_set_busy(asker->anvil->events, true);
    if (ends)
        return true;
    frame_write(&output, &anvil_reply_frame, &reply);
    /* Whoever does not read its answers is no client of ours. */
    return channel_send(asker->channel, &output, -1) && !asker->channel->output.length;
}

static bool answer_all(struct asker *asker)
{
    enum channel_state state = channel_fill(asker->channel);
    size_t start = 0, used;
    struct slice frame;
    bool bad = false, good = true;

    while (good && channel_frame(asker->channel, start, &frame, &used, &bad)) {
        good = answer(asker, frame);
        start += used;
    }
    str_drop(&asker->channel->input, start);
    return good && !bad && state == CHANNEL_OPEN;
}

static void asker_ready(void *argument, int fd, UNUSED unsigned mask)
{
    struct asker *asker = argument;
    struct anvil *anvil = asker->anvil;

    if (answer_all(asker))
        return;
    events_forget(anvil->events, fd);
    if (--asker->process->lanes == 0)
        forget_process(anvil, asker->process);
    channel_free(asker->channel);
    free(asker);
}

static void accepted(struct service_context *context, struct events *events, int fd)
{
    struct asker *asker = memory_new(1, sizeof(*asker));

    asker->anvil = context->state;
    asker->process = find_process(asker->anvil, fd);
    asker->channel = channel_new(fd);
    events_watch(events, fd, EVENT_READ, asker_ready, asker);
}

/* --- Time. ------------------------------------------------------------------------ */

static void expire(void *argument)
{
    struct anvil *anvil = argument;

    anvil_counts_expire(anvil->counts, wall_now().tv_sec);
    events_set_busy(anvil->events, anvil_counts_size(anvil->counts) > 0);
    (void)events_at(anvil->events, moment_after(anvil->context->config->anvil_rate_time_unit),
                    expire, anvil);
}

static void report(void *argument)
{
    struct anvil *anvil = argument;

    anvil_counts_log(anvil->counts);
    (void)events_at(anvil->events,
                    moment_after(anvil->context->config->anvil_status_update_time), report, anvil);
}

static bool prepare(struct service_context *context, UNUSED struct error *error)
{
    struct anvil *anvil = memory_new(1, sizeof(*anvil));

    tzset();
    anvil->context = context;
    anvil->counts = anvil_counts_new(context->config->anvil_rate_time_unit);
    anvil->processes = hash_new();
    context->state = anvil;
    return true;
}

static bool start(struct service_context *context, struct events *events,
                  UNUSED struct error *error)
{
    struct anvil *anvil = context->state;

    anvil->events = events;
    (void)events_at(events, moment_after(context->config->anvil_rate_time_unit), expire, anvil);
    (void)events_at(events, moment_after(context->config->anvil_status_update_time), report,
                    anvil);
    return true;
}

static void stop(struct service_context *context, UNUSED struct events *events)
{
    struct anvil *anvil = context->state;

    anvil_counts_log(anvil->counts);
}

int main(int argc, char **argv)
{
    static const struct service anvil = {
        .name = "anvil",
        .pattern = SERVICE_EVENTS,
        .rights = 0,
        .prepare = prepare,
        .start = start,
        .accepted = accepted,
        .stop = stop,
    };

    return service_main(&anvil, argc, argv);
}
