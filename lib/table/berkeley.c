/*
 * hash: and btree: tables (Berkeley DB), as Debian's postmap writes them.
 *
 * libdb with DB_THREAD or an environment is slower and not clean under the thread sanitizer;
 * so there is one plain handle for each table behind our mutex.  postmap rewrites
 * the file in place under an exclusive flock: with each lookup we take the shared
 * lock, and open the handle anew when the file is no longer the one that was opened.
 */
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <time.h>

enum {
    /* A state younger than this may be followed by another with the same time stamp. */
    YOUNG_MILLISECONDS = 50,
    READ_BUFFER_BYTES = 131072,     /* berkeley_db_read_buffer_size */
};

enum nul_use { NUL_UNKNOWN, NUL_USED, NUL_NOT_USED };

struct berkeley {
    pthread_mutex_t mutex;
    char *path;             /* of the .db file */
    DBTYPE kind;
    DB *handle;
    int file;               /* what is locked; the same file as the handle's */
    struct stat seen;
    bool young;
    enum nul_use nul_use;
};

static int open_handle(struct berkeley *berkeley)
{
    int code = db_create(&berkeley->handle, NULL, 0);

    if (code)
        return code;
    berkeley->handle->set_errfile(berkeley->handle, NULL);
    code = berkeley->handle->set_cachesize(berkeley->handle, 0, READ_BUFFER_BYTES, 0);
    if (!code)
        code = berkeley->handle->open(berkeley->handle, NULL, berkeley->path, NULL, berkeley->kind,
                                      DB_RDONLY, 0);
    if (code) {
        berkeley->handle->close(berkeley->handle, 0);
        berkeley->handle = NULL;
    }
    return code;
}

static void close_all(struct berkeley *berkeley)
{
    if (berkeley->handle)
        berkeley->handle->close(berkeley->handle, 0);
    if (berkeley->file >= 0)
        close(berkeley->file);
    berkeley->handle = NULL;
    berkeley->file = -1;
}

static bool is_young(const struct stat *seen)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);

    int64_t age = (now.tv_sec - seen->st_mtim.tv_sec) * 1000
        + (now.tv_nsec - seen->st_mtim.tv_nsec) / 1000000;

    return age < YOUNG_MILLISECONDS;
}

