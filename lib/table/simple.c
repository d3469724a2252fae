/* static:, fail:, environ: and inline: tables (DATABASE_README). */
#include "table/type.h"

#include "base/encoding.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "table/braces.h"

#include <stdlib.h>

static void free_data(struct table *table)
{
    free(table->data);
}

static bool static_open(struct table *table, UNUSED const struct table_context *context,
                        const char *name, struct error *error)
{
    struct slice value = slice_of(name);

    if (name[0] == '{' && !braces_strip(value, &value, error))
        return error_prefix(error, "bad static:name syntax");
    table->data = memory_text(value.data, value.length);
    return true;
}

static enum table_result static_get(struct table *table, UNUSED struct slice key,
                                    struct str *value, UNUSED struct error *error)
{
    str_text(value, table->data);
    return TABLE_FOUND;
}

const struct table_type table_type_static = {
    .name = "static", .open = static_open, .get = static_get, .close = free_data,
};

static bool nothing_to_open(UNUSED struct table *table,
                            UNUSED const struct table_context *context,
                            UNUSED const char *name, UNUSED struct error *error)
{
    return true;
}

static enum table_result fail_get(struct table *table, UNUSED struct slice key,
                                  UNUSED struct str *value, struct error *error)
{
    error_set(error, "table %s: query error: Application error", table->type_name);
    return TABLE_TROUBLE;
}

const struct table_type table_type_fail = {
    .name = "fail", .open = nothing_to_open, .get = fail_get,
};

static enum table_result environ_get(UNUSED struct table *table, struct slice key,
                                     struct str *value, UNUSED struct error *error)
{
    AUTO_FREE char *name = memory_text(key.data, key.length);
    const char *found = key.length && strlen(name) == key.length ? getenv(name) : NULL;

    if (!found)
        return TABLE_ABSENT;
    str_text(value, found);
    return TABLE_FOUND;
}

const struct table_type table_type_environ = {
    .name = "environ", .open = nothing_to_open, .get = environ_get,
};

static bool bad_inline(struct error *error, const char *what, const char *name)
{
    return error_set(error, "%s: \"inline:%s\"; need \"inline:{name=value...}\"", what, name);
}

static void inline_add(struct table *table, struct slice key, struct slice value)
{
    AUTO_STR struct str folded = STR_EMPTY;

    table_fold(table->flags, key, &folded);
    free(hash_set(table->data, str_slice(&folded), memory_text(value.data, value.length)));
}

static bool inline_open(struct table *table, UNUSED const struct table_context *context,
                        const char *name, struct error *error)
{
    struct slice inside, member;
    struct error ignored;

    table->data = hash_new();
    if (!braces_strip(slice_of(name), &inside, &ignored) || !inside.length)
        return bad_inline(error, "bad syntax", name);
    while (braces_next(&inside, &member)) {
        if (slice_starts(member, "{") && !braces_strip(member, &member, &ignored))
            return bad_inline(error, ignored.text, name);

        size_t equals = slice_find(member, '=');

        if (equals == member.length)
            return bad_inline(error, "missing '=' after attribute name", name);
        inline_add(table, slice_trim(slice_part(member, 0, equals)),
                   slice_trim(slice_from(member, equals + 1)));
    }
    return true;
}

enum table_result table_hashed_get(struct table *table, struct slice key, struct str *value,
                                   UNUSED struct error *error)
{
    const char *found = hash_get(table->data, key);

    if (!found)
        return TABLE_ABSENT;
    str_text(value, found);
    return TABLE_FOUND;
}

void table_hashed_close(struct table *table)
{
    hash_free(table->data, free);
}

const struct table_type table_type_inline = {
    .name = "inline", .open = inline_open, .get = table_hashed_get,
    .close = table_hashed_close,
};
