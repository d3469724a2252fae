#include "smtp/anvil.h"

static const struct field request_fields[] = {
    NUMBER_FIELD(anvil_request, event),
    NUMBER_FIELD(anvil_request, look),
    TEXT_FIELD(anvil_request, ident),
    LAST_FIELD,
};

static const struct field reply_fields[] = {
    NUMBER_FIELD(anvil_reply, count),
    NUMBER_FIELD(anvil_reply, rate),
    LAST_FIELD,
};

const struct frame_type anvil_request_frame = {
    "anvil request", FRAME_ANVIL_REQUEST, sizeof(struct anvil_request), request_fields,
};

const struct frame_type anvil_reply_frame = {
    "anvil reply", FRAME_ANVIL_REPLY, sizeof(struct anvil_reply), reply_fields,
};