static bool lock_shared(int file)
{
    while (flock(file, LOCK_SH) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

static bool open_failed(struct berkeley *berkeley, int code, struct error *error)
{
    close_all(berkeley);
    errno = code > 0 ? code : EINVAL;   /* libdb's own codes are negative */
    (void)error_system(error, "open database %s", berkeley->path);
    return false;
}

/* Open the file and the handle; the file is locked after true. */
static bool open_locked(struct berkeley *berkeley, struct error *error)
{
    close_all(berkeley);
    berkeley->file = open(berkeley->path, O_RDONLY | O_CLOEXEC);
    if (berkeley->file < 0)
        return open_failed(berkeley, errno, error);
    if (!lock_shared(berkeley->file) || fstat(berkeley->file, &berkeley->seen) < 0)
        return open_failed(berkeley, errno, error);
    berkeley->young = is_young(&berkeley->seen);
    berkeley->nul_use = NUL_UNKNOWN;

    int code = open_handle(berkeley);

    return code ? open_failed(berkeley, code, error) : true;
}

/* Under the mutex: lock the file, and have the handle of what is in it now. */
static bool lock_current(struct berkeley *berkeley, struct error *error)
{
    struct stat now;

    if (!berkeley->handle)
        return open_locked(berkeley, error);
    if (!lock_shared(berkeley->file) || fstat(berkeley->file, &now) < 0)
        return error_system(error, "lock database %s", berkeley->path);
    if (!berkeley->young && now.st_nlink && !table_file_differs(&now, &berkeley->seen))
        return true;
    return open_locked(berkeley, error);
}

static void unlock(struct berkeley *berkeley)
{
    if (berkeley->file >= 0)
        flock(berkeley->file, LOCK_UN);
}

static int get_bytes(struct berkeley *berkeley, const char *key, size_t length, struct str *value)
{
    DBT asked = { 0 }, found = { 0 };
    int code;

    memcpy(&asked.data, &key, sizeof(key));
    asked.size = (uint32_t)length;
    code = berkeley->handle->get(berkeley->handle, NULL, &asked, &found, 0);
    if (code == 0) {
        str_bytes(value, found.data, found.size);
        if (value->length && value->data[value->length - 1] == '\0')
            str_cut(value, value->length - 1);
    }
    return code;
}

/* Keys may stand there with a NUL behind (the usual way) or without; the first hit tells. */
static int get_either(struct berkeley *berkeley, struct slice key, struct str *value)
{
    AUTO_FREE char *text = memory_text(key.data, key.length);
    int code = DB_NOTFOUND;

    if (berkeley->nul_use != NUL_NOT_USED) {
        code = get_bytes(berkeley, text, key.length + 1, value);
        if (code == 0)
            berkeley->nul_use = NUL_USED;
    }
    if (code == DB_NOTFOUND && berkeley->nul_use != NUL_USED && key.length) {
        code = get_bytes(berkeley, text, key.length, value);
        if (code == 0)
            berkeley->nul_use = NUL_NOT_USED;
    }
    return code;
}

static enum table_result berkeley_get(struct table *table, struct slice key, struct str *value,
                                      struct error *error)
{
    struct berkeley *berkeley = table->data;
    int code = 0;

    pthread_mutex_lock(&berkeley->mutex);

    bool locked = lock_current(berkeley, error);

    if (locked) {
        code = get_either(berkeley, key, value);
        unlock(berkeley);
    }
    pthread_mutex_unlock(&berkeley->mutex);
    if (!locked)
        return TABLE_TROUBLE;
    if (code == 0)
        return TABLE_FOUND;
    if (code == DB_NOTFOUND || code == DB_KEYEMPTY)
        return TABLE_ABSENT;
    error_code(error, code > 0 ? code : EIO, "error reading %s: %s", berkeley->path,
               db_strerror(code));
    return TABLE_TROUBLE;
}

static void berkeley_close(struct table *table)
{
    struct berkeley *berkeley = table->data;

    close_all(berkeley);
    pthread_mutex_destroy(&berkeley->mutex);
    free(berkeley->path);
    free(berkeley);
}

static void warn_if_older(const struct berkeley *berkeley, const char *name)
{
    struct stat source;

    if (stat(name, &source) == 0 && source.st_mtime > berkeley->seen.st_mtime
        && source.st_mtime < time(NULL) - 100)
        log_warn("database %s is older than source file %s", berkeley->path, name);
}

static bool berkeley_open(struct table *table, const struct table_context *context,
                          const char *name, DBTYPE kind, struct error *error)
{
    struct berkeley *berkeley = memory_new(1, sizeof(*berkeley));
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s.db", name);
    berkeley->path = str_take(&path);
    berkeley->kind = kind;
    berkeley->file = -1;
    pthread_mutex_init(&berkeley->mutex, NULL);
    table->data = berkeley;
    if (!open_locked(berkeley, error))
        return false;
    unlock(berkeley);
    warn_if_older(berkeley, name);
    if (context->file_read)
        context->file_read(context->argument, berkeley->path);
    return true;
}

static bool hash_open(struct table *table, const struct table_context *context, const char *name,
                      struct error *error)
{
    return berkeley_open(table, context, name, DB_HASH, error);
}

static bool btree_open(struct table *table, const struct table_context *context,
                       const char *name, struct error *error)
{
    return berkeley_open(table, context, name, DB_BTREE, error);
}

const struct table_type table_type_hash = {
    .name = "hash", .suffix = ".db",
    .open = hash_open, .get = berkeley_get, .close = berkeley_close,
};

const struct table_type table_type_btree = {
    .name = "btree", .suffix = ".db",
    .open = btree_open, .get = berkeley_get, .close = berkeley_close,
};
