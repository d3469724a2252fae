/* Stores in files: hash:, btree:, lmdb:. */
#include "table/store_type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "table/compile.h"

#include <errno.h>
#include <unistd.h>

enum { DEFAULT_MAP_BYTES = 16777216, BUFFER_BYTES = 131072, FILE_MODE = 0600 };

static bool is_writable_type(struct slice type)
{
    return maker_knows(type) && !slice_is(type, "cdb");
}

/* As root the file would be out of reach for those who serve it without privileges. */
static bool become_owner(const char *path)
{
    AUTO_STR struct str folder = STR_EMPTY;
    size_t slash = slice_find_last(slice_of(path), '/');
    struct stat seen;

    if (geteuid() != 0 || slash == strlen(path))
        return false;
    str_add(&folder, slice_part(slice_of(path), 0, slash + 1));
    return stat(folder.data, &seen) == 0 && seen.st_uid != 0 && setegid(seen.st_gid) == 0
        && seteuid(seen.st_uid) == 0;
}

static void become_root(void)
{
    if (seteuid(0) < 0 || setegid(0) < 0)
        abort();    /* what comes next counts on it */
}

static bool file_open(struct store *store, const struct table_context *context,
                      const char *type_name, int64_t deadline, struct error *error)
{
    struct slice whole = slice_of(type_name);
    size_t colon = slice_find(whole, ':');
    struct slice type = slice_part(whole, 0, colon);
    const char *path = type_name + colon + (colon < whole.length);
    const struct maker_settings settings = {
        .buffer_bytes = BUFFER_BYTES, .deadline = deadline,
        .map_bytes = context->config ? (size_t)context->config->lmdb_map_size : DEFAULT_MAP_BYTES,
    };

    if (!*path)
        return error_set(error, "open dictionary: expecting \"type:name\" form instead of \"%s\"",
                         type_name);
    if (!is_writable_type(type))
        return error_set(error, "table %s: update operation is not supported", type_name);

    bool owner = become_owner(path);

    store->data = maker_open(type, path, MAKER_CREATE | MAKER_BRIEF, FILE_MODE, &settings, error);
    if (owner)
        become_root();
    if (!store->data && error->code == EWOULDBLOCK)
        error_code(error, EWOULDBLOCK, "%s: unable to get exclusive lock: %s", type_name,
                   strerror(EWOULDBLOCK));
    return store->data != NULL;
}

static enum table_result result_of(enum maker_result result)
{
    return result == MAKER_DONE ? TABLE_FOUND
        : result == MAKER_ABSENT ? TABLE_ABSENT : TABLE_TROUBLE;
}

static enum table_result file_get(struct store *store, struct slice key, struct str *value,
                                  struct error *error)
{
    return result_of(maker_get(store->data, key, value, error));
}

static bool file_put(struct store *store, struct slice key, struct slice value,
                     struct error *error)
{
    return maker_put(store->data, key, value, true, error) == MAKER_DONE
        && maker_sync(store->data, error);
}

static enum table_result file_remove(struct store *store, struct slice key, struct error *error)
{
    return result_of(maker_delete(store->data, key, error));
}

static enum table_result file_next(struct store *store, bool first, struct str *key,
                                   struct str *value, struct error *error)
{
    return result_of(maker_next(store->data, first, key, value, error));
}

static void file_close(struct store *store)
{
    maker_free(store->data);
}

const struct store_type store_type_file = {
    .open = file_open, .get = file_get, .put = file_put, .remove = file_remove,
    .next = file_next, .close = file_close,
};
