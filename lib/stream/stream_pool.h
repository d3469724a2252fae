/*
 * Connections to one server that are kept for the next request; thread-safe.
 *
 * Only connections without a request under way stand in a pool.  One that has been idle, in
 * use or asked for too long is closed instead of handed out.
 */
#pragma once

#include "stream/stream.h"

struct stream_limits {
    int idle_seconds;       /* longest rest between two requests */
    int age_seconds;        /* longest life */
    int requests;           /* most requests over one connection; 0: any number */
};

/* A connection and what is known of it; whoever took it has it alone. */
struct pooled_stream {
    struct stream *stream;
    int64_t dies_at, idle_until;
    int requests;           /* that were sent over it */
    struct pooled_stream *next;
};

struct stream_pool;

struct stream_pool *stream_pool_new(const struct stream_limits *limits);
/* Closes what is idle.  NULL is fine. */
void stream_pool_free(struct stream_pool *pool);

/* An idle connection, or NULL. */
struct pooled_stream *stream_pool_take(struct stream_pool *pool);
/* Around a fresh connection, which the pool's user now owns. */
struct pooled_stream *stream_pool_add(struct stream_pool *pool, struct stream *stream);
/* A request was answered over it, or it is of no more use. */
void stream_pool_give(struct stream_pool *pool, struct pooled_stream *pooled, bool healthy);
