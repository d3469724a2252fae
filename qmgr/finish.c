/*
 * The end of an attempt: what is to be told is told, then the message is removed or
 * deferred.  Runs out of the turn; whatever fails here means that the message stays.
 */
#include "active.h"

#include "address/address.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"
#include "deliver/bounce.h"
#include "deliver/request.h"
#include "log/log.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

/* --- asking bounce, defer and trace --------------------------------------------------- */

static bool call_notifier(struct active *active, struct lane_pool *pool, const char *service,
                          enum bounce_send_kind kind)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct bounce_send send = { .envelope = active->envelope, .kind = kind };
    struct bounce_reply reply = { 0, "" };
    struct error error = ERROR_NONE;

    send.envelope.recipients = (struct recipient_list){ NULL, 0, 0 };
    if (!lane_pool_call(pool, &bounce_send_frame, &send, &bounce_reply_frame, arena, &reply,
                        moment_after(active->qmgr->config->qmgr_ipc_timeout), &error)) {
        log_warn("%s: %s service failure: %s", active->id, service, error.text);
        return false;
    }
    if (reply.status != BOUNCE_OK)
        log_warn("%s: %s service failure: %s", active->id, service, reply.text);
    return reply.status == BOUNCE_OK;
}

/* Messages of an earlier life may have logs that we know nothing of: then they are asked for. */
static bool tell_failures(struct active *active)
{
    if (!active->bounced && active->fresh)
        return true;
    return call_notifier(active, active->qmgr->bounce, "bounce", BOUNCE_SEND_FAILURE);
}

/* Asked for; or there may be records of an earlier life, or of cleanup's. */
static bool has_trace(const struct active *active)
{
    AUTO_STR struct str path = STR_EMPTY;

    if (active->wants_report || active->trace_flags & (REQUEST_TRACE | REQUEST_RELIEF))
        return true;
    if (active->fresh)
        return false;
    queue_log_path(active->qmgr->queue, "trace", active->id, &path);
    return access(path.data, F_OK) == 0;
}

static bool tell_trace(struct active *active)
{
    if (!has_trace(active))
        return true;
    return call_notifier(active, active->qmgr->trace, "trace", BOUNCE_SEND_TRACE);
}

void forget_delays(struct active *active)
{
    /* Without its help the sender reads of the same delay twice. */
    (void)call_notifier(active, active->qmgr->defer, "defer", BOUNCE_REMOVE);
}

/* --- marks ---------------------------------------------------------------------------- */

static bool mark(struct active *active, struct handle_list *handles)
{
    struct error error = ERROR_NONE;

    if (handles->count == 0)
        return true;
    if (!message_mark_done(active->file, handles->items, handles->count, &error)) {
        log_warn("%s: %s", active->id, error.text);
        return false;
    }
    handles->count = 0;
    return true;
}

/* False: it stays where it is, in the intake log, and is found there again. */
static bool make_file(struct active *active)
{
    struct error error = ERROR_NONE;

    if (message_settle(active->file, &error))
        return true;
    log_warn("%s: %s", active->id, error.text);
    return false;
}

void settle_message(void *argument)
{
    (void)make_file(argument);
}

void mark_message(void *argument)
{
    struct active *active = argument;

    if (!mark(active, &active->marking))
        active->failed = true;
}

/* --- leaving the active queue ------------------------------------------------------------ */

static time_t age_of(const struct active *active, time_t now)
{
    time_t arrival = active->envelope.arrival.tv_sec;

    return now > arrival ? now - arrival : 0;
}

static bool is_expired(const struct active *active, time_t now)
{
    const struct config *config = active->qmgr->config;
    int lifetime = config->maximal_queue_lifetime;

    if (!*active->envelope.sender && config->bounce_queue_lifetime < lifetime)
        lifetime = config->bounce_queue_lifetime;

    return active->expire || age_of(active, now) >= lifetime;
}

/* As old as it is, so long it waits, within the bounds. */
static time_t next_attempt(const struct active *active, time_t now)
{
    const struct config *config = active->qmgr->config;
    time_t wait = age_of(active, now);

    if (wait > config->maximal_backoff_time)
        wait = config->maximal_backoff_time;
    if (wait < config->minimal_backoff_time)
        wait = config->minimal_backoff_time;
    return now + wait;
}

static void defer_message(struct active *active, time_t now)
{
    struct error error = ERROR_NONE;

    if (!queue_defer(active->qmgr->queue, active->id, next_attempt(active, now), &error))
        log_warn("%s: %s", active->id, error.text);
}

/* dont_remove: as a file that shows which recipients were done. */
static bool save_message(struct active *active, struct error *error)
{
    (void)mark(active, &active->done);
    return message_settle(active->file, error)
        && queue_save(active->qmgr->queue, QUEUE_ACTIVE, active->id, error);
}

static void remove_message(struct active *active)
{
    struct error error = ERROR_NONE;

    if (active->qmgr->config->dont_remove ? save_message(active, &error)
                                          : message_remove(active->file, &error))
        log_info("%s: removed", active->id);
    else if (error.code != ENOENT)
        log_warn("%s: %s", active->id, error.text);
}

static void warn_sender(struct active *active, time_t now)
{
    struct error error = ERROR_NONE;

    if (active->envelope.warn_at <= 0 || now < active->envelope.warn_at)
        return;
    if (!call_notifier(active, active->qmgr->defer, "defer", BOUNCE_SEND_DELAY))
        return;
    if (!message_mark_warned(active->file, &error))
        log_warn("%s: %s", active->id, error.text);
}

static void end_deferred(struct active *active, bool told)
{
    time_t now = time(NULL);

    if (!mark(active, &active->done) || !told || active->failed) {
        defer_message(active, now);
        return;
    }
    if (!is_expired(active, now)) {
        warn_sender(active, now);
        defer_message(active, now);
        return;
    }

    AUTO_STR struct str sender = STR_EMPTY;

    address_quote(&sender, slice_of(active->envelope.sender));
    log_info("%s: from=<%s>, status=%s, returned to sender", active->id, sender.data,
             active->expire ? "force-expired" : "expired");
    if (call_notifier(active, active->qmgr->defer, "defer", BOUNCE_SEND_FAILURE))
        remove_message(active);
    else
        defer_message(active, now);
}

/* Its logs, if there are any, stay: who finds it in incoming asks for them. */
void return_message(void *argument)
{
    struct active *active = argument;
    struct error error = ERROR_NONE;

    (void)mark(active, &active->done);
    if (make_file(active) &&
        !queue_move(active->qmgr->queue, active->id, QUEUE_ACTIVE, QUEUE_INCOMING, &error) &&
        error.code != ENOENT)
        log_warn("%s: %s", active->id, error.text);
    message_close(active->file);
    active->file = NULL;
    active->fd = -1;
}

/* Who is told of failures reads the file; and what stays must be one. */
static bool needs_file(const struct active *active)
{
    return active->bounced || active->deferred || active->failed || !active->fresh ||
           active->wants_report || active->trace_flags;
}

static void finish_attempt(struct active *active)
{
    bool told = tell_failures(active) & tell_trace(active);

    if (active->deferred || active->failed || !told) {
        end_deferred(active, told);
    } else {
        if (!active->fresh)
            forget_delays(active);
        remove_message(active);
    }
}

/*
 * A message for which there is no room for a file stays in the intake log; it is tried again
 * when there is.
 */
void finish_message(void *argument)
{
    struct active *active = argument;

    if (!needs_file(active) || make_file(active))
        finish_attempt(active);
    message_close(active->file);
    active->file = NULL;
    active->fd = -1;
}
