#include "table/compile.h"

#include "base/memory.h"
#include "base/scope.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

enum { LARGEST_BUFFER = 1 << 30 };

struct maker {
    char *path;
    DB *handle;
    DBC *cursor;
    int file;           /* holds the lock */
    bool without_nul;
    bool read_only;
};

bool maker_knows(struct slice type)
{
    return slice_is(type, "hash") || slice_is(type, "btree");
}

const char *maker_path(const struct maker *maker)
{
    return maker->path;
}

static bool set_failure(struct error *error, int code, const char *what, const char *path)
{
    errno = code > 0 ? code : EINVAL;   /* libdb's own codes are negative */
    return error_system(error, "%s %s", what, path);
}

static void give_up(struct maker *maker)
{
    if (maker->handle)
        maker->handle->close(maker->handle, 0);
    if (maker->file >= 0)
        close(maker->file);
    free(maker->path);
    free(maker);
}

static bool lock(struct maker *maker, unsigned flags, mode_t mode, struct error *error)
{
    int how = flags & MAKER_READ_ONLY ? O_RDONLY : O_RDWR | (flags & MAKER_CREATE ? O_CREAT : 0);

    maker->file = open(maker->path, how | O_CLOEXEC, mode);
    if (maker->file < 0)
        return set_failure(error, errno, "open database", maker->path);
    while (flock(maker->file, flags & MAKER_READ_ONLY ? LOCK_SH : LOCK_EX) < 0)
        if (errno != EINTR)
            return set_failure(error, errno, "lock database", maker->path);
    return true;
}

/* A new file is empty and must be cut and made by libdb; an old one is opened as it is. */
static bool open_handle(struct maker *maker, DBTYPE kind, unsigned flags, size_t buffer_bytes,
                        struct error *error)
{
    uint32_t how = flags & MAKER_READ_ONLY ? DB_RDONLY : 0;
    off_t size = lseek(maker->file, 0, SEEK_END);

    if ((flags & MAKER_EMPTY) || ((flags & MAKER_CREATE) && size == 0))
        how = DB_CREATE | DB_TRUNCATE;
    if (buffer_bytes > LARGEST_BUFFER)
        buffer_bytes = LARGEST_BUFFER;

    int code = db_create(&maker->handle, NULL, 0);

    if (code)
        return set_failure(error, code, "create database handle for", maker->path);
    code = maker->handle->set_cachesize(maker->handle, 0, (uint32_t)buffer_bytes, 0);
    if (!code)
        code = maker->handle->open(maker->handle, NULL, maker->path, NULL, kind, how, 0644);
    return code ? set_failure(error, code, "open database", maker->path) : true;
}

struct maker *maker_open(struct slice type, const char *path, unsigned flags, mode_t mode,
                         size_t buffer_bytes, struct error *error)
{
    struct maker *maker = memory_new(1, sizeof(*maker));
    AUTO_STR struct str name = STR_EMPTY;

    str_format(&name, "%s.db", path);
    maker->path = str_take(&name);
    maker->file = -1;
    maker->without_nul = (flags & MAKER_WITHOUT_NUL) != 0;
    maker->read_only = (flags & MAKER_READ_ONLY) != 0;
    if (lock(maker, flags, mode, error)
        && open_handle(maker, slice_is(type, "btree") ? DB_BTREE : DB_HASH, flags, buffer_bytes,
                       error))
        return maker;
    give_up(maker);
    return NULL;
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

enum maker_result maker_put(struct maker *maker, struct slice key, struct slice value,
                            bool replace, struct error *error)
{
    AUTO_FREE char *key_text = memory_text(key.data, key.length);
    AUTO_FREE char *value_text = memory_text(value.data, value.length);
    DBT key_bytes = bytes_of(key_text, key.length, !maker->without_nul);
    DBT value_bytes = bytes_of(value_text, value.length, !maker->without_nul);
    int code = maker->handle->put(maker->handle, NULL, &key_bytes, &value_bytes,
                                  replace ? 0 : DB_NOOVERWRITE);

    if (code == DB_KEYEXIST)
        return MAKER_DUPLICATE;
    return code ? failed(maker, code, "error writing", error) : MAKER_DONE;
}

enum maker_result maker_delete(struct maker *maker, struct slice key, struct error *error)
{
    AUTO_FREE char *text = memory_text(key.data, key.length);
    DBT with_nul = bytes_of(text, key.length, true);
    DBT without = bytes_of(text, key.length, false);
    int code = maker->handle->del(maker->handle, NULL, &with_nul, 0);

    if (code == DB_NOTFOUND && key.length)
        code = maker->handle->del(maker->handle, NULL, &without, 0);
    if (code == DB_NOTFOUND)
        return MAKER_ABSENT;
    return code ? failed(maker, code, "error deleting from", error) : MAKER_DONE;
}

static void set_text(struct str *text, const DBT *bytes)
{
    struct slice found = slice_bytes(bytes->data, bytes->size);

    if (found.length && found.data[found.length - 1] == '\0')
        found.length--;
    str_set(text, found);
}

enum maker_result maker_next(struct maker *maker, struct str *key, struct str *value,
                             struct error *error)
{
    DBT key_bytes = { 0 }, value_bytes = { 0 };
    int code = maker->cursor ? 0 : maker->handle->cursor(maker->handle, NULL, &maker->cursor, 0);

    if (!code)
        code = maker->cursor->get(maker->cursor, &key_bytes, &value_bytes, DB_NEXT);
    if (code == DB_NOTFOUND)
        return MAKER_ABSENT;
    if (code)
        return failed(maker, code, "error reading", error);
    set_text(key, &key_bytes);
    set_text(value, &value_bytes);
    return MAKER_DONE;
}

bool maker_close(struct maker *maker, struct error *error)
{
    int code = 0;

    if (maker->cursor)
        maker->cursor->close(maker->cursor);
    if (!maker->read_only)
        code = maker->handle->sync(maker->handle, 0);
    if (!code && !maker->read_only && fsync(maker->file) < 0)
        code = errno;

    int close_code = maker->handle->close(maker->handle, 0);

    maker->handle = NULL;
    if (!code)
        code = close_code;

    bool good = code ? set_failure(error, code, "close database", maker->path) : true;

    give_up(maker);
    return good;
}
