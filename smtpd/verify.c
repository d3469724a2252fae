/*
 * verify(8): remembers which addresses can be delivered to, and finds it out by probes.
 *
 * Who asks for an address that nothing is known of may wait here for the outcome of its probe.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "ipc/channel.h"
#include "log/log.h"
#include "verify_cache.h"
#include "verify_probe.h"

#include <stdlib.h>
#include <time.h>

enum { HELPERS = 4, LONGEST_WAIT_MILLISECONDS = 600 * 1000, STOP_SECONDS = 10 };

struct verify {
    const struct config *config;
    struct events *events;
    struct verify_cache *cache;
    struct prober *prober;
    struct asker *askers;
};

/* A connection; it has one request under way at most. */
struct asker {
    struct verify *verify;
    struct channel *channel;
    char *address;                  /* whose probe it waits for; NULL: it does not wait */
    struct event_timer *timer;
    struct asker *next, **previous;
};

/* --- connections ----------------------------------------------------------------------- */

static void stop_waiting(struct asker *asker)
{
    events_cancel(asker->verify->events, asker->timer);
    asker->timer = NULL;
    free(asker->address);
    asker->address = NULL;
}

static void asker_free(struct asker *asker)
{
    stop_waiting(asker);
    events_forget(asker->verify->events, asker->channel->fd);
    channel_free(asker->channel);
    *asker->previous = asker->next;
    if (asker->next)
        asker->next->previous = asker->previous;
    free(asker);
}

/* What does not fit into the socket's buffer is too much for who does not read. */
static bool answer(struct asker *asker, bool good, enum verify_status status, struct slice text)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    const struct verify_reply reply = { good, status, arena_text(arena, text) };

    frame_write(&output, &verify_reply_frame, &reply);
    return channel_send(asker->channel, &output, -1) && asker->channel->output.length == 0;
}

static bool answer_record(struct asker *asker, const struct verify_record *record)
{
    return answer(asker, true, record->status, record->text);
}

/* --- queries -------------------------------------------------------------------------- */

/* False: the address has no record that counts. */
static bool find_record(struct verify *verify, const char *address, struct str *value,
                        struct verify_record *record, int64_t now)
{
    if (verify_cache_get(verify->cache, address, value, record) &&
        !verify_record_is_expired(record, verify->config, now) &&
        (record->status == VERIFY_DELIVERABLE || verify->config->address_verify_negative_cache))
        return true;
    *record = verify_record_unknown();
    return false;
}

static void waited_long_enough(void *argument)
{
    struct asker *asker = argument;
    struct verify_record record = verify_record_unknown();

    asker->timer = NULL;
    stop_waiting(asker);
    if (!answer_record(asker, &record))
        asker_free(asker);
}

static void wait_for_probe(struct asker *asker, const struct verify_request *request)
{
    int64_t wait = request->wait_milliseconds;

    if (wait > LONGEST_WAIT_MILLISECONDS)
        wait = LONGEST_WAIT_MILLISECONDS;
    asker->address = memory_copy(request->address);
    asker->timer = events_at(asker->verify->events, moment_now() + wait, waited_long_enough,
                             asker);
}

static bool query(struct asker *asker, const struct verify_request *request)
{
    struct verify *verify = asker->verify;
    AUTO_STR struct str value = STR_EMPTY;
    struct verify_record record;
    int64_t now = time(NULL);

    (void)find_record(verify, request->address, &value, &record, now);
    if (verify_record_wants_probe(&record, verify->config, now)) {
        record.probed = now;
        /* A probe that may leave no trace is not waited for by others. */
        if (record.status == VERIFY_DELIVERABLE || verify->config->address_verify_negative_cache)
            verify_cache_put(verify->cache, request->address, &record);
        prober_send(verify->prober, verify->events, request->address);
    }
    if (record.status != VERIFY_UNKNOWN || request->wait_milliseconds <= 0)
        return answer_record(asker, &record);
    wait_for_probe(asker, request);
    return true;
}

/* --- updates -------------------------------------------------------------------------- */

static void tell_waiting(struct verify *verify, const char *address,
                         const struct verify_record *record)
{
    for (struct asker *asker = verify->askers, *next; asker; asker = next) {
        next = asker->next;
        if (!asker->address || strcmp(asker->address, address) != 0)
            continue;
        stop_waiting(asker);
        if (!answer_record(asker, record))
            asker_free(asker);
    }
}

