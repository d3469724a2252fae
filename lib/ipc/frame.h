/*
 * Messages between our programs: a struct and a table of its fields; one writer
 * and one reader for all, so the two ends cannot drift apart.
 *
 * On the wire: a 32-bit length of what follows, big endian (so that its first byte
 * is 0 and no trigger byte can be mistaken for it), a 16-bit kind, then each
 * field in the table's order: one byte of field type, for everything but numbers a
 * 32-bit length, the bytes.  Numbers are 64-bit big endian.  The reader trusts
 * nothing: a wrong kind, type, length or trailing byte is an error.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

enum { FRAME_LIMIT = 4 * 1024 * 1024 };     /* longest frame, header included */

enum field_type {
    FIELD_END,
    FIELD_TEXT,     /* const char *, no NUL inside; NULL is written as "" */
    FIELD_NUMBER,   /* int64_t */
    FIELD_BYTES,    /* struct slice, any bytes; read: points into the frame */
    FIELD_LIST,     /* struct { T *items; size_t count, capacity; } of structs with fields */
};

struct field {
    enum field_type type;
    const char *name;
    size_t offset;
    const struct field *item_fields;    /* FIELD_LIST */
    size_t item_size;                   /* FIELD_LIST */
};

#define TEXT_FIELD(type, member)   { FIELD_TEXT, #member, offsetof(struct type, member), NULL, 0 }
#define NUMBER_FIELD(type, member) { FIELD_NUMBER, #member, offsetof(struct type, member), NULL, 0 }
#define BYTES_FIELD(type, member)  { FIELD_BYTES, #member, offsetof(struct type, member), NULL, 0 }
#define LIST_FIELD(type, member, item) \
    { FIELD_LIST, #member, offsetof(struct type, member), item##_fields, sizeof(struct item) }
#define LAST_FIELD                 { FIELD_END, NULL, 0, NULL, 0 }

/* The first part of every list of a message struct has this shape. */
struct field_list {
    void *items;
    size_t count, capacity;
};

struct frame_type {
    const char *name;           /* for error texts */
    uint16_t kind;              /* enum frame_kind */
    size_t size;                /* of the struct */
    const struct field *fields;
};

/* The type NAME_frame of struct NAME, whose table of fields is NAME_fields. */
#define FRAME_TYPE(type, words, kind) \
    const struct frame_type type##_frame = { words, kind, sizeof(struct type), type##_fields };

/* Every kind of frame there is, so that two cannot share a number. */
enum frame_kind {
    FRAME_SUBMISSION = 1, FRAME_CONTENT, FRAME_SUBMISSION_REPLY,
    FRAME_ARRIVAL,
    FRAME_DELIVERY_REQUEST, FRAME_DELIVERY_REPORT,
    FRAME_BOUNCE_APPEND, FRAME_BOUNCE_SEND, FRAME_BOUNCE_REPLY,
    FRAME_RESOLVE_REQUEST, FRAME_CLASS_REQUEST, FRAME_RESOLVE_REPLY,
    FRAME_TABLE_REQUEST, FRAME_TABLE_REPLY,
    FRAME_ANVIL_REQUEST, FRAME_ANVIL_REPLY,
    FRAME_FLUSH_REQUEST, FRAME_FLUSH_REPLY,
    FRAME_SETTLE, FRAME_SETTLED,
    FRAME_VERIFY_REQUEST, FRAME_VERIFY_REPLY,
};

/* Append the whole frame of a message to output. */
void frame_write(struct str *output, const struct frame_type *type, const void *message);

/* The kind of a frame (without its length), 0 when it is too short. */
uint16_t frame_kind(struct slice frame);

/*
 * Read a frame (without its length) into message; texts and lists live in the arena,
 * FIELD_BYTES point into frame.
 */
bool frame_read(struct slice frame, const struct frame_type *type, struct arena *arena,
                void *message, struct error *error) MUST_USE;
