/*
 * The timers of an event loop: a heap, the next one is its first item.  The timers are
 * the loop's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_timer {
    int64_t moment;
    uint64_t number;        /* timers of the same moment keep their order */
    size_t place;           /* in the heap */
    void (*due)(void *argument);
    void *argument;
};

struct timer_heap {
    struct event_timer **items;
    size_t count, capacity;
};

void timer_heap_add(struct timer_heap *heap, struct event_timer *timer);
void timer_heap_remove(struct timer_heap *heap, struct event_timer *timer);
