#include "table_owner.h"

#include "base/scope.h"

#include <sys/stat.h>

static const struct {
    const char *type, *suffix;
} compiled[] = {
    { "hash", ".db" }, { "btree", ".db" }, { "lmdb", ".lmdb" }, { "cdb", ".cdb" },
    { "dbm", ".pag" }, { "sdbm", ".pag" },
};

static const char *suffix_of(struct slice type)
{
    for (size_t i = 0; i < COUNT(compiled); i++)
        if (slice_is(type, compiled[i].type))
            return compiled[i].suffix;
    return "";
}

uid_t table_owner(struct slice type_name)
{
    size_t colon = slice_find(type_name, ':');
    struct slice name = slice_from(type_name, colon + 1);
    AUTO_STR struct str path = STR_EMPTY;
    struct stat status;

    if (!slice_starts(name, "/"))
        return 0;
    str_add(&path, name);
    str_text(&path, suffix_of(slice_part(type_name, 0, colon)));
    return stat(path.data, &status) == 0 ? status.st_uid : 0;
}
