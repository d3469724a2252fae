#include "table/inspect.h"

#include "base/scope.h"
#include "table/table.h"

#include <errno.h>
#include <sys/stat.h>

struct file_type {
    const char *name;
    const char *suffix;     /* "": the source itself is read */
};

static const struct file_type file_types[] = {
    { "hash", ".db" }, { "btree", ".db" }, { "lmdb", ".lmdb" }, { "cdb", ".cdb" },
    { "texthash", "" }, { "regexp", "" }, { "pcre", "" }, { "cidr", "" }, { "memcache", "" },
};

static const struct file_type *find_type(struct slice name)
{
    for (size_t i = 0; i < COUNT(file_types); i++)
        if (slice_is(name, file_types[i].name))
            return &file_types[i];
    return NULL;
}

static bool is_built_in(struct slice name)
{
    for (const char *const *known = table_types(); *known; known++)
        if (slice_is(name, *known))
            return true;
    return false;
}

/* Two names of types that differ by one letter more, less or else, or by two that are swapped. */
static bool is_near(struct slice a, const char *b)
{
    size_t length = strlen(b), same = 0, end = 0;

    while (same < a.length && same < length && a.data[same] == b[same])
        same++;
    while (end + same < a.length && end + same < length
           && a.data[a.length - 1 - end] == b[length - 1 - end])
        end++;

    size_t left_a = a.length - same - end, left_b = length - same - end;

    return (left_a <= 1 && left_b <= 1)
        || (left_a == 2 && left_b == 2 && a.data[same] == b[same + 1]
            && a.data[same + 1] == b[same]);
}

static bool refuse_type(struct slice type, struct error *error)
{
    for (const char *const *known = table_types(); *known; known++)
        if (is_near(type, *known))
            return error_set(error, "unsupported dictionary type: %.*s (did you mean %s?)",
                             SLICE_ARGS(type), *known);
    return error_set(error, "unsupported dictionary type: %.*s", SLICE_ARGS(type));
}

static bool inspect_file(const struct file_type *type, const char *source, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct stat made, from;

    str_format(&path, "%s%s", source, type->suffix);
    if (stat(path.data, &made) < 0) {
        error_code(error, errno, "open database %s: %s", path.data, strerror(errno));
        if (*type->suffix && stat(source, &from) == 0)
            error_set(error, "open database %s: No such file or directory (postmap %s:%s, or "
                      "postalias for alias files, makes it)", path.data, type->name, source);
        return false;
    }
    if (*type->suffix && stat(source, &from) == 0 && from.st_mtime > made.st_mtime)
        return error_set(error, "database %s is older than source file %s", path.data, source);
    return true;
}

bool table_inspect(struct slice type_name, struct error *error)
{
    while (slice_starts(type_name, "proxy:"))
        type_name = slice_from(type_name, strlen("proxy:"));

    size_t colon = slice_find(type_name, ':');
    struct slice type = slice_part(type_name, 0, colon), name = slice_from(type_name, colon + 1);
    const struct file_type *file = find_type(type);
    AUTO_STR struct str path = STR_EMPTY;

    if (!is_built_in(type))
        return refuse_type(type, error);
    if (!file || !slice_starts(name, "/"))
        return true;
    str_add(&path, name);
    return inspect_file(file, path.data, error);
}
