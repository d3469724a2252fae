/* Making and changing hash: and btree: files (Berkeley DB). */
#include "table/maker_type.h"

#include "base/memory.h"
#include "base/scope.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>

enum { LARGEST_BUFFER = 1 << 30 };

struct berkeley {
    DB *handle;
    DBC *cursor;
};

static bool set_failure(struct error *error, int code, const char *what, const char *path)
{
    errno = code > 0 ? code : EINVAL;   /* libdb's own codes are negative */
    return error_system(error, "%s %s", what, path);
}

static bool lock(struct maker *maker, mode_t mode, int64_t deadline, struct error *error)
{
    int how = maker->flags & MAKER_READ_ONLY ? O_RDONLY
        : O_RDWR | (maker->flags & MAKER_CREATE ? O_CREAT : 0);

    maker->file = open(maker->path, how | O_CLOEXEC, mode);
    if (maker->file < 0)
        return set_failure(error, errno, "open database", maker->path);
    return maker_lock(maker, deadline, error);
}

/* A new file is empty and must be cut and made by libdb; an old one is opened as it is. */
static bool open_handle(struct maker *maker, DBTYPE kind, size_t buffer_bytes,
                        struct error *error)
{
    struct berkeley *berkeley = maker->data;
    uint32_t how = maker->flags & MAKER_READ_ONLY ? DB_RDONLY : 0;
    off_t size = lseek(maker->file, 0, SEEK_END);

    if ((maker->flags & MAKER_EMPTY) || ((maker->flags & MAKER_CREATE) && size == 0))
        how = DB_CREATE | DB_TRUNCATE;
    if (buffer_bytes > LARGEST_BUFFER)
        buffer_bytes = LARGEST_BUFFER;

    int code = db_create(&berkeley->handle, NULL, 0);

    if (code)
        return set_failure(error, code, "create database handle for", maker->path);
    code = berkeley->handle->set_cachesize(berkeley->handle, 0, (uint32_t)buffer_bytes, 0);
    if (!code)
        code = berkeley->handle->open(berkeley->handle, NULL, maker->path, NULL, kind, how, 0644);
    return code ? set_failure(error, code, "open database", maker->path) : true;
}

static bool berkeley_open(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                          DBTYPE kind, struct error *error)
{
    maker->data = memory_new(1, sizeof(struct berkeley));
    return lock(maker, mode, settings->deadline, error)
        && open_handle(maker, kind, settings->buffer_bytes, error);
}

static bool hash_open(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                      struct error *error)
{
    return berkeley_open(maker, mode, settings, DB_HASH, error);
}

static bool btree_open(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                       struct error *error)
{
    return berkeley_open(maker, mode, settings, DB_BTREE, error);
}

/* The bytes are a C string, so the NUL behind them is there to be counted. */
static DBT bytes_of(const char *text, size_t length, bool with_nul)
{
    DBT bytes = { 0 };

    memcpy(&bytes.data, &text, sizeof(text));
    bytes.size = (uint32_t)(length + (with_nul ? 1 : 0));
    return bytes;
}

static enum maker_result failed(const struct maker *maker, int code, const char *what,
                                struct error *error)
{
    set_failure(error, code, what, maker->path);
    return MAKER_FAILED;
}

static enum maker_result berkeley_put(struct maker *maker, struct slice key, struct slice value,
                                      bool replace, struct error *error)
{
    struct berkeley *berkeley = maker->data;
    bool with_nul = !(maker->flags & MAKER_WITHOUT_NUL);
    AUTO_FREE char *key_text = memory_text(key.data, key.length);
    AUTO_FREE char *value_text = memory_text(value.data, value.length);
    DBT key_bytes = bytes_of(key_text, key.length, with_nul);
    DBT value_bytes = bytes_of(value_text, value.length, with_nul);
    int code = berkeley->handle->put(berkeley->handle, NULL, &key_bytes, &value_bytes,
                                     replace ? 0 : DB_NOOVERWRITE);

    if (code == DB_KEYEXIST)
        return MAKER_DUPLICATE;
    return code ? failed(maker, code, "error writing", error) : MAKER_DONE;
}

