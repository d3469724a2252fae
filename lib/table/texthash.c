/* texthash: tables: the source of a hash: table, read when it is opened (DATABASE_README). */
#include "table/type.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "table/entry.h"

#include <fcntl.h>

static void add_line(struct table *table, const char *path, const struct source_line *line)
{
    AUTO_STR struct str key = STR_EMPTY;
    struct entry entry;
    unsigned flags = ENTRY_TEXTHASH | (table->flags & TABLE_UTF8 ? ENTRY_UTF8 : 0);

    if (!entry_parse(line, path, flags, &entry))
        return;
    table_fold(table->flags, entry.key, &key);
    if (hash_get(table->data, str_slice(&key)))
        log_warn("%s, line %d: duplicate entry: \"%.*s\"", path, line->number,
                 SLICE_ARGS(entry.key));
    else
        hash_set(table->data, str_slice(&key), memory_text(entry.value.data, entry.value.length));
}

static bool texthash_open(struct table *table, const struct table_context *context,
                          const char *name, struct error *error)
{
    AUTO_CLOSE int file = open(name, O_RDONLY | O_CLOEXEC);
    struct source source = SOURCE_EMPTY;
    struct stat seen;

    table->data = hash_new();
    if (file < 0)
        return error_system(error, "open database %s", name);
    if (!source_read_descriptor(&source, file, name, &seen, error)) {
        source_free(&source);
        return false;
    }
    for (size_t i = 0; i < source.count; i++)
        add_line(table, name, &source.items[i]);
    source_free(&source);
    table_watch(table, context, name, &seen);
    return true;
}

const struct table_type table_type_texthash = {
    .name = "texthash",
    .open = texthash_open, .get = table_hashed_get, .close = table_hashed_close,
};
