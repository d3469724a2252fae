#include "ipc/lane.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct idle_lane {
    struct lane *lane;
    int64_t close_at;
};

struct lane_pool {
    char *path;
    size_t idle_limit;
    int idle_seconds;
    pthread_mutex_t lock;
    size_t count;
    struct idle_lane *idle;     /* the longest idle first */
};

struct lane_pool *lane_pool_new(const char *path, size_t idle_limit, int idle_seconds)
{
    struct lane_pool *pool = memory_new(1, sizeof(*pool));

    pool->path = memory_copy(path);
    pool->idle_limit = idle_limit;
    pool->idle_seconds = idle_seconds;
    pthread_mutex_init(&pool->lock, NULL);
    pool->idle = memory_new(idle_limit + 1, sizeof(*pool->idle));
    return pool;
}

void lane_pool_free(struct lane_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->count; i++)
        lane_close(pool->idle[i].lane);
    pthread_mutex_destroy(&pool->lock);
    free(pool->idle);
    free(pool->path);
    free(pool);
}

/* The longest idle lane when its time is over or there are too many; called with the lock. */
static struct lane *take_surplus(struct lane_pool *pool)
{
    if (pool->count == 0)
        return NULL;
    if (pool->count <= pool->idle_limit && moment_left(pool->idle[0].close_at) > 0)
        return NULL;

    struct lane *lane = pool->idle[0].lane;

    pool->count--;
    memmove(pool->idle, pool->idle + 1, pool->count * sizeof(*pool->idle));
    return lane;
}

static void close_surplus(struct lane_pool *pool)
{
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct lane *lane = take_surplus(pool);
        pthread_mutex_unlock(&pool->lock);

        if (!lane)
            return;
        lane_close(lane);
    }
}

static struct lane *take_idle(struct lane_pool *pool)
{
    close_surplus(pool);
    pthread_mutex_lock(&pool->lock);
    struct lane *lane = pool->count > 0 ? pool->idle[--pool->count].lane : NULL;
    pthread_mutex_unlock(&pool->lock);
    return lane;
}

struct lane *lane_pool_take(struct lane_pool *pool, bool *reused, int64_t deadline,
                            struct error *error)
{
    struct lane *lane = take_idle(pool);

    *reused = lane != NULL;
    return lane ? lane : lane_open(pool->path, deadline, error);
}

void lane_pool_give(struct lane_pool *pool, struct lane *lane, bool healthy)
{
    if (!lane)
        return;
    if (!healthy) {
        lane_close(lane);
        return;
    }

    /* The pool has one place more than its limit, so that nobody closes under the lock. */
    pthread_mutex_lock(&pool->lock);
    bool kept = pool->count <= pool->idle_limit;

    if (kept)
        pool->idle[pool->count++] = (struct idle_lane){ lane, moment_after(pool->idle_seconds) };
    pthread_mutex_unlock(&pool->lock);

    if (!kept)
        lane_close(lane);
    close_surplus(pool);
}

/* The server of an idle lane may have gone before it saw the request. */
static bool is_worth_another_try(const struct error *error)
{
    return error->code == EPIPE || error->code == ECONNRESET;
}

bool lane_pool_call(struct lane_pool *pool, const struct frame_type *request_type,
                    const void *request, const struct frame_type *reply_type,
                    struct arena *arena, void *reply, int64_t deadline, struct error *error)
{
    for (;;) {
        bool reused;
        struct lane *lane = lane_pool_take(pool, &reused, deadline, error);

        if (!lane)
            return false;

        bool done = lane_call(lane, request_type, request, reply_type, arena, reply,
                              deadline, error);

        lane_pool_give(pool, lane, done);
        if (done || !reused || !is_worth_another_try(error))
            return done;
    }
}
