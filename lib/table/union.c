/* unionmap:, pipemap: and randmap: tables (DATABASE_README). */
#include "table/type.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/vector.h"
#include "table/braces.h"

struct members {
    struct table **items;
    size_t count, capacity;
};

static bool bad_syntax(struct error *error, const struct table *table, const char *member)
{
    return error_set(error, "bad syntax: \"%s\"; need \"%s:{%s...}\"", table->type_name,
                     table->type->name, member);
}

static bool members_open(struct table *table, const struct table_context *context,
                         const char *name, struct error *error)
{
    struct members *members = memory_new(1, sizeof(*members));
    struct slice inside, member;
    struct error ignored;

    table->data = members;
    if (!braces_strip(slice_of(name), &inside, &ignored) || !inside.length)
        return bad_syntax(error, table, "type:name");
    while (braces_next(&inside, &member)) {
        struct table *opened = table_open(context, member, table->flags, error);

        if (!opened)
            return false;
        VECTOR_PUSH(members, opened);
    }
    return members->count ? true : bad_syntax(error, table, "type:name");
}

static void members_close(struct table *table)
{
    struct members *members = table->data;

    for (size_t i = 0; i < members->count; i++)
        table_close(members->items[i]);
    VECTOR_FREE(members);
    free(members);
}

static bool members_have_changed(struct table *table)
{
    const struct members *members = table->data;

    for (size_t i = 0; i < members->count; i++)
        if (table_has_changed(members->items[i]))
            return true;
    return false;
}

/* The whole table has the query error that one of its members had. */
static enum table_result blame(const struct table *table, struct error *error)
{
    const char *cause = strstr(error->text, ": query error");
    AUTO_STR struct str text = STR_EMPTY;

    if (slice_starts(slice_of(error->text), "table ") && cause) {
        str_text(&text, cause);
        error_set(error, "table %s%s", table->type_name, text.data);
    }
    return TABLE_TROUBLE;
}

static enum table_result union_get(struct table *table, struct slice key, struct str *value,
                                   struct error *error)
{
    const struct members *members = table->data;
    AUTO_STR struct str part = STR_EMPTY;

    for (size_t i = 0; i < members->count; i++) {
        enum table_result result = table_get_part(members->items[i], key, &part, error);

        if (result == TABLE_TROUBLE)
            return blame(table, error);
        if (result == TABLE_FOUND)
            str_format(value, "%s%s", value->length ? "," : "", part.data);
    }
    return value->length ? TABLE_FOUND : TABLE_ABSENT;
}

static enum table_result pipe_get(struct table *table, struct slice key, struct str *value,
                                  struct error *error)
{
    const struct members *members = table->data;
    AUTO_STR struct str question = STR_EMPTY;

    str_set(value, key);
    for (size_t i = 0; i < members->count; i++) {
        str_set(&question, str_slice(value));

        enum table_result result = table_get_part(members->items[i], str_slice(&question), value,
                                                  error);

        if (result == TABLE_TROUBLE)
            return blame(table, error);
        if (result != TABLE_FOUND)
            return result;
    }
    return TABLE_FOUND;
}

const struct table_type table_type_unionmap = {
    .name = "unionmap", .keeps_key = true,
    .open = members_open, .get = union_get, .close = members_close,
    .has_changed = members_have_changed,
};

const struct table_type table_type_pipemap = {
    .name = "pipemap", .keeps_key = true,
    .open = members_open, .get = pipe_get, .close = members_close,
    .has_changed = members_have_changed,
};

struct choices {
    char **items;
    size_t count, capacity;
};

static bool rand_open(struct table *table, UNUSED const struct table_context *context,
                      const char *name, struct error *error)
{
    struct choices *choices = memory_new(1, sizeof(*choices));
    struct slice inside, member;
    struct error ignored;

    table->data = choices;
    if (!braces_strip(slice_of(name), &inside, &ignored) || !inside.length)
        return bad_syntax(error, table, "value");
    while (braces_next(&inside, &member)) {
        VECTOR_PUSH(choices, memory_text(member.data, member.length));
    }
    return choices->count ? true : bad_syntax(error, table, "value");
}

static enum table_result rand_get(struct table *table, UNUSED struct slice key, struct str *value,
                                  UNUSED struct error *error)
{
    const struct choices *choices = table->data;

    str_text(value, choices->items[random_below(choices->count)]);
    return TABLE_FOUND;
}

static void rand_close(struct table *table)
{
    struct choices *choices = table->data;

    for (size_t i = 0; i < choices->count; i++)
        free(choices->items[i]);
    VECTOR_FREE(choices);
    free(choices);
}

const struct table_type table_type_randmap = {
    .name = "randmap", .open = rand_open, .get = rand_get, .close = rand_close,
};
