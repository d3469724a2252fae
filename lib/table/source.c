#include "table/source.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "table/braces.h"

#include <fcntl.h>

enum { READ_CHUNK = 64 * 1024 };

void source_free(struct source *source)
{
    arena_free(source->arena);
    VECTOR_FREE(source);
    source->arena = NULL;
}

/* A logical line as it grows: most are one physical line, and stay where they stand. */
struct growing {
    struct slice text;
    struct str joined;
    int number;
};

static void finish_line(struct source *source, struct growing *line, const char *name)
{
    struct slice text = slice_part(line->text, 0, slice_find(line->text, '\0'));

    if (line->text.length && byte_is_space(line->text.data[0])) {
        AUTO_STR struct str shown = STR_EMPTY;

        printable_text(&shown, text);
        log_warn("%s: logical line must not start with whitespace: \"%.30s%s\"", name, shown.data,
                 shown.length > 30 ? "..." : "");
    } else if (line->text.length) {
        text = slice_trim_end(text);
        VECTOR_PUSH(source, ((struct source_line){
            { arena_text(source->arena, text), text.length }, line->number }));
    }
    line->text.length = 0;
}

static void add_physical(struct growing *line, struct slice physical, int number)
{
    if (!line->text.length) {
        line->text = physical;
        line->number = number;
        return;
    }
    if (line->text.data != line->joined.data)
        str_set(&line->joined, line->text);
    str_add(&line->joined, physical);
    line->text = str_slice(&line->joined);
}

void source_parse(struct source *source, struct slice text, const char *name)
{
    struct growing line = { .joined = STR_EMPTY };
    int number = 0;

    if (!source->arena)
        source->arena = arena_new();
    while (text.length) {
        struct slice physical = slice_take_until(&text, "\n");
        struct slice content = slice_trim_start(physical);

        number++;
        if (!content.length || content.data[0] == '#' || content.data[0] == '\0')
            continue;
        if (line.text.length && !byte_is_space(physical.data[0]))
            finish_line(source, &line, name);
        add_physical(&line, physical, number);
    }
    finish_line(source, &line, name);
    str_free(&line.joined);
}

static bool read_all(int file, const char *name, struct str *text, struct error *error)
{
    for (;;) {
        ssize_t count = read(file, str_reserve(text, READ_CHUNK), READ_CHUNK);

        if (count < 0)
            return error_system(error, "read %s", name);
        if (count == 0)
            return true;
        str_added(text, (size_t)count);
    }
}

bool source_read_descriptor(struct source *source, int file, const char *name, struct stat *seen,
                            struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (fstat(file, seen) < 0)
        return error_system(error, "fstat %s", name);
    if (!read_all(file, name, &text, error))
        return false;
    source_parse(source, str_slice(&text), name);
    return true;
}

bool source_read(struct source *source, const char *path, struct stat *seen,
                 struct error *error)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return error_system(error, "open %s", path);
    return source_read_descriptor(source, file, path, seen, error);
}

bool source_parse_inline(struct source *source, struct slice text, const char *what,
                         struct error *error)
{
    struct slice inside, rule;
    int number = 0;

    if (!braces_strip(text, &inside, error))
        return error_prefix(error, "%s", what);
    source->arena = arena_new();
    while (braces_next(&inside, &rule)) {
        struct slice line;

        if (!braces_strip(rule, &line, error))
            return error_prefix(error, "%s", what);
        number++;
        if (line.length)
            VECTOR_PUSH(source, ((struct source_line){
                { arena_text(source->arena, line), line.length }, number }));
    }
    return true;
}
