#include "table/type.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "table/dynamic.h"
#include "table/fold.h"

#include <sys/stat.h>

enum { LOOK_AGAIN_MILLISECONDS = 1000 };

/* Sorted by name, as postconf -m prints them. */
static const struct table_type *const types[] = {
    &table_type_btree, &table_type_cdb, &table_type_cidr, &table_type_environ,
    &table_type_fail, &table_type_hash, &table_type_inline, &table_type_internal,
    &table_type_lmdb, &table_type_memcache, &table_type_pcre, &table_type_pipemap,
    &table_type_proxy, &table_type_randmap, &table_type_regexp, &table_type_socketmap,
    &table_type_static, &table_type_tcp, &table_type_texthash, &table_type_unionmap,
    &table_type_unix,
};

const char *const *table_types(void)
{
    static const char *const names[] = {
        "btree", "cdb", "cidr", "environ", "fail", "hash", "inline", "internal", "lmdb",
        "memcache", "pcre", "pipemap", "proxy", "randmap", "regexp", "socketmap", "static", "tcp",
        "texthash", "unionmap", "unix", NULL,
    };

    _Static_assert(COUNT(names) == COUNT(types) + 1, "a name for each type");
    return names;
}

static const struct table_type *find_type(struct slice name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (slice_is(name, types[i]->name))
            return types[i];
    return NULL;
}

bool table_type_is_pattern(struct slice type)
{
    const struct table_type *found = find_type(type);

    return found && found->pattern;
}

struct table_context table_context_of(const struct config *config, const char *queue_directory)
{
    return (struct table_context){
        .queue_directory = queue_directory,
        .default_type = config->default_database_type,
        .proxymap_service = config->proxymap_service_name,
        .proxywrite_service = config->proxywrite_service_name,
        .config = config,
    };
}

/* "type:name" taken apart; a bare name has the default type, as in Postfix. */
static bool split_name(const struct table_context *context, struct slice type_name,
                       struct slice *type, struct slice *name, struct error *error)
{
    size_t colon = slice_find(type_name, ':');

    if (colon == type_name.length) {
        *type = slice_of(context->default_type);
        *name = type_name;
        if (type->length && name->length)
            return true;
        return error_set(error, "open dictionary: expecting \"type:name\" form instead of "
                         "\"%.*s:%.*s\"", SLICE_ARGS(*type), SLICE_ARGS(*name));
    } else {
        *type = slice_part(type_name, 0, colon);
        *name = slice_from(type_name, colon + 1);
        if (type->length && name->length)
            return true;
    }
    return error_set(error, "open dictionary: expecting \"type:name\" form instead of \"%.*s\"",
                     SLICE_ARGS(type_name));
}

static struct table *open_type(const struct table_context *context,
                               const struct table_type *type, struct slice name,
                               unsigned flags, struct error *error)
{
    struct table *table = memory_new(1, sizeof(*table));
    AUTO_STR struct str type_name = STR_EMPTY;

    str_format(&type_name, "%s:", type->name);

    size_t name_at = type_name.length;

    str_add(&type_name, name);
    table->type = type;
    table->flags = flags;
    table->type_name = str_take(&type_name);
    if (type->open(table, context, table->type_name + name_at, error))
        return table;
    table_close(table);
    return NULL;
}

struct table *table_open(const struct table_context *context, struct slice type_name,
                         unsigned flags, struct error *error)
{
    struct slice type_word, name;

    if (!split_name(context, type_name, &type_word, &name, error))
        return NULL;
    if (slice_is(type_word, "proxy") && (flags & TABLE_NO_PROXY))
        return table_open(context, name, flags, error);

    const struct table_type *type = find_type(type_word);

    if (!type) {
        dynamic_refuse(context, type_word, error);
        return NULL;
    }
    return open_type(context, type, name, flags, error);
}

void table_close(struct table *table)
{
    if (!table)
        return;
    if (table->data && table->type->close)
        table->type->close(table);
    free(table->file.path);
    free(table->type_name);
    free(table);
}

const char *table_name(const struct table *table)
{
    return table->type_name;
}

bool table_is_pattern(const struct table *table)
{
    return table->type->pattern;
}

void table_fold(unsigned flags, struct slice key, struct str *folded)
{
    if (!(flags & TABLE_FOLD))
        str_add(folded, key);
    else if (flags & TABLE_ASCII)
        fold_ascii(folded, key);
    else
        fold_text(folded, key);
}

static const char *suffix_of(const struct table *table)
{
    return table->type->suffix ? table->type->suffix : "";
}

