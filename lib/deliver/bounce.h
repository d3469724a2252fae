/*
 * The bounce, defer and trace services: records of what happened to recipients, and the
 * notifications made of them (RFC 3464).  All three speak the same frames; the service's
 * name decides which log is meant.
 */
#pragma once

#include "ipc/lane.h"
#include "queue/envelope.h"

/* Append one record to the log of a message; answered when it is synced. */
struct bounce_append {
    const char *queue_id;
    const char *recipient, *original, *dsn_original;
    int64_t notify, handle;
    const char *action, *dsn, *reason;
    const char *diagnostic_type, *diagnostic_text;
    const char *remote_mta_type, *remote_mta;
};

struct bounce_append_list {
    struct bounce_append *items;
    size_t count, capacity;
};

enum bounce_send_kind {
    BOUNCE_SEND_FAILURE,    /* non-delivery notification of the bounce log; the log is removed */
    BOUNCE_SEND_DELAY,      /* delay notification of the defer log; the log stays */
    BOUNCE_SEND_TRACE,      /* delivery status notification of the trace log; removed */
    BOUNCE_REMOVE,          /* only remove the log */
    BOUNCE_SEND_ONE,        /* non-delivery notification of the records given; no log is touched */
};

/* Make and submit the notification; answered when it is in the queue. */
struct bounce_send {
    struct envelope envelope;       /* recipients are not needed */
    int64_t kind;
    struct bounce_append_list records;
};

enum bounce_status { BOUNCE_OK, BOUNCE_RETRY /* trouble: defer the message */ };

struct bounce_reply {
    int64_t status;
    const char *text;
};

/* Have the service append a record. False: it did not, or cannot be asked. */
bool bounce_append(struct lane_pool *service, const struct bounce_append *record,
                   int timeout_seconds, struct error *error) MUST_USE;

extern const struct frame_type bounce_append_frame, bounce_send_frame, bounce_reply_frame;
