/*
 * What a client of proxymap asks, and its answer.
 */
#pragma once

#include "ipc/frame.h"

struct table_request {
    const char *name;       /* "type:name" */
    int64_t flags;          /* of table_open */
    struct slice key;
};

enum table_status { TABLE_STATUS_FOUND, TABLE_STATUS_ABSENT, TABLE_STATUS_RETRY,
                    TABLE_STATUS_DENIED };

struct table_reply {
    int64_t status;
    struct slice value;
    const char *reason;     /* of RETRY */
};

extern const struct frame_type table_request_frame;
extern const struct frame_type table_reply_frame;
