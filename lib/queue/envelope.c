#include "queue/envelope.h"

#include <string.h>

void envelope_clear(struct envelope *envelope)
{
    *envelope = (struct envelope){
        .queue_id = "", .sender = "", .full_name = "", .envelope_id = "", .encoding = "",
        .verp_delimiters = "", .content_filter = "", .redirect = "",
    };
}

const char *envelope_attribute(const struct envelope *envelope, const char *name)
{
    for (size_t i = 0; i < envelope->attributes.count; i++)
        if (strcmp(envelope->attributes.items[i].name, name) == 0)
            return envelope->attributes.items[i].value;
    return "";
}

/*
 * Room for one more item of size bytes: the items, or a copy twice as large.  Items whose
 * capacity is 0 belong to somebody else and may be full, so they are copied too.
 */
static void *make_room(struct arena *arena, void *items, size_t count, size_t *capacity,
                       size_t size)
{
    if (count < *capacity)
        return items;

    size_t wanted = count < 4 ? 8 : count * 2;
    void *grown = arena_take(arena, wanted * size);

    if (count > 0)
        memcpy(grown, items, count * size);
    *capacity = wanted;
    return grown;
}

void envelope_set_attribute(struct envelope *envelope, struct arena *arena, const char *name,
                            const char *value)
{
    struct attribute_list *list = &envelope->attributes;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0) {
            list->items[i].value = value;
            return;
        }
    list->items = make_room(arena, list->items, list->count, &list->capacity,
                            sizeof(*list->items));
    list->items[list->count++] = (struct attribute){ name, value };
}

struct recipient *envelope_add_recipient(struct envelope *envelope, struct arena *arena)
{
    struct recipient_list *list = &envelope->recipients;

    list->items = make_room(arena, list->items, list->count, &list->capacity,
                            sizeof(*list->items));
    list->items[list->count] = (struct recipient){ "", "", "", 0, 0 };
    return &list->items[list->count++];
}
