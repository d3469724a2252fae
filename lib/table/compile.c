#include "table/maker_type.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>

enum { ASK_AGAIN_MICROSECONDS = 20 * 1000 };

static const struct maker_type *const types[] = {
    &maker_type_hash, &maker_type_btree, &maker_type_lmdb, &maker_type_cdb,
};

static const struct maker_type *find_type(struct slice name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (slice_is(name, types[i]->name))
            return types[i];
    return NULL;
}

bool maker_knows(struct slice type)
{
    return find_type(type) != NULL;
}

const char *maker_path(const struct maker *maker)
{
    return maker->path;
}

const char *maker_shown_name(const struct maker *maker)
{
    return maker->shown_name;
}

const char *maker_table_name(const struct maker *maker)
{
    return maker->table_name;
}

bool maker_lock(const struct maker *maker, int64_t deadline, struct error *error)
{
    int how = maker->flags & MAKER_READ_ONLY ? LOCK_SH : LOCK_EX;

    while (flock(maker->file, deadline ? how | LOCK_NB : how) < 0) {
        if (errno != EINTR && (errno != EWOULDBLOCK || !moment_left(deadline)))
            return error_system(error, "lock database %s", maker->path);
        if (errno == EWOULDBLOCK)
            usleep(ASK_AGAIN_MICROSECONDS);
    }
    return true;
}

void maker_set_text(struct str *text, const void *data, size_t length)
{
    struct slice found = slice_bytes(data, length);

    if (found.length && found.data[found.length - 1] == '\0')
        found.length--;
    str_set(text, found);
}

static bool give_back(struct maker *maker, bool finish, struct error *error)
{
    bool good = maker->type->close(maker, finish, error);

    if (maker->file >= 0)
        close(maker->file);
    free(maker->path);
    free(maker->shown_name);
    free(maker->table_name);
    free(maker);
    return good;
}

void maker_free(struct maker *maker)
{
    struct error ignored;

    if (maker)
        give_back(maker, false, &ignored);
}

struct maker *maker_open(struct slice type, const char *path, unsigned flags, mode_t mode,
                         const struct maker_settings *settings, struct error *error)
{
    struct maker *maker = memory_new(1, sizeof(*maker));
    AUTO_STR struct str name = STR_EMPTY;

    maker->type = find_type(type);
    str_format(&name, "%s%s", path, maker->type->suffix);
    maker->path = str_take(&name);
    str_format(&name, "%s%s%s", maker->type->shown_prefix, path, maker->type->shown_suffix);
    maker->shown_name = str_take(&name);
    str_format(&name, "%s:%s%s", maker->type->name, path,
               maker->type == &maker_type_lmdb ? "" : maker->type->suffix);
    maker->table_name = str_take(&name);
    maker->file = -1;
    maker->flags = flags;
    if (maker->type->open(maker, mode, settings, error))
        return maker;
    maker_free(maker);
    return NULL;
}

enum maker_result maker_put(struct maker *maker, struct slice key, struct slice value,
                            bool replace, struct error *error)
{
    return maker->type->put(maker, key, value, replace, error);
}

enum maker_result maker_delete(struct maker *maker, struct slice key, struct error *error)
{
    return maker->type->remove(maker, key, error);
}

enum maker_result maker_get(struct maker *maker, struct slice key, struct str *value,
                            struct error *error)
{
    return maker->type->get(maker, key, value, error);
}

enum maker_result maker_next(struct maker *maker, bool first, struct str *key, struct str *value,
                             struct error *error)
{
    return maker->type->next(maker, first, key, value, error);
}

bool maker_stat(const struct maker *maker, struct stat *seen, struct error *error)
{
    return fstat(maker->file, seen) == 0 || error_system(error, "fstat %s", maker->path);
}

bool maker_sync(struct maker *maker, struct error *error)
{
    return !maker->type->sync || maker->type->sync(maker, error);
}

bool maker_close(struct maker *maker, struct error *error)
{
    return give_back(maker, true, error);
}
