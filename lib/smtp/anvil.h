/*
 * Asking anvil(8) how often a client has done something, between smtpd and anvil.
 *
 * A connection is counted until its end is told, or until the last lane of the
 * process that told of it is closed: who asks must keep one lane open while it has clients.
 */
#pragma once

#include "ipc/lane.h"

enum anvil_event {
    ANVIL_CONNECT,
    ANVIL_DISCONNECT,       /* is not answered */
    ANVIL_MESSAGE, ANVIL_RECIPIENT, ANVIL_NEW_TLS, ANVIL_AUTH,
    ANVIL_EVENT_COUNT,
};

struct anvil_request {
    int64_t event;          /* enum anvil_event */
    int64_t look;           /* 1: say the numbers, count nothing */
    const char *ident;      /* "service:address" */
};

struct anvil_reply {
    int64_t count;          /* connections now */
    int64_t rate;           /* events of the kind in this time unit, the asked one included */
};

extern const struct frame_type anvil_request_frame, anvil_reply_frame;