static enum maker_result berkeley_remove(struct maker *maker, struct slice key,
                                         struct error *error)
{
    struct berkeley *berkeley = maker->data;
    AUTO_FREE char *text = memory_text(key.data, key.length);
    DBT with_nul = bytes_of(text, key.length, true);
    DBT without = bytes_of(text, key.length, false);
    int code = berkeley->handle->del(berkeley->handle, NULL, &with_nul, 0);

    if (code == DB_NOTFOUND && key.length)
        code = berkeley->handle->del(berkeley->handle, NULL, &without, 0);
    if (code == DB_NOTFOUND)
        return MAKER_ABSENT;
    return code ? failed(maker, code, "error deleting from", error) : MAKER_DONE;
}

static enum maker_result berkeley_get(struct maker *maker, struct slice key, struct str *value,
                                      struct error *error)
{
    struct berkeley *berkeley = maker->data;
    AUTO_FREE char *text = memory_text(key.data, key.length);
    DBT with_nul = bytes_of(text, key.length, true), found = { 0 };
    DBT without = bytes_of(text, key.length, false);
    int code = berkeley->handle->get(berkeley->handle, NULL, &with_nul, &found, 0);

    if (code == DB_NOTFOUND && key.length)
        code = berkeley->handle->get(berkeley->handle, NULL, &without, &found, 0);
    if (code == DB_NOTFOUND)
        return MAKER_ABSENT;
    if (code)
        return failed(maker, code, "error reading", error);
    maker_set_text(value, found.data, found.size);
    return MAKER_DONE;
}

/* The cursor keeps its place when the entry that it stands on is deleted. */
static enum maker_result berkeley_next(struct maker *maker, bool first, struct str *key,
                                       struct str *value, struct error *error)
{
    struct berkeley *berkeley = maker->data;
    DBT key_bytes = { 0 }, value_bytes = { 0 };
    int code = 0;

    if (first && berkeley->cursor) {
        berkeley->cursor->close(berkeley->cursor);
        berkeley->cursor = NULL;
    }
    if (!berkeley->cursor)
        code = berkeley->handle->cursor(berkeley->handle, NULL, &berkeley->cursor, 0);
    if (!code)
        code = berkeley->cursor->get(berkeley->cursor, &key_bytes, &value_bytes, DB_NEXT);
    if (code == DB_NOTFOUND)
        return MAKER_ABSENT;
    if (code)
        return failed(maker, code, "error reading", error);
    maker_set_text(key, key_bytes.data, key_bytes.size);
    maker_set_text(value, value_bytes.data, value_bytes.size);
    return MAKER_DONE;
}

static bool berkeley_sync(struct maker *maker, struct error *error)
{
    struct berkeley *berkeley = maker->data;
    int code = berkeley->handle->sync(berkeley->handle, 0);

    if (!code && fsync(maker->file) < 0)
        code = errno;
    return code ? set_failure(error, code, "write database", maker->path) : true;
}

static bool berkeley_close(struct maker *maker, bool finish, struct error *error)
{
    struct berkeley *berkeley = maker->data;
    bool good = true;

    if (berkeley->cursor)
        berkeley->cursor->close(berkeley->cursor);
    if (finish && !(maker->flags & MAKER_READ_ONLY))
        good = berkeley_sync(maker, error);

    int code = berkeley->handle ? berkeley->handle->close(berkeley->handle, 0) : 0;

    if (good && code)
        good = set_failure(error, code, "close database", maker->path);
    free(berkeley);
    return good;
}

#define BERKELEY_CALLS                                                              \
    .suffix = ".db", .shown_prefix = "", .shown_suffix = ".db",                     \
    .put = berkeley_put, .remove = berkeley_remove,                \
    .get = berkeley_get, .next = berkeley_next, .sync = berkeley_sync, .close = berkeley_close

const struct maker_type maker_type_hash = { .name = "hash", .open = hash_open, BERKELEY_CALLS };
const struct maker_type maker_type_btree = { .name = "btree", .open = btree_open, BERKELEY_CALLS };
