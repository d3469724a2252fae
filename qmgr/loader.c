#include "loader.h"

#include "base/memory.h"
#include "log/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct task {
    void (*work)(void *argument);
    void (*then)(void *argument);
    void *argument;
    struct task *next;
};

struct loader {
    struct events *events;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct task *first, **last;
    size_t idle;                /* threads that wait for more */
    bool ending;
    bool draining;          /* what is queued is done before the end */
    size_t count;
    pthread_t *threads;
};

enum { STACK_BYTES = 256 * 1024 };

/* The next piece of work, or NULL when the thread is to end. */
static struct task *next_task(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->idle++;
    while (!loader->first && !loader->ending)
        pthread_cond_wait(&loader->more, &loader->lock);
    loader->idle--;

    struct task *task = loader->ending && !loader->draining ? NULL : loader->first;

    if (task) {
        loader->first = task->next;
        if (!loader->first)
            loader->last = &loader->first;
    }
    pthread_mutex_unlock(&loader->lock);
    return task;
}

static void *run_thread(void *argument)
{
    struct loader *loader = argument;
    struct task *task;

    log_number((unsigned long)getpid());    /* asked once, not for each line */
    while ((task = next_task(loader)) != NULL) {
        task->work(task->argument);
        if (task->then)
            events_post(loader->events, task->then, task->argument);
        free(task);
    }
    return NULL;
}

struct loader *loader_new(struct events *events, size_t threads)
{
    struct loader *loader = memory_new(1, sizeof(*loader));
    pthread_attr_t attributes;

    loader->events = events;
    loader->last = &loader->first;
    loader->threads = memory_new(threads, sizeof(*loader->threads));
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->more, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (; loader->count < threads; loader->count++)
        if (pthread_create(&loader->threads[loader->count], &attributes, run_thread, loader) != 0)
            log_fatal("create a thread: %m");
    pthread_attr_destroy(&attributes);
    return loader;
}

void loader_free(struct loader *loader)
{
    if (!loader)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->ending = true;
    pthread_cond_broadcast(&loader->more);
    pthread_mutex_unlock(&loader->lock);
    for (size_t i = 0; i < loader->count; i++)
        pthread_join(loader->threads[i], NULL);
    while (loader->first) {
        struct task *task = loader->first;

        loader->first = task->next;
        free(task);
    }
    pthread_cond_destroy(&loader->more);
    pthread_mutex_destroy(&loader->lock);
    free(loader->threads);
    free(loader);
}

void loader_drain(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->draining = true;
    pthread_mutex_unlock(&loader->lock);
    loader_free(loader);
}

void loader_submit(struct loader *loader, void (*work)(void *argument),
                   void (*then)(void *argument), void *argument)
{
    struct task *task = memory_new(1, sizeof(*task));

    *task = (struct task){ work, then, argument, NULL };
    pthread_mutex_lock(&loader->lock);
    *loader->last = task;
    loader->last = &task->next;

    bool wake = loader->idle > 0;

    pthread_mutex_unlock(&loader->lock);
    /* After the lock is free: the thread that wakes up need not wait for it again. */
    if (wake)
        pthread_cond_signal(&loader->more);
}
