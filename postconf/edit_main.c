#include "modes.h"

#include "base/scope.h"
#include "base/vector.h"
#include "config/defaults.h"
#include "config/edit_file.h"
#include "config/lines.h"
#include "log/log.h"

#include <stdio.h>

struct change {
    struct slice name, value;
    int seen;               /* times the file set it */
    bool ignored;           /* a later request for the same name counts */
};

struct changes {
    struct change *items;
    size_t count, capacity;
    char action;            /* 'e', 'X' or '#' */
    const char *path;
};

static void check_argument(const char *text)
{
    struct slice argument = slice_of(text);
    struct slice start = slice_trim_start(argument);

    if (slice_find(argument, '\n') < argument.length)
        log_fatal("-e, -X, or -# accepts no multi-line input");
    if (start.length > 0 && start.data[0] == '#')
        log_fatal("-e, -X, or -# accepts no comment input");
}

static struct change parse_setting(const char *text)
{
    struct slice rest = slice_of(text);
    size_t equals = slice_find(rest, '=');
    struct slice name = slice_trim(slice_take_until(&rest, "="));

    if (name.length == 0)
        log_fatal("missing attribute name: \"%s\"", text);
    if (equals == strlen(text) || slice_find_any(name, " \t\r\v\f") < name.length)
        log_fatal("missing '=' after attribute name: \"%s\"", text);
    return (struct change){ .name = name, .value = slice_trim(rest) };
}

static void add_change(struct changes *changes, struct change change)
{
    for (size_t i = 0; i < changes->count; i++) {
        struct change *earlier = &changes->items[i];

        if (!earlier->ignored && slice_equal(earlier->name, change.name)) {
            if (changes->action == 'e')
                log_warn("ignoring earlier request: '%.*s = %.*s'", SLICE_ARGS(earlier->name),
                         SLICE_ARGS(earlier->value));
            earlier->ignored = true;
        }
    }
    VECTOR_PUSH(changes, change);
}

static struct changes read_changes(const struct options *options, const char *path)
{
    struct changes changes = { .path = path };

    changes.action = option_is_given(options, 'e') ? 'e'
                     : option_is_given(options, 'X') ? 'X' : '#';
    if (!options->arguments[0])
        log_fatal(changes.action == 'e' ? "-e requires name=value argument"
                                        : "missing service argument");
    for (char **argument = options->arguments; *argument; argument++) {
        check_argument(*argument);
        if (changes.action == 'e')
            add_change(&changes, parse_setting(*argument));
        else
            add_change(&changes, (struct change){ .name = slice_trim(slice_of(*argument)) });
    }
    return changes;
}

static struct change *find_change(const struct changes *changes, struct slice line)
{
    struct slice name = slice_trim(slice_part(line, 0, slice_find(line, '=')));

    if (slice_find(line, '=') == line.length)
        return NULL;
    for (size_t i = 0; i < changes->count; i++)
        if (!changes->items[i].ignored && slice_equal(changes->items[i].name, name))
            return &changes->items[i];
    return NULL;
}

static void write_setting(struct str *output, const struct change *change)
{
    str_format(output, "%.*s = %.*s\n", SLICE_ARGS(change->name), SLICE_ARGS(change->value));
}

/* The first line of an entry that is to change. */
static void change_line(const struct changes *changes, struct change *change, struct slice line,
                        struct str *output)
{
    if (change->seen++ == 1)
        log_warn("%s: multiple entries for \"%.*s\"", changes->path, SLICE_ARGS(change->name));
    if (changes->action == 'e')
        write_setting(output, change);
    else if (changes->action == '#')
        str_format(output, "#%.*s\n", SLICE_ARGS(line));
}

static void edit_text(const struct changes *changes, struct slice text, struct str *output)
{
    struct lines lines = lines_of(text);
    struct slice line;
    bool inside = false;        /* an entry that is to change */

    while (lines_next_physical(&lines, &line)) {
        struct slice start = slice_trim_start(line);
        struct change *change = NULL;

        if (start.length == 0 || start.data[0] == '#') {
            str_format(output, "%.*s\n", SLICE_ARGS(line));
            continue;
        }
        if (byte_is_space(line.data[0])) {
            if (!inside)
                str_format(output, "%.*s\n", SLICE_ARGS(line));
            else if (changes->action == '#')
                str_format(output, "#%.*s\n", SLICE_ARGS(line));
            continue;
        }
        change = find_change(changes, line);
        inside = change != NULL;
        if (change)
            change_line(changes, change, line, output);
        else
            str_format(output, "%.*s\n", SLICE_ARGS(line));
    }
    for (size_t i = 0; i < changes->count; i++)
        if (changes->action == 'e' && !changes->items[i].seen && !changes->items[i].ignored)
            write_setting(output, &changes->items[i]);
}

void edit_main(const struct options *options)
{
    const char *environment = getenv("MAIL_CONFIG");
    const char *directory = options->directory ? options->directory
                            : environment ? environment : default_config_directory();
    AUTO_STR struct str path = STR_EMPTY, output = STR_EMPTY;
    struct edit_file edit;

    str_format(&path, "%s/main.cf", directory);

    struct changes changes = read_changes(options, path.data);

    edit_file_open(&edit, path.data);
    edit_text(&changes, str_slice(&edit.text), &output);
    edit_file_commit(&edit, &output);
    VECTOR_FREE(&changes);
}
