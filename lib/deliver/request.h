/*
 * A delivery request: qmgr asks an agent to deliver one message to some recipients;
 * the agent answers with reports, each when its outcomes are durable (architecture 2, 5.2).
 *
 * The descriptor of the queue file comes beside the frame, or the content within it: agents
 * need no access to the queue.
 */
#pragma once

#include "ipc/lane.h"
#include "queue/queue.h"

enum {
    REQUEST_TRACE = 1,          /* sendmail -v, -bv: report what happened, or would have */
    REQUEST_PROBE = 2,          /* sendmail -bv, address verification: do not deliver */
    REQUEST_EXPIRE = 4,         /* forced expiry or too old: what defers now bounces */
    REQUEST_OTHER_SENDER = 16,  /* within an agent: the sender is not the message's, so that a
                                   failure is told at once and not with the message's others */
    REQUEST_VERIFY = 8,         /* address verification: tell the verify service, not the sender */
    REQUEST_RELIEF = 32,        /* the sender was told of a delay: tell him of its end */
};

struct delivery_request {
    struct envelope envelope;       /* recipients: those of this delivery only */
    const char *nexthop;
    const char *transport;          /* the master.cf service name asked */
    int64_t flags;
    /* For delays=a/b/c/d, microseconds since the epoch. */
    int64_t active_at;              /* entered the active queue */
    int64_t requested_at;           /* this request was sent */
    int64_t last_attempt;           /* 1: bounce instead of defer is up to qmgr, for information */
    /* The records of the content, of a message that has no file (queue/intake_log.h). */
    struct slice content;
};

enum delivery_status {
    DELIVERY_SENT,          /* or relayed, expanded: recipient is done */
    DELIVERY_BOUNCED,       /* recorded by bounce: recipient is done */
    DELIVERY_DEFERRED,      /* recorded by defer */
};

struct recipient_report {
    int64_t handle;
    int64_t status;         /* enum delivery_status */
};

struct recipient_report_list {
    struct recipient_report *items;
    size_t count, capacity;
};

/*
 * A report.  The last one of a request says so.  unreachable is set when the destination as a
 * whole failed (no connection, 4xx greeting): qmgr's feedback and dead-destination logic use
 * dsn and text then.
 */
struct delivery_report {
    const char *queue_id;
    struct recipient_report_list recipients;
    int64_t last;
    int64_t unreachable;
    const char *dsn;
    const char *text;
};

extern const struct frame_type delivery_request_frame, delivery_report_frame;

/*
 * For agents: receive the next request from qmgr; fd is the queue file, owned by the caller, or
 * -1 when the content came with the request, which is then valid until the next one.
 * False at the end of the lane (nothing to say) or when it broke (error->code != EPIPE).
 */
bool delivery_receive(struct lane *lane, struct arena *arena, struct delivery_request *request,
                      int *fd, struct error *error) MUST_USE;

/* Its content, for content_next; the caller frees it. */
struct content *delivery_content(const struct delivery_request *request, int fd);

bool delivery_report_send(struct lane *lane, const struct delivery_report *report,
                          struct error *error) MUST_USE;
