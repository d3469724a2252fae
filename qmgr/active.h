/*
 * A message in the active queue, and what the parts of qmgr share.
 *
 * The scheduler's thread owns every struct active, but for file, which belongs to the
 * thread that has the message in hand (loading, marking, finishing).
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "config/config.h"
#include "ipc/lane.h"
#include "loader.h"
#include "queue/intake_log.h"
#include "scheduler.h"
#include "service/service.h"

struct qmgr;

enum load_result {
    LOAD_READY,
    LOAD_GONE,              /* somebody else was first, or it is not complete yet */
    LOAD_CORRUPT,           /* it is in corrupt now */
    LOAD_TROUBLE,           /* later: it is in deferred, or where it was */
};

struct handle_list {
    int64_t *items;
    size_t count, capacity;
};

/* Recipients that were read at once; they are in memory until the last of them is done. */
struct batch {
    struct arena *arena;            /* of recipients and routes */
    bool owns_arena;                /* else it is the message's */
    struct recipient_list recipients;
    struct route *routes;
    size_t route_count;
    struct handle_list skipped;     /* need no delivery */
    size_t open;                    /* deliveries not ended yet */
    struct batch *next;
};

struct active {
    struct qmgr *qmgr;
    char *id;
    enum queue_place place;         /* where it is to be loaded from */
    struct arena *arena;            /* of the envelope and the routes */
    struct envelope envelope;       /* without recipients once it is loaded */
    struct batch *batches;
    struct batch *loading;          /* the last one, until its deliveries are queued */
    struct mail *mail;              /* what the scheduler knows of it */
    struct log_place log_place;     /* in the intake log, when it came from there */
    struct message *file;
    int fd;                         /* of file, for agents; -1: they get the content itself */
    bool fresh;                     /* cleanup told us: no logs of earlier attempts exist */
    bool complete;                  /* all recipients are loaded */
    bool announced;                 /* "(queue active)" is logged */
    bool expire;                    /* postsuper -e: give up after this attempt */
    bool flush;                     /* postqueue -f, -i: try dead and deferred transports too */
    int64_t trace_flags;            /* REQUEST_ bits */
    int64_t active_at;              /* microseconds, wall clock */
    size_t seen;                    /* recipients that were loaded so far */
    size_t recipient_limit;         /* of this load */
    size_t room;                    /* for further recipients; 0: none are wanted now */
    enum load_result load;

    size_t open;                    /* deliveries not ended yet */
    bool busy;                      /* a thread is out with it */
    bool met;                       /* by a walk over incoming, which left it to us */
    bool too_many;                  /* address_verify_pending_request_limit */
    bool wants_report;              /* some recipient has NOTIFY=SUCCESS */
    bool bounced, deferred;
    bool given_back;                /* some recipients are for the next life of qmgr */
    bool failed;                    /* marking or loading failed: it must stay */
    struct handle_list done;        /* to be marked */
    struct handle_list marking;     /* being marked */
};

/* trace_flags as Postfix writes them. */
enum { TRACE_VERIFY_MTA = 256, TRACE_VERIFY = 512, TRACE_RECORD = 1024 };

struct qmgr {
    struct service_context *context;
    const struct config *config;
    struct events *events;
    struct queue *queue;
    struct log_reader *log;
    struct upkeep *upkeep;
    struct resolver *resolver;
    struct resolver *probe_resolver;    /* the address_verify_ parameters; may be the same */
    struct lookup *lookup;
    struct scheduler *scheduler;
    struct loader *finishes;        /* may wait for bounce for long */
    struct lane_pool *bounce, *defer, *trace;
    struct hash *messages;          /* by id: struct active */
    size_t message_limit, recipients;
    _Atomic int probes;             /* active messages of address verification */
    struct event_timer *alarm;
    bool stopping;                  /* start nothing new */
    bool out_of_time;               /* and wait no longer */
    struct succession *succession;
    size_t under_way;               /* deliveries that agents have in hand */
    size_t busy;                    /* messages that threads are out with */
    struct intake *intake;
};

/* load.c, out of the turn: open, read, resolve. */
void load_message(void *argument);
/* The next recipients of a message whose loaded ones are done. */
void load_more(void *argument);

/* finish.c, out of the turn: bounces and delays told, then removed or deferred. */
void finish_message(void *argument);

/* The delays of the last attempt are told of no more: this attempt has its own. Out of the turn. */
void forget_delays(struct active *active);
void mark_message(void *argument);
/* Back to incoming. */
void return_message(void *argument);
/* Out of the intake log, into a file. */
void settle_message(void *argument);

/* message.c, in the event loop. */
struct active *active_new(struct qmgr *qmgr, const char *id, enum queue_place place);
void active_free(struct active *active);
void active_load(struct active *active);
/* Recipients of a delivery have an outcome; part of active->done when they are. */
void active_done(struct active *active, int64_t handle, bool bounced);
/* Make it a file, when it lies in the intake log and no thread is out with it. */
void active_make_file(struct active *active);
/* A delivery of the batch has ended; then something may follow. */
void active_ended(struct active *active, struct batch *batch);
/* Mark, load more, or finish. */
void active_settle(struct active *active);
/* Put recipients of the batch to retry, with "4.3.0 reason". */
void active_retry(struct active *active, struct batch *batch, struct recipient **recipients,
                  size_t count, const char *reason);
/* There is room for that many more recipients (scheduler_actions). */
void active_refill(void *owner, void *message, size_t room);


/* dispatch.c: lanes to the agents. */
enum dispatch_result dispatch_delivery(void *owner, struct delivery *delivery);
void dispatch_give_up(void *owner, struct delivery *delivery);
void dispatch_give_back(void *owner, struct delivery *delivery);

/* qmgr.c */
void qmgr_run(struct qmgr *qmgr);

/* intake.c: there is room in the active queue again. */
void intake_feed(struct qmgr *qmgr);
