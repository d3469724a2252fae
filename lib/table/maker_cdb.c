/*
 * cdb: files, made and read (tinycdb).  A cdb is never changed: a new one is made beside the old
 * under FILE.cdb.tmp, whose flock keeps other makers out, and takes its name when it is whole.
 */
#include "table/maker_type.h"

#include "base/memory.h"
#include "base/scope.h"

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct database {
    bool reads;
    struct cdb found;
    struct cdb_make made;
    char *new_path;
};

static bool cdb_open_old(struct maker *maker, struct error *error)
{
    struct database *database = maker->data;

    maker->file = open(maker->path, O_RDONLY | O_CLOEXEC);
    if (maker->file < 0)
        return error_system(error, "open database %s", maker->path);
    if (cdb_init(&database->found, maker->file) < 0)
        return error_system(error, "dict_cdbq_open: unable to init %s", maker->path);
    database->reads = true;
    return true;
}

/* True when the file that was locked still bears the name: its maker may have given it away. */
static bool is_current(const struct maker *maker, const char *path)
{
    struct stat held, named;

    return fstat(maker->file, &held) == 0 && stat(path, &named) == 0
        && held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static bool cdb_open_new(struct maker *maker, mode_t mode, int64_t deadline, struct error *error)
{
    struct database *database = maker->data;
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s.tmp", maker->path);
    database->new_path = str_take(&path);
    do {
        if (maker->file >= 0)
            close(maker->file);
        maker->file = open(database->new_path, O_RDWR | O_CREAT | O_CLOEXEC, mode);
        if (maker->file < 0)
            return error_system(error, "open database %s", database->new_path);
        if (!maker_lock(maker, deadline, error))
            return false;
    } while (!is_current(maker, database->new_path));
    if (ftruncate(maker->file, 0) < 0 || cdb_make_start(&database->made, maker->file) < 0)
        return error_system(error, "initialize database %s", database->new_path);
    return true;
}

static bool cdb_open(struct maker *maker, mode_t mode, const struct maker_settings *settings,
                     struct error *error)
{
    maker->data = memory_new(1, sizeof(struct database));
    if (maker->flags & MAKER_READ_ONLY)
        return cdb_open_old(maker, error);
    if (maker->flags & MAKER_EMPTY)
        return cdb_open_new(maker, mode, settings->deadline, error);
    return error_set(error, "dict_cdb_open: inappropriate open flags for cdb database - "
                     "specify O_RDONLY or O_WRONLY|O_CREAT|O_TRUNC");
}

static enum maker_result cdb_put_entry(struct maker *maker, struct slice key, struct slice value,
                                       bool replace, struct error *error)
{
    struct database *database = maker->data;
    unsigned more = maker->flags & MAKER_WITH_NUL ? 1 : 0;
    AUTO_FREE char *key_text = memory_text(key.data, key.length);
    AUTO_FREE char *value_text = memory_text(value.data, value.length);
    int code = cdb_make_put(&database->made, key_text, (unsigned)key.length + more, value_text,
                            (unsigned)value.length + more,
                            replace ? CDB_PUT_REPLACE : CDB_PUT_INSERT);

    if (code > 0 && !replace)
        return MAKER_DUPLICATE;
    if (code >= 0)
        return MAKER_DONE;
    error_system(error, "error writing %s", database->new_path);
    return MAKER_FAILED;
}

static enum maker_result cdb_remove(struct maker *maker, UNUSED struct slice key,
                                    struct error *error)
{
    error_set(error, "table cdb:%s: delete operation is not supported", maker->path);
    return MAKER_FAILED;
}

static int find(struct database *database, const char *key, size_t length, struct str *value)
{
    int code = cdb_find(&database->found, key, (unsigned)length);

    if (code > 0) {
        unsigned size = cdb_datalen(&database->found);
        const void *bytes = cdb_getdata(&database->found);

        if (!bytes)
            return -1;
        maker_set_text(value, bytes, size);
    }
    return code;
}

static enum maker_result cdb_get_entry(struct maker *maker, struct slice key, struct str *value,
                                       struct error *error)
{
    struct database *database = maker->data;
    AUTO_FREE char *text = memory_text(key.data, key.length);
    int code = find(database, text, key.length + 1, value);

    if (code == 0)
        code = find(database, text, key.length, value);
    if (code >= 0)
        return code ? MAKER_DONE : MAKER_ABSENT;
    error_system(error, "error reading %s", maker->path);
    return MAKER_FAILED;
}

static enum maker_result cdb_next(struct maker *maker, UNUSED bool first,
                                  UNUSED struct str *key, UNUSED struct str *value,
                                  struct error *error)
{
    error_set(error, "table cdb:%s: sequence operation is not supported", maker->path);
    return MAKER_FAILED;
}

static bool finish_new(struct maker *maker, struct error *error)
{
    struct database *database = maker->data;

    if (cdb_make_finish(&database->made) < 0 || fsync(maker->file) < 0)
        return error_system(error, "finish database %s", database->new_path);
    if (rename(database->new_path, maker->path) < 0)
        return error_system(error, "rename database from %s to %s", database->new_path,
                            maker->path);
    return true;
}

static bool cdb_close(struct maker *maker, bool finish, struct error *error)
{
    struct database *database = maker->data;
    bool good = true;

    if (database->reads)
        cdb_free(&database->found);
    else if (finish)
        good = finish_new(maker, error);
    free(database->new_path);
    free(database);
    return good;
}

const struct maker_type maker_type_cdb = {
    .name = "cdb", .suffix = ".cdb", .shown_prefix = "", .shown_suffix = "",
    .open = cdb_open, .put = cdb_put_entry, .remove = cdb_remove,
    .get = cdb_get_entry, .next = cdb_next, .close = cdb_close,
};
