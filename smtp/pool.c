#include "pool.h"

#include "base/memory.h"
#include "log/log.h"

#include <pthread.h>
#include <time.h>

/* The most that wait at a time: more would only keep servers busy. */
enum { POOL_LIMIT = 100 };

struct waiting {
    struct session *session;
    int64_t until;          /* monotonic milliseconds */
};

struct pool {
    const struct agent *agent;
    pthread_mutex_t lock;
    pthread_cond_t arrived;     /* the reaper sleeps without end while the pool is empty */
    bool has_reaper, reaper_sleeps;
    struct waiting items[POOL_LIMIT];
    size_t count;
};

struct pool *pool_new(const struct agent *agent)
{
    struct pool *pool = memory_new(1, sizeof(*pool));
    pthread_condattr_t attributes;

    pool->agent = agent;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    return pool;
}

/* Under the lock. */
static struct session *remove_at(struct pool *pool, size_t index)
{
    struct session *session = pool->items[index].session;

    pool->items[index] = pool->items[--pool->count];
    return session;
}

struct session *pool_take(struct pool *pool, const char *nexthop, const char *host_key)
{
    struct session *found = NULL;

    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->count && !found; i++) {
        const struct session *session = pool->items[i].session;

        if ((nexthop && strcmp(session->nexthop_key, nexthop) == 0)
            || (host_key && strcmp(session->key, host_key) == 0))
            found = remove_at(pool, i);
    }
    pthread_mutex_unlock(&pool->lock);
    if (found)
        found->fresh = true;
    return found;
}

/* A session whose time is up, or NULL with the moment of the next one (0: there is none). */
static struct session *take_expired(struct pool *pool, int64_t now, int64_t *next)
{
    *next = 0;
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->items[i].until <= now)
            return remove_at(pool, i);
        if (*next == 0 || pool->items[i].until < *next)
            *next = pool->items[i].until;
    }
    return NULL;
}

static void sleep_until(struct pool *pool, int64_t moment)
{
    struct timespec until = { moment / 1000, moment % 1000 * 1000000 };

    if (moment > 0) {
        pthread_cond_timedwait(&pool->arrived, &pool->lock, &until);
        return;
    }
    pool->reaper_sleeps = true;
    pthread_cond_wait(&pool->arrived, &pool->lock);
    pool->reaper_sleeps = false;
}

static void *reap(void *argument)
{
    struct pool *pool = argument;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        int64_t next;
        struct session *expired = take_expired(pool, moment_now(), &next);

        if (!expired) {
            sleep_until(pool, next);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        session_close(expired);
        pthread_mutex_lock(&pool->lock);
    }
    return NULL;
}

/* Under the lock: the thread that closes what nobody took. */
static bool start_reaper(struct pool *pool)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    pool->has_reaper = pthread_create(&thread, &attributes, reap, pool) == 0;
    pthread_attr_destroy(&attributes);
    return pool->has_reaper;
}

static int64_t end_of_waiting(const struct config *config, const struct session *session)
{
    int64_t until = moment_after(config->smtp_connection_cache_time_limit
                                         < config->connection_cache_ttl_limit
                                     ? config->smtp_connection_cache_time_limit
                                     : config->connection_cache_ttl_limit);

    return until < session->worn_at ? until : session->worn_at;
}

void pool_give(struct pool *pool, struct session *session)
{
    int64_t until = end_of_waiting(pool->agent->config, session);
    struct session *surplus = session;

    pthread_mutex_lock(&pool->lock);
    if (pool->count < POOL_LIMIT && (pool->has_reaper || start_reaper(pool))) {
        pool->items[pool->count++] = (struct waiting){ session, until };
        surplus = NULL;
        if (pool->reaper_sleeps)
            pthread_cond_signal(&pool->arrived);
    }
    pthread_mutex_unlock(&pool->lock);
    if (surplus)
        session_close(surplus);
}
