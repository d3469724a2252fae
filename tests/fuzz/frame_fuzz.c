/*
 * A frame of another process: whatever its bytes, it is read or refused, and what was read
 * is written as it came.
 */
#include "base/scope.h"
#include "ipc/frame.h"

#include <stdio.h>

struct part {
    const char *text;
    int64_t number;
};

struct whole {
    const char *text;
    int64_t number;
    struct slice bytes;
    struct { struct part *items; size_t count, capacity; } parts;
};

static const struct field part_fields[] = {
    TEXT_FIELD(part, text),
    NUMBER_FIELD(part, number),
    LAST_FIELD,
};

static const struct field whole_fields[] = {
    TEXT_FIELD(whole, text),
    NUMBER_FIELD(whole, number),
    BYTES_FIELD(whole, bytes),
    LIST_FIELD(whole, parts, part),
    LAST_FIELD,
};

static const struct frame_type type = { "whole", 1, sizeof(struct whole), whole_fields };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str output = STR_EMPTY;
    struct slice frame = slice_bytes(data, size);
    struct whole whole;
    struct error error;

    if (!frame_read(frame, &type, arena, &whole, &error))
        return 0;
    frame_write(&output, &type, &whole);
    if (!slice_equal(slice_from(str_slice(&output), 4), frame))
        __builtin_trap();
    return 0;
}
