#include "deliver/status_filter.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "smtp/status.h"

struct status_filter {
    struct table_list *tables;
    char *title;
};

struct status_filter *status_filter_open(const struct table_context *tables, const char *title,
                                         const char *value, struct error *error)
{
    struct table_list *list = table_list_open(tables, title, value, TABLE_KEEP_CASE, error);

    if (!list)
        return NULL;
    if (table_list_is_empty(list)) {
        table_list_close(list);
        return NULL;
    }

    struct status_filter *filter = memory_new(1, sizeof(*filter));

    filter->tables = list;
    filter->title = memory_copy(title);
    return filter;
}

void status_filter_close(struct status_filter *filter)
{
    if (!filter)
        return;
    table_list_close(filter->tables);
    free(filter->title);
    free(filter);
}

/* A success may not become a failure, nor the other way round. */
static bool take_result(struct arena *arena, struct slice text, struct outcome *outcome)
{
    char status[STATUS_SIZE];
    bool good = *outcome->dsn == '2';

    text = slice_trim_start(text);
    if (!status_take(&text, status) || (*status == '2') != good)
        return false;
    outcome->dsn = arena_copy(arena, status);
    if (text.length > 0)
        outcome->reason = arena_text(arena, text);
    if (!good && outcome->action == OUTCOME_FAILED && *status == '4')
        outcome->action = OUTCOME_DELAYED;
    else if (!good && outcome->action == OUTCOME_DELAYED && *status == '5')
        outcome->action = OUTCOME_FAILED;
    return true;
}

void status_filter_apply(const struct status_filter *filter, struct arena *arena,
                         struct outcome *outcome)
{
    AUTO_STR struct str key = STR_EMPTY, value = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (!filter)
        return;
    str_format(&key, "%s %s", outcome->dsn, outcome->reason);
    /* Trouble was warned of by the list; the status stands as it is. */
    if (table_list_get(filter->tables, str_slice(&key), &value, NULL, &error) == TABLE_FOUND &&
        !take_result(arena, str_slice(&value), outcome))
        log_warn("%s: bad status code: %s", filter->title, value.data);
}
