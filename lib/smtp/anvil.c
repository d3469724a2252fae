#include "smtp/anvil.h"

static const struct field anvil_request_fields[] = {
    NUMBER_FIELD(anvil_request, event),
    NUMBER_FIELD(anvil_request, look),
    TEXT_FIELD(anvil_request, ident),
    LAST_FIELD,
};

static const struct field anvil_reply_fields[] = {
    NUMBER_FIELD(anvil_reply, count),
    NUMBER_FIELD(anvil_reply, rate),
    LAST_FIELD,
};

FRAME_TYPE(anvil_request, "anvil request", FRAME_ANVIL_REQUEST)

FRAME_TYPE(anvil_reply, "anvil reply", FRAME_ANVIL_REPLY)