/* A failure does not count against an address that could be delivered to before. */
static bool update(struct asker *asker, const struct verify_request *request)
{
    struct verify *verify = asker->verify;
    AUTO_STR struct str value = STR_EMPTY;
    struct verify_record old, record = {
        .status = (enum verify_status)request->status, .updated = time(NULL),
        .text = slice_of(request->text),
    };

    if (request->status < VERIFY_DELIVERABLE || request->status >= VERIFY_UNKNOWN ||
        !*request->text)
        return answer(asker, false, VERIFY_UNKNOWN, SLICE_LITERAL("bad update"));
    if (record.status == VERIFY_DELIVERABLE ||
        !find_record(verify, request->address, &value, &old, record.updated) ||
        old.status != VERIFY_DELIVERABLE) {
        verify_cache_put(verify->cache, request->address, &record);
        tell_waiting(verify, request->address, &record);
    }
    return answer_record(asker, &record);
}

/* --- requests -------------------------------------------------------------------------- */

static bool obey(struct asker *asker, struct slice frame)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct verify_request request;
    struct error error = ERROR_NONE;

    if (!frame_read(frame, &verify_request_frame, arena, &request, &error)) {
        log_warn("%s", error.text);
        return false;
    }
    if (!*request.address)
        return answer(asker, false, VERIFY_UNKNOWN, SLICE_LITERAL("no address"));
    if (request.action == VERIFY_UPDATE)
        return update(asker, &request);
    if (request.action == VERIFY_QUERY)
        return query(asker, &request);
    return answer(asker, false, VERIFY_UNKNOWN, SLICE_LITERAL("unknown request"));
}

/* Who waits for an answer has nothing to say. */
static void asker_speaks(void *argument, UNUSED int fd, UNUSED unsigned mask)
{
    struct asker *asker = argument;
    enum channel_state state = channel_fill(asker->channel);
    struct slice frame;
    size_t used;
    bool bad = false;

    while (!asker->address && channel_frame(asker->channel, 0, &frame, &used, &bad)) {
        if (!obey(asker, frame)) {
            asker_free(asker);
            return;
        }
        str_drop(&asker->channel->input, used);
    }
    if (bad || state != CHANNEL_OPEN || asker->channel->input.length > FRAME_LIMIT)
        asker_free(asker);
}

static void verify_accepted(struct service_context *context, struct events *events, int fd)
{
    struct verify *verify = context->state;
    struct asker *asker = memory_new(1, sizeof(*asker));

    *asker = (struct asker){ .verify = verify, .channel = channel_new(fd),
                             .next = verify->askers, .previous = &verify->askers };
    if (asker->next)
        asker->next->previous = &asker->next;
    verify->askers = asker;
    events_watch(events, fd, EVENT_READ, asker_speaks, asker);
}

/* --- the service ----------------------------------------------------------------------- */

static bool verify_prepare(struct service_context *context, UNUSED struct error *error)
{
    struct verify *verify = memory_new(1, sizeof(*verify));

    verify->config = context->config;
    verify->cache = verify_cache_new(context);
    verify->prober = prober_new(context);
    context->state = verify;
    return true;
}

static bool verify_start(struct service_context *context, struct events *events,
                         UNUSED struct error *error)
{
    struct verify *verify = context->state;

    verify->events = events;
    verify_cache_open(verify->cache, events);
    events_share(events, HELPERS);
    events_set_busy(events, true);      /* a cache in memory is not to end with the first pause */
    return true;
}

static void look_for_end(void *argument)
{
    struct verify *verify = argument;

    if (prober_pending(verify->prober) == 0)
        events_stop(verify->events);
    else
        events_at(verify->events, moment_now() + 20, look_for_end, verify);
}

static void give_up_waiting(void *argument)
{
    events_stop(argument);
}

static void verify_stop(struct service_context *context, struct events *events)
{
    struct verify *verify = context->state;

    if (prober_pending(verify->prober) > 0) {
        look_for_end(verify);
        events_at(events, moment_after(STOP_SECONDS), give_up_waiting, events);
        events_run(events);
    }
    verify_cache_close(verify->cache);
}

int main(int argc, char **argv)
{
    static const struct service verify = {
        .name = "verify",
        .pattern = SERVICE_EVENTS,
        .rights = RIGHT_WRITE_DATA | RIGHT_CONNECT_UNIX,
        .prepare = verify_prepare,
        .start = verify_start,
        .accepted = verify_accepted,
        .stop = verify_stop,
    };

    return service_main(&verify, argc, argv);
}
