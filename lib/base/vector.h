/*
 * Growable arrays of any type: struct { T *items; size_t count; size_t capacity; }
 */
#pragma once

#include "base/memory.h"

/* A zeroed place behind the last item; &v->items[v->count - 1] is it. */
#define VECTOR_ADD(vector)                                                          \
    ((vector)->count == (vector)->capacity                                          \
         ? (void)((vector)->capacity = (vector)->capacity ? (vector)->capacity * 2 : 8, \
                  (vector)->items = memory_resize((vector)->items, (vector)->capacity,  \
                                                  sizeof(*(vector)->items)))        \
         : (void)0,                                                                 \
     memset(&(vector)->items[(vector)->count], 0, sizeof(*(vector)->items)),        \
     &(vector)->items[(vector)->count++])

#define VECTOR_PUSH(vector, value) (*VECTOR_ADD(vector) = (value))

#define VECTOR_FREE(vector) \
    (free((vector)->items), (vector)->items = NULL, (vector)->count = (vector)->capacity = 0)
