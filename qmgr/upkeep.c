#include "upkeep.h"

#include "base/memory.h"
#include "base/moment.h"
#include "intake.h"
#include "log/log.h"
#include "succession.h"

#include <stdlib.h>

enum {
    BUSY_SECONDS = 5,           /* between two rounds while something is there */
    QUIET_SECONDS = 60,
    UNKNOWN_SECONDS = 5,        /* how long a note may be on its way */
    WAITING_SECONDS = 10,       /* how long a message may wait without a file */
    SETTLE_STEP_MILLISECONDS = 20,
    SETTLE_STEPS = 50,
};

struct upkeep {
    struct qmgr *qmgr;
    struct event_timer *timer;
    bool soon;                  /* the timer is set to BUSY_SECONDS */
    bool running;               /* a thread is out with it */
    bool begun;                 /* the first round is over: what an earlier life left is settled */
    bool expected;              /* a message came while a round ran, which may not have seen it */
    bool all;                   /* settle everything */
    bool again;                 /* and that was asked for while a round ran */
    int steps;                  /* left to wait for messages that threads are out with */
    struct log_state state;
};

static void round_is_due(void *argument);

static void set_timer(struct upkeep *upkeep, bool soon)
{
    int seconds = soon ? BUSY_SECONDS : QUIET_SECONDS;

    if (upkeep->timer)
        events_cancel(upkeep->qmgr->events, upkeep->timer);
    upkeep->soon = soon;
    upkeep->timer = events_at(upkeep->qmgr->events, moment_after(seconds), round_is_due, upkeep);
}

/* In a thread, and alone: what another life has opened looks like nobody's. */
static void settle(void *argument)
{
    struct upkeep *upkeep = argument;
    int age = upkeep->all || !upkeep->begun ? -1 : UNKNOWN_SECONDS;
    struct error error = ERROR_NONE;

    upkeep->begun = true;
    if (!log_reader_settle(upkeep->qmgr->log, age, &upkeep->state, &error))
        log_warn("intake log: %s", error.text);
}

static void run_round(void *argument)
{
    struct upkeep *upkeep = argument;

    upkeep->state = (struct log_state){ .open = 1 };
    (void)succession_alone(upkeep->qmgr->succession, settle, upkeep);
}

/* Messages that are in hand; how many lie in the log still. */
static size_t settle_active(const struct upkeep *upkeep)
{
    struct hash_entry *entry;
    struct timeval now = wall_now();
    int64_t before = (int64_t)now.tv_sec - (upkeep->all ? -1 : WAITING_SECONDS);
    size_t found = 0;

    for (size_t position = 0; (entry = hash_next(upkeep->qmgr->messages, &position));) {
        struct active *active = entry->value;

        if (!active->log_place.segment)
            continue;
        if (active->busy) {         /* a thread is out with it, which may settle it itself */
            found++;
        } else if (active->active_at <= before * 1000000 && message_is_logged(active->file)) {
            found++;
            active_make_file(active);
        }
    }
    return found;
}

static void end_round(struct upkeep *upkeep)
{
    if (upkeep->all) {
        upkeep->all = false;
        intake_settled(upkeep->qmgr);
    }
    if (upkeep->again) {
        upkeep->again = false;
        upkeep_settle_all(upkeep);
        return;
    }
    set_timer(upkeep, upkeep->state.open > 0 || upkeep->expected);
}

static void wait_for_active(void *argument)
{
    struct upkeep *upkeep = argument;

    upkeep->timer = NULL;
    if (settle_active(upkeep) == 0 || upkeep->steps-- == 0) {
        end_round(upkeep);
        return;
    }
    upkeep->timer = events_at(upkeep->qmgr->events, moment_now() + SETTLE_STEP_MILLISECONDS,
                              wait_for_active, upkeep);
}

static void round_ended(void *argument)
{
    struct upkeep *upkeep = argument;

    upkeep->running = false;
    if (upkeep->state.settled > 0)
        intake_walk_incoming(upkeep->qmgr);
    upkeep->steps = upkeep->all ? SETTLE_STEPS : 0;
    wait_for_active(upkeep);
}

static void round_is_due(void *argument)
{
    struct upkeep *upkeep = argument;

    upkeep->timer = NULL;
    if (upkeep->qmgr->stopping)
        return;
    upkeep->running = true;
    upkeep->expected = false;
    events_work(upkeep->qmgr->events, run_round, round_ended, upkeep);
}

void upkeep_settle_all(struct upkeep *upkeep)
{
    if (upkeep->running || upkeep->all) {
        upkeep->again = true;
        return;
    }
    upkeep->all = true;
    if (upkeep->timer)
        events_cancel(upkeep->qmgr->events, upkeep->timer);
    round_is_due(upkeep);
}

void upkeep_expect(struct upkeep *upkeep)
{
    if (upkeep->running || upkeep->all)
        upkeep->expected = true;
    else if (!upkeep->soon)
        set_timer(upkeep, true);
}

struct upkeep *upkeep_start(struct qmgr *qmgr)
{
    struct upkeep *upkeep = memory_new(1, sizeof(*upkeep));

    upkeep->qmgr = qmgr;
    round_is_due(upkeep);
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    free(upkeep);
}
