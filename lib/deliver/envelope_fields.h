/*
 * The rows of an envelope in a frame's field table, for every message struct that has a
 * member "struct envelope envelope".
 */
#pragma once

#include "ipc/frame.h"
#include "queue/envelope.h"

/* Field tables of the members of lists. */
extern const struct field recipient_fields[], attribute_fields[];

#define ENVELOPE_FIELDS(type)                          \
    TEXT_FIELD(type, envelope.queue_id),               \
    NUMBER_FIELD(type, envelope.arrival.tv_sec),       \
    NUMBER_FIELD(type, envelope.arrival.tv_usec),      \
    NUMBER_FIELD(type, envelope.create_time),          \
    TEXT_FIELD(type, envelope.sender),                 \
    TEXT_FIELD(type, envelope.full_name),              \
    TEXT_FIELD(type, envelope.envelope_id),            \
    TEXT_FIELD(type, envelope.encoding),               \
    TEXT_FIELD(type, envelope.verp_delimiters),        \
    TEXT_FIELD(type, envelope.content_filter),         \
    TEXT_FIELD(type, envelope.redirect),               \
    NUMBER_FIELD(type, envelope.return_flags),         \
    NUMBER_FIELD(type, envelope.send_options),         \
    NUMBER_FIELD(type, envelope.warn_at),              \
    NUMBER_FIELD(type, envelope.cleanup_flags),        \
    NUMBER_FIELD(type, envelope.content_size),         \
    NUMBER_FIELD(type, envelope.content_offset),       \
    NUMBER_FIELD(type, envelope.content_length),       \
    LIST_FIELD(type, envelope.attributes, attribute),  \
    LIST_FIELD(type, envelope.recipients, recipient)

/* The kernel's types for a moment are numbers as frames write them. */
_Static_assert(sizeof(((struct timeval *)0)->tv_sec) == sizeof(int64_t), "64-bit time");
_Static_assert(sizeof(((struct timeval *)0)->tv_usec) == sizeof(int64_t), "64-bit time");
