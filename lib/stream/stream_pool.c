#include "stream/stream_pool.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct stream_pool {
    struct stream_limits limits;
    pthread_mutex_t lock;
    struct pooled_stream *idle;
};

struct stream_pool *stream_pool_new(const struct stream_limits *limits)
{
    struct stream_pool *pool = memory_new(1, sizeof(*pool));

    pool->limits = *limits;
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

static void pooled_close(struct pooled_stream *pooled)
{
    stream_close(pooled->stream);
    free(pooled);
}

void stream_pool_free(struct stream_pool *pool)
{
    if (!pool)
        return;
    while (pool->idle) {
        struct pooled_stream *next = pool->idle->next;

        pooled_close(pool->idle);
        pool->idle = next;
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static bool is_usable(const struct pooled_stream *pooled)
{
    return moment_left(pooled->idle_until) && moment_left(pooled->dies_at);
}

static struct pooled_stream *take_idle(struct stream_pool *pool)
{
    pthread_mutex_lock(&pool->lock);

    struct pooled_stream *pooled = pool->idle;

    if (pooled)
        pool->idle = pooled->next;
    pthread_mutex_unlock(&pool->lock);
    return pooled;
}

struct pooled_stream *stream_pool_take(struct stream_pool *pool)
{
    for (struct pooled_stream *pooled; (pooled = take_idle(pool));) {
        if (is_usable(pooled))
            return pooled;
        pooled_close(pooled);
    }
    return NULL;
}

struct pooled_stream *stream_pool_add(struct stream_pool *pool, struct stream *stream)
{
    struct pooled_stream *pooled = memory_new(1, sizeof(*pooled));

    pooled->stream = stream;
    pooled->dies_at = moment_after(pool->limits.age_seconds);
    return pooled;
}

void stream_pool_give(struct stream_pool *pool, struct pooled_stream *pooled, bool healthy)
{
    bool spent = pool->limits.requests > 0 && ++pooled->requests >= pool->limits.requests;

    if (!healthy || spent) {
        pooled_close(pooled);
        return;
    }
    stream_rest(pooled->stream);
    pooled->idle_until = moment_after(pool->limits.idle_seconds);
    pthread_mutex_lock(&pool->lock);
    pooled->next = pool->idle;
    pool->idle = pooled;
    pthread_mutex_unlock(&pool->lock);
}
