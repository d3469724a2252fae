#include "deliver/arrival.h"

#include "deliver/envelope_fields.h"

static const struct field arrival_fields[] = {
    ENVELOPE_FIELDS(arrival),
    NUMBER_FIELD(arrival, complete),
    NUMBER_FIELD(arrival, reported),
    NUMBER_FIELD(arrival, place.segment),
    NUMBER_FIELD(arrival, place.offset),
    NUMBER_FIELD(arrival, place.length),
    LAST_FIELD,
};

FRAME_TYPE(arrival, "arrival", FRAME_ARRIVAL)
