/*
 * lmdb: and cdb: tables (lmdb_table(5), CDB_README), read as lib/table/compile.h makes them.
 *
 * A file that has taken the place of the one that was opened is seen with the next lookup; what
 * is changed within an lmdb file is seen because each lookup is a transaction of its own.
 */
#include "table/type.h"

#include "base/memory.h"
#include "config/config.h"
#include "log/log.h"
#include "table/compile.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { DEFAULT_MAP_BYTES = 16777216, SOURCE_GRACE_SECONDS = 100 };

struct compiled {
    pthread_mutex_t mutex;
    struct slice kind;
    char *name;             /* of the source */
    struct maker_settings settings;
    struct maker *maker;
    struct stat seen;
};

static bool open_file(struct compiled *compiled, struct error *error)
{
    struct maker *maker = maker_open(compiled->kind, compiled->name,
                                     MAKER_READ_ONLY | MAKER_BRIEF, 0, &compiled->settings,
                                     error);

    if (!maker)
        return false;
    maker_free(compiled->maker);
    compiled->maker = maker;
    return maker_stat(maker, &compiled->seen, error);
}

/* A name that cannot be seen (from within a jail, or while it is replaced) changes nothing. */
static bool have_current(struct compiled *compiled, struct error *error)
{
    struct stat now;

    if (stat(maker_path(compiled->maker), &now) < 0
        || (now.st_ino == compiled->seen.st_ino && now.st_dev == compiled->seen.st_dev))
        return true;
    return open_file(compiled, error);
}

static enum table_result compiled_get(struct table *table, struct slice key, struct str *value,
                                      struct error *error)
{
    struct compiled *compiled = table->data;
    enum maker_result result = MAKER_FAILED;

    pthread_mutex_lock(&compiled->mutex);
    if (have_current(compiled, error))
        result = maker_get(compiled->maker, key, value, error);
    pthread_mutex_unlock(&compiled->mutex);
    return result == MAKER_DONE ? TABLE_FOUND
        : result == MAKER_ABSENT ? TABLE_ABSENT : TABLE_TROUBLE;
}

static void compiled_close(struct table *table)
{
    struct compiled *compiled = table->data;

    maker_free(compiled->maker);
    pthread_mutex_destroy(&compiled->mutex);
    free(compiled->name);
    free(compiled);
}

static void warn_if_older(const struct compiled *compiled)
{
    struct stat source;

    if (stat(compiled->name, &source) == 0 && source.st_mtime > compiled->seen.st_mtime
        && source.st_mtime < time(NULL) - SOURCE_GRACE_SECONDS)
        log_warn("database %s is older than source file %s", maker_path(compiled->maker),
                 compiled->name);
}

static bool compiled_open(struct table *table, const struct table_context *context,
                          const char *name, struct error *error)
{
    struct compiled *compiled = memory_new(1, sizeof(*compiled));

    table->data = compiled;
    compiled->kind = slice_of(table->type->name);
    compiled->name = memory_copy(name);
    compiled->settings.map_bytes = context->config ? (size_t)context->config->lmdb_map_size
        : DEFAULT_MAP_BYTES;
    pthread_mutex_init(&compiled->mutex, NULL);
    if (!open_file(compiled, error))
        return false;
    warn_if_older(compiled);
    if (context->file_read)
        context->file_read(context->argument, maker_path(compiled->maker));
    return true;
}

const struct table_type table_type_lmdb = {
    .name = "lmdb", .open = compiled_open, .get = compiled_get, .close = compiled_close,
};

const struct table_type table_type_cdb = {
    .name = "cdb", .suffix = ".cdb",
    .open = compiled_open, .get = compiled_get, .close = compiled_close,
};
