#include "superintend.h"

#include "base/scope.h"
#include "log/log.h"
#include "logs.h"

#include <errno.h>
#include <stdio.h>

/* In the order of the reports. */
static const struct {
    const char *done;       /* of one message */
    const char *total;
    bool places[QUEUE_PLACE_COUNT];     /* where it applies */
} actions[ACTION_COUNT] = {
    [ACTION_REQUEUE] = { "requeued", "Requeued",
                         { [QUEUE_HOLD] = true, [QUEUE_INCOMING] = true, [QUEUE_ACTIVE] = true,
                           [QUEUE_DEFERRED] = true } },
    [ACTION_DELETE] = { "removed", "Deleted",
                        { [QUEUE_MAILDROP] = true, [QUEUE_HOLD] = true, [QUEUE_INCOMING] = true,
                          [QUEUE_ACTIVE] = true, [QUEUE_DEFERRED] = true } },
    [ACTION_EXPIRE] = { "expired", "Force-expired",
                        { [QUEUE_HOLD] = true, [QUEUE_INCOMING] = true, [QUEUE_ACTIVE] = true,
                          [QUEUE_DEFERRED] = true } },
    [ACTION_HOLD] = { "placed on hold", "Placed on hold",
                      { [QUEUE_INCOMING] = true, [QUEUE_ACTIVE] = true,
                        [QUEUE_DEFERRED] = true } },
    [ACTION_RELEASE] = { "released from hold", "Released from hold", { [QUEUE_HOLD] = true } },
};

static bool delete_message(const struct superintendent *superintendent, enum queue_place place,
                           const char *id, struct error *error)
{
    struct sweep *sweep = superintendent->sweep;

    if (sweep)
        sweep_logs(sweep, id);
    else
        logs_remove(superintendent->queue, id);
    if (!queue_remove(superintendent->queue, place, id, error))
        return false;
    if (sweep)
        sweep_gone(sweep, id);
    return true;
}

static bool do_action(const struct superintendent *superintendent, enum action action,
                      enum queue_place place, const char *id, struct error *error)
{
    struct queue *queue = superintendent->queue;
    bool changed;

    switch (action) {
    case ACTION_REQUEUE:
        return queue_move(queue, id, place, QUEUE_MAILDROP, error);
    case ACTION_DELETE:
        return delete_message(superintendent, place, id, error);
    case ACTION_EXPIRE:
        if (!queue_request(queue, place, id, QUEUE_EXPIRE, &changed, error))
            return false;
        /* Nothing to do is not counted, and not worth a warning. */
        return changed || error_code(error, ENOENT, "expired already");
    case ACTION_HOLD:
        return queue_move(queue, id, place, QUEUE_HOLD, error);
    case ACTION_RELEASE:
        return queue_move(queue, id, place, QUEUE_DEFERRED, error);
    default:
        return false;
    }
}

/*
 * Do it with a message at a place.  A file that is still being written is not a message
 * yet: whoever writes it could answer 250 for what is gone.
 */
static bool act(struct superintendent *superintendent, enum action action,
                enum queue_place place, const char *id)
{
    struct message_times times;
    struct error error;
    bool complete;

    if (!queue_times(superintendent->queue, place, id, &times, &complete, &error) || !complete)
        return false;
    if (do_action(superintendent, action, place, id, &error)) {
        superintendent->counts[action]++;
        return true;
    }
    if (error.code != ENOENT)
        log_warn("%s: %s", id, error.text);
    return false;
}

static bool is_meant(const struct superintendent *superintendent, enum action action,
                     enum queue_place place)
{
    return actions[action].places[place]
           && (!superintendent->named || superintendent->places[place]);
}

static void act_on_one(struct superintendent *superintendent, enum action action, const char *id)
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++)
        if (is_meant(superintendent, action, (enum queue_place)place)
            && act(superintendent, action, (enum queue_place)place, id)) {
            log_info("%s: %s", id, actions[action].done);
            return;
        }
}

static void act_on_places(struct superintendent *superintendent, enum action action)
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        if (!is_meant(superintendent, action, (enum queue_place)place))
            continue;

        struct queue_scan *scan = queue_scan_new(superintendent->queue, (enum queue_place)place);

        for (const char *id; (id = queue_scan_next(scan));)
            (void)act(superintendent, action, (enum queue_place)place, id);
        queue_scan_free(scan);
    }
}

/* Everything, also what lies in a folder where its name would not be looked for. */
static void act_on_all(struct superintendent *superintendent, enum action action)
{
    struct error error;

    if (!queue_settle(superintendent->queue, &error))
        log_warn("%s", error.text);
    if (action != ACTION_DELETE) {
        act_on_places(superintendent, action);
        return;
    }
    superintendent->sweep = sweep_begin(superintendent->queue);
    act_on_places(superintendent, action);
    sweep_end(superintendent->sweep);
    superintendent->sweep = NULL;
}

static void act_on(struct superintendent *superintendent, const struct order *order,
                   const char *id)
{
    bool valid = queue_id_is_valid(slice_of(id));

    for (int action = 0; action < ACTION_COUNT; action++) {
        if (!order->actions[action])
            continue;
        if (valid)
            act_on_one(superintendent, (enum action)action, id);
        else
            log_warn("invalid mail queue id: %s", id);
    }
}

static void act_on_input(struct superintendent *superintendent, const struct order *order)
{
    char line[1024];

    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        act_on(superintendent, order, line);
    }
}

void superintendent_obey(struct superintendent *superintendent, const struct order *order)
{
    if (strcmp(order->id, "-") == 0) {
        act_on_input(superintendent, order);
        return;
    }
    if (strcmp(order->id, "ALL") != 0) {
        act_on(superintendent, order, order->id);
        return;
    }
    for (int action = 0; action < ACTION_COUNT; action++)
        if (order->actions[action])
            act_on_all(superintendent, (enum action)action);
}

void superintendent_report(const struct superintendent *superintendent,
                           const bool wanted[ACTION_COUNT])
{
    for (int action = 0; action < ACTION_COUNT; action++)
        if (wanted[action])
            log_info("%s: %ld message%s", actions[action].total, superintendent->counts[action],
                     superintendent->counts[action] == 1 ? "" : "s");
}
