#include "config/main_cf.h"

#include "base/hash.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/file.h"
#include "config/lines.h"

struct main_cf {
    struct arena *arena;
    const char *directory, *path;
    struct hash *by_name;           /* to index + 1 in entries */
    struct { struct main_cf_entry *items; size_t count, capacity; } entries;
};

struct reader {
    struct main_cf *main_cf;
    main_cf_warn *warn;
    void *argument;
};

static struct main_cf *new_main_cf(const char *path)
{
    struct arena *arena = arena_new();
    struct main_cf *main_cf = arena_take(arena, sizeof(*main_cf));
    struct slice whole = slice_of(path);

    *main_cf = (struct main_cf){
        .arena = arena,
        .path = arena_copy(arena, path),
        .directory = arena_text(arena, slice_part(whole, 0, slice_find_last(whole, '/'))),
        .by_name = hash_new(),
    };
    return main_cf;
}

void main_cf_free(struct main_cf *main_cf)
{
    if (!main_cf)
        return;
    hash_free(main_cf->by_name, NULL);
    VECTOR_FREE(&main_cf->entries);
    arena_free(main_cf->arena);
}

const char *main_cf_directory(const struct main_cf *main_cf)
{
    return main_cf->directory;
}

const char *main_cf_path(const struct main_cf *main_cf)
{
    return main_cf->path;
}

static struct main_cf_entry *find(const struct main_cf *main_cf, struct slice name)
{
    uintptr_t place = (uintptr_t)hash_get(main_cf->by_name, name);

    return place ? &main_cf->entries.items[place - 1] : NULL;
}

static void set_entry(struct main_cf *main_cf, struct slice name, struct slice value, int line)
{
    struct main_cf_entry *entry = find(main_cf, name);

    if (!entry) {
        entry = VECTOR_ADD(&main_cf->entries);
        entry->name = arena_text(main_cf->arena, name);
        hash_set(main_cf->by_name, name, (void *)(uintptr_t)main_cf->entries.count);
    }
    entry->value = arena_text(main_cf->arena, value);
    entry->line = line;
}

static void warn_about(const struct reader *reader, const struct str *text)
{
    if (reader->warn)
        reader->warn(reader->argument, text->data);
}

static void warn_of_earlier(const struct reader *reader, const struct main_cf_entry *entry,
                            struct slice value, int line)
{
    if (!entry || slice_is(value, entry->value))
        return;

    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%s, line %d: overriding earlier entry: %s=%s",
               reader->main_cf->path, line, entry->name, entry->value);
    warn_about(reader, &text);
}

/* One logical line: "name = value". */
static bool read_entry(const struct reader *reader, struct slice text, int line,
                       struct error *error)
{
    size_t equals = slice_find(text, '=');
    struct slice name = slice_trim(slice_part(text, 0, equals));
    const char *path = reader->main_cf->path;

    if (name.length == 0)
        return error_set(error, "%s, line %d: missing attribute name: \"%.*s\"",
                         path, line, SLICE_ARGS(text));
    if (equals == text.length || slice_find_any(name, " \t\r\n\v\f") < name.length)
        return error_set(error, "%s, line %d: missing '=' after attribute name: \"%.*s\"",
                         path, line, SLICE_ARGS(text));

    struct slice value = slice_trim(slice_from(text, equals + 1));

    warn_of_earlier(reader, find(reader->main_cf, name), value, line);
    set_entry(reader->main_cf, name, value, line);
    return true;
}

static bool read_entries(const struct reader *reader, struct slice text, struct error *error)
{
    struct lines lines = lines_of(text);
    AUTO_STR struct str logical = STR_EMPTY;
    int line = 0;

    while (lines_next(&lines, &logical, &line)) {
        if (byte_is_space(logical.data[0])) {
            AUTO_STR struct str warning = STR_EMPTY;

            str_format(&warning, "%s: logical line must not start with whitespace: \"%s\"",
                       reader->main_cf->path, logical.data);
            warn_about(reader, &warning);
        } else if (!read_entry(reader, str_slice(&logical), line, error)) {
            return false;
        }
    }
    return true;
}

bool main_cf_parse(struct slice text, const char *path, main_cf_warn *warn, void *argument,
                   struct main_cf **main_cf, struct error *error)
{
    struct reader reader = { new_main_cf(path), warn, argument };

    if (!read_entries(&reader, text, error)) {
        main_cf_free(reader.main_cf);
        return false;
    }
    *main_cf = reader.main_cf;
    return true;
}

bool main_cf_read(const char *directory, int copy, main_cf_warn *warn, void *argument,
                  struct main_cf **main_cf, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY, text = STR_EMPTY;

    str_format(&path, "%s/main.cf", directory);

    bool read = copy > 0 ? config_copy_read(copy, path.data, &text, error)
                         : config_file_read(path.data, &text, error);

    return read &&
           main_cf_parse(str_slice(&text), path.data, warn, argument, main_cf, error);
}

void main_cf_set(struct main_cf *main_cf, const char *name, struct slice value)
{
    set_entry(main_cf, slice_of(name), value, 0);
}

const struct main_cf_entry *main_cf_get(const struct main_cf *main_cf, struct slice name)
{
    return find(main_cf, name);
}

size_t main_cf_count(const struct main_cf *main_cf)
{
    return main_cf->entries.count;
}

const struct main_cf_entry *main_cf_at(const struct main_cf *main_cf, size_t index)
{
    return &main_cf->entries.items[index];
}
