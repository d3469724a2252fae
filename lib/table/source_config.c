#include "table/source_config.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "config/file.h"
#include "config/main_cf.h"
#include "table/type.h"

struct source_config {
    char *name;
    struct main_cf *file;               /* NULL: in main.cf itself */
    const struct config *config;
    struct arena *arena;
};

void source_config_close(struct source_config *source)
{
    if (!source)
        return;
    main_cf_free(source->file);
    arena_free(source->arena);
    free(source->name);
    free(source);
}

static bool read_file(struct source_config *source, struct table *table,
                      const struct table_context *context, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct stat seen;

    if (stat(source->name, &seen) < 0)
        return error_system(error, "open %s", source->name);
    if (!config_file_read(source->name, &text, error)
        || !main_cf_parse(str_slice(&text), source->name, NULL, NULL, &source->file, error))
        return false;
    if (table)
        table_watch(table, context, source->name, &seen);
    return true;
}

struct source_config *source_config_open(struct table *table, const struct table_context *context,
                                         const char *name, struct error *error)
{
    struct source_config *source = memory_new(1, sizeof(*source));

    source->name = memory_copy(name);
    source->config = context->config;
    source->arena = arena_new();
    if (!strchr(name, '/') || read_file(source, table, context, error))
        return source;
    source_config_close(source);
    return NULL;
}

const char *source_config_text(struct source_config *source, const char *setting,
                               const char *otherwise)
{
    AUTO_STR struct str name = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    struct error ignored;

    if (source->file) {
        const struct main_cf_entry *entry = main_cf_get(source->file, slice_of(setting));

        return entry ? entry->value : otherwise;
    }
    str_format(&name, "%s_%s", source->name, setting);
    if (!source->config || !config_lookup(source->config, name.data, &value, &ignored))
        return otherwise;
    return arena_text(source->arena, str_slice(&value));
}

bool source_config_number(struct source_config *source, const char *setting, int64_t low,
                          int64_t high, int64_t *value, struct error *error)
{
    const char *text = source_config_text(source, setting, NULL);

    if (!text)
        return true;
    if (!slice_integer(slice_of(text), INT64_MIN, INT64_MAX, value))
        return error_set(error, "%s: bad numerical configuration: %s = %s", source->name,
                         setting, text);
    if (*value < low)
        return error_set(error, "invalid %s: %s parameter value %s < %ld", source->name, setting,
                         text, (long)low);
    if (high && *value > high)
        return error_set(error, "invalid %s: %s parameter value %s > %ld", source->name, setting,
                         text, (long)high);
    return true;
}
