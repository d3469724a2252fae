#include "service/timer_heap.h"

#include "base/vector.h"

#include <string.h>

static bool is_earlier(const struct event_timer *a, const struct event_timer *b)
{
    return a->moment != b->moment ? a->moment < b->moment : a->number < b->number;
}

static void put(struct timer_heap *heap, size_t place, struct event_timer *timer)
{
    heap->items[place] = timer;
    timer->place = place;
}

static void move_up(struct timer_heap *heap, size_t place)
{
    struct event_timer *timer = heap->items[place];

    while (place > 0 && is_earlier(timer, heap->items[(place - 1) / 2])) {
        put(heap, place, heap->items[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(heap, place, timer);
}

static void move_down(struct timer_heap *heap, size_t place)
{
    struct event_timer *timer = heap->items[place];
    struct event_timer **items = heap->items;

    for (;;) {
        size_t child = 2 * place + 1;

        if (child + 1 < heap->count && is_earlier(items[child + 1], items[child]))
            child++;
        if (child >= heap->count || !is_earlier(items[child], timer))
            break;
        put(heap, place, items[child]);
        place = child;
    }
    put(heap, place, timer);
}

void timer_heap_add(struct timer_heap *heap, struct event_timer *timer)
{
    VECTOR_PUSH(heap, timer);
    move_up(heap, heap->count - 1);
}

void timer_heap_remove(struct timer_heap *heap, struct event_timer *timer)
{
    size_t place = timer->place;
    struct event_timer *last = heap->items[--heap->count];

    if (place == heap->count)
        return;
    put(heap, place, last);
    move_up(heap, place);
    move_down(heap, last->place);
}