static enum table_result refuse_value(const struct table *table, struct slice key,
                                      const struct str *value, struct error *error)
{
    AUTO_STR struct str shown_key = STR_EMPTY;
    AUTO_STR struct str shown = STR_EMPTY;

    printable_text(&shown_key, key);
    printable_text(&shown, str_slice(value));
    log_warn("%s%s: key \"%s\": non-UTF-8 value \"%s\": malformed UTF-8 or invalid codepoint",
             table->type_name, suffix_of(table), shown_key.data, shown.data);
    error_set(error, "table %s%s: query error", table->type_name, suffix_of(table));
    return TABLE_TROUBLE;
}

static bool key_is_good(const struct table *table, struct slice key)
{
    AUTO_STR struct str shown = STR_EMPTY;

    if (!(table->flags & TABLE_UTF8) || text_is_utf8(key))
        return true;
    printable_text(&shown, key);
    log_warn("%s%s: non-UTF-8 key \"%s\": malformed UTF-8 or invalid codepoint",
             table->type_name, suffix_of(table), shown.data);
    return false;
}

enum table_result table_get_part(struct table *table, struct slice key, struct str *value,
                                 struct error *error)
{
    AUTO_STR struct str folded = STR_EMPTY;
    struct slice asked = key;

    str_clear(value);
    if (!key_is_good(table, key))
        return TABLE_ABSENT;
    if ((table->flags & TABLE_FOLD) && !table->type->pattern && !table->type->keeps_key) {
        table_fold(table->flags, key, &folded);
        asked = str_slice(&folded);
    }

    enum table_result result = table->type->get(table, asked, value, error);

    if (result == TABLE_FOUND && (table->flags & TABLE_UTF8) && !text_is_utf8(str_slice(value)))
        return refuse_value(table, key, value, error);
    return result;
}

enum table_result table_get(struct table *table, struct slice key, struct str *value,
                            struct error *error)
{
    enum table_result result = table_get_part(table, key, value, error);

    if (result == TABLE_FOUND && !value->length) {
        log_warn("table %s: key %.*s: empty string result is not allowed", table->type_name,
                 SLICE_ARGS(key));
        log_warn("table %s should return NO RESULT in case of NOT FOUND", table->type_name);
    }
    return result;
}

void table_watch(struct table *table, const struct table_context *context, const char *path,
                 const struct stat *seen)
{
    table->file.path = memory_copy(path);
    table->file.seen = *seen;
    if (context->file_read)
        context->file_read(context->argument, path);
}

bool table_file_differs(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size
        || a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* A file that is gone has not changed: it is about to be replaced, and the old one serves on. */
static bool look_at_file(struct table *table)
{
    struct stat now;

    if (table->type->has_changed)
        return table->type->has_changed(table);
    if (!table->file.path || stat(table->file.path, &now) < 0)
        return false;
    return table_file_differs(&now, &table->file.seen);
}

bool table_has_changed(struct table *table)
{
    int64_t now = moment_now();

    if (!table->changed && now >= table->look_again) {
        table->look_again = now + LOOK_AGAIN_MILLISECONDS;
        table->changed = look_at_file(table);
    }
    return table->changed;
}

static enum table_result broken_get(struct table *table, UNUSED struct slice key,
                                    UNUSED struct str *value, struct error *error)
{
    error_set(error, "%s is unavailable. %s", table->type_name, (const char *)table->data);
    log_warn("%s", error->text);
    return TABLE_TROUBLE;
}

static void broken_close(struct table *table)
{
    free(table->data);
}

/* A table that answers TABLE_TROUBLE with the reason for every key. */
static struct table *broken_table(const char *type_name, const char *reason)
{
    static const struct table_type broken = {
        .name = "broken", .get = broken_get, .close = broken_close,
    };
    struct table *table = memory_new(1, sizeof(*table));

    table->type = &broken;
    table->type_name = memory_copy(type_name);
    table->data = memory_copy(reason);
    return table;
}

struct table *table_open_or_broken(const struct table_context *context, struct slice name,
                                   unsigned flags)
{
    struct error error = ERROR_NONE;
    struct table *table = table_open(context, name, flags, &error);
    AUTO_FREE char *text = memory_text(name.data, name.length);

    if (table)
        return table;
    if (context->config && context->config->daemon_table_open_error_is_fatal)
        log_fatal("%s", error.text);
    log_error("%s", error.text);
    return broken_table(text, error.text);
}

void table_service_path(const struct table_context *context, const char *service,
                        struct str *path)
{
    struct stat here, queue;

    if (!context->queue_directory[0] || (stat(".", &here) == 0
        && stat(context->queue_directory, &queue) == 0 && here.st_ino == queue.st_ino
        && here.st_dev == queue.st_dev))
        str_format(path, "private/%s", service);
    else
        str_format(path, "%s/private/%s", context->queue_directory, service);
}
