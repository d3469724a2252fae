/* Lists of tables: the value of an x_maps parameter. */
#include "table/type.h"

#include "base/memory.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/braces.h"

#include <stdlib.h>

struct table_list {
    struct table **items;
    size_t count, capacity;
    char *title;
};

struct table_list *table_list_open(const struct table_context *context, const char *title,
                                   const char *value, unsigned flags,
                                   UNUSED struct error *error)
{
    struct table_list *list = memory_new(1, sizeof(*list));
    struct slice rest = slice_of(value), member;

    list->title = memory_copy(title);
    while (braces_next(&rest, &member))
        VECTOR_PUSH(list, table_open_or_broken(context, member, flags));
    return list;
}

void table_list_close(struct table_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        table_close(list->items[i]);
    VECTOR_FREE(list);
    free(list->title);
    free(list);
}

bool table_list_is_empty(const struct table_list *list)
{
    return !list || list->count == 0;
}

size_t table_list_count(const struct table_list *list)
{
    return list ? list->count : 0;
}

struct table *table_list_at(const struct table_list *list, size_t index)
{
    return list->items[index];
}

enum table_result table_list_get(struct table_list *list, struct slice key, struct str *value,
                                 const char **source, struct error *error)
{
    for (size_t i = 0; i < table_list_count(list); i++) {
        enum table_result result = table_get(list->items[i], key, value, error);

        if (result == TABLE_ABSENT)
            continue;
        if (source)
            *source = table_name(list->items[i]);
        if (result == TABLE_TROUBLE)
            log_warn("%s lookup error for \"%.*s\"", list->title, SLICE_ARGS(key));
        return result;
    }
    return TABLE_ABSENT;
}
