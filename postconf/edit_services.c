#include "modes.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/defaults.h"
#include "config/edit_file.h"
#include "config/lines.h"
#include "config/master_field.h"
#include "log/log.h"
#include "request.h"
#include "service_line.h"

struct edits {
    struct request *items;
    char **texts;           /* as they were given */
    size_t count, capacity;
    char mode;              /* 'M', 'F' or 'P' */
    char action;            /* 'e', 'X' or '#' */
    struct arena *arena;
};

static void warn(UNUSED void *argument, const char *text)
{
    log_warn("%s", text);
}

static void check_parts(const struct edits *edits, const struct request *request)
{
    if (edits->mode == 'M' && request->parts != 2)
        log_fatal("-Me, -MX or -M# requires service_name/type");
    if (edits->mode == 'F' && request->parts != 3)
        log_fatal("-Fe or -FX requires service_name/type/field_name");
    if (edits->mode == 'P' && request->parts != 3)
        log_fatal("-Pe or -PX requires service_name/type/parameter");
}

static enum master_field find_field(struct slice name)
{
    for (size_t i = 0; i < MASTER_FIELDS; i++)
        if (slice_is(name, master_field_name((enum master_field)i)))
            return (enum master_field)i;
    log_fatal("invalid service attribute name: \"%.*s\"", SLICE_ARGS(name));
}

/* One line as a service, in memory that stays until the end of the program's run. */
static struct master_service parse_line(const struct edits *edits, struct slice text,
                                        const char *request)
{
    struct master_cf *master_cf;
    struct error error;
    AUTO_STR struct str line = STR_EMPTY;

    str_add(&line, slice_trim(text));
    if (!master_cf_parse(str_slice(&line), "argument", MASTER_CF_SHOW, warn, NULL, &master_cf,
                         &error)) {
        if (strstr(error.text, "bad field count"))
            log_fatal("bad field count: \"%s\"", request);
        log_fatal("%s", error.text);
    }
    if (master_cf_count(master_cf) == 0)
        log_fatal("bad field count: \"%s\"", request);

    struct master_service service = *master_cf_at(master_cf, 0);

    for (size_t i = 0; i < MASTER_FIELDS; i++)
        service.fields[i] = arena_copy(edits->arena, service.fields[i]);
    service.name = service.fields[MASTER_NAME];
    service.command = service.fields[MASTER_COMMAND];

    const char **arguments = arena_take(edits->arena,
                                        (service.argument_count + 1) * sizeof(char *));

    for (size_t i = 0; i < service.argument_count; i++)
        arguments[i] = arena_copy(edits->arena, service.arguments[i]);
    service.arguments = arguments;
    master_cf_free(master_cf);
    return service;
}

static void check_field_value(const struct request *request)
{
    struct master_service probe = { .line = 0 };
    enum master_field field = find_field(request->item);
    AUTO_FREE char *text = memory_text(request->value.length ? request->value.data : "",
                                       request->value.length);
    struct error error;

    if (field == MASTER_COMMAND)
        return;
    probe.fields[field] = text;
    if (!master_field_set(&probe, field, &error))
        log_fatal("invalid %s field \"%s\" in \"%s\"", master_field_name(field), text, text);
}

static void check_edit(const struct edits *edits, const char *text)
{
    const struct request *request = &edits->items[edits->count - 1];

    if (edits->action == 'e' && !strchr(text, '='))
        log_fatal("missing '=' after attribute name: \"%s\"", text);
    check_parts(edits, request);
    if (edits->mode == 'M' && edits->action == 'e')
        parse_line(edits, request->value, text);
    if (edits->mode == 'F')
        check_field_value(request);
    if (edits->mode == 'P' && edits->action == 'e' &&
        slice_find_any(request->value, " \t\r\v\f") < request->value.length)
        log_fatal("-Pe does not accept whitespace in parameter value");
}

static struct edits read_edits(const struct options *options, struct arena *arena)
{
    struct edits edits = { .arena = arena, .texts = options->arguments };

    edits.mode = option_is_given(options, 'M') ? 'M' : option_is_given(options, 'F') ? 'F' : 'P';
    edits.action = option_is_given(options, 'e') ? 'e'
                   : option_is_given(options, 'X') ? 'X' : '#';
    if (!options->arguments[0])
        log_fatal("missing service argument");
    for (char **argument = options->arguments; *argument; argument++) {
        if (strchr(*argument, '\n'))
            log_fatal("-e, -X, or -# accepts no multi-line input");
        VECTOR_PUSH(&edits, request_parse(*argument, edits.action == 'e'));
        check_edit(&edits, *argument);
    }
    return edits;
}

static struct slice setting_name(const char *setting)
{
    struct slice text = slice_of(setting);

    return slice_trim(slice_part(text, 0, slice_find(text, '=')));
}

/* Take each -o of that parameter out. */
static void remove_setting(struct master_service *service, struct slice name)
{
    size_t kept = 0;
    bool options = true;

    for (size_t i = 0; i < service->argument_count; i++) {
        options = options && service->arguments[i][0] == '-';
        if (options && strcmp(service->arguments[i], "-o") == 0 &&
            i + 1 < service->argument_count) {
            const char *setting = service->arguments[++i];

            if (strchr(setting, '=') && (slice_is(name, "*") ||
                                         slice_equal(setting_name(setting), name)))
                continue;
            service->arguments[kept++] = service->arguments[i - 1];
            service->arguments[kept++] = setting;
            continue;
        }
        service->arguments[kept++] = service->arguments[i];
    }
    service->argument_count = kept;
}

/* The place behind the last option; *at: of the -o value of that parameter, or the count. */
static size_t options_end(const struct master_service *service, struct slice name, size_t *at)
{
    size_t i = 0;

    *at = service->argument_count;
    while (i < service->argument_count && service->arguments[i][0] == '-') {
        if (strcmp(service->arguments[i], "-o") == 0 && i + 1 < service->argument_count) {
            if (slice_equal(setting_name(service->arguments[i + 1]), name))
                *at = i + 1;
            i++;
        }
        i++;
    }
    return i;
}

static void set_setting(const struct edits *edits, struct master_service *service,
                        const struct request *request)
{
    size_t at, end = options_end(service, request->item, &at);
    const char *setting = arena_format(edits->arena, "%.*s=%.*s", SLICE_ARGS(request->item),
                                       SLICE_ARGS(request->value));

    if (at < service->argument_count) {
        service->arguments[at] = setting;
        return;
    }

    size_t count = service->argument_count;
    const char **arguments = arena_take(edits->arena, (count + 3) * sizeof(char *));

    memcpy(arguments, service->arguments, end * sizeof(char *));
    arguments[end] = "-o";
    arguments[end + 1] = setting;
    memcpy(arguments + end + 2, service->arguments + end, (count - end) * sizeof(char *));
    service->arguments = arguments;
    service->argument_count = count + 2;
}

static void set_field(const struct edits *edits, struct master_service *service,
                      const struct request *request)
{
    enum master_field field = find_field(request->item);
    AUTO_STR struct str line = STR_EMPTY;

    if (field != MASTER_COMMAND) {
        service->fields[field] = arena_text(edits->arena, request->value);
        return;
    }
    for (size_t i = 0; i < MASTER_COMMAND; i++)
        str_format(&line, "%s ", service->fields[i]);
    str_add(&line, request->value);
    *service = parse_line(edits, str_slice(&line), line.data);
}

/* Apply what -F and -P ask for; false when no request meets the service. */
static bool edit_service(struct edits *edits, struct master_service *service)
{
    bool changed = false;
    struct master_service old = *service;

    for (size_t i = 0; i < edits->count; i++) {
        struct request *request = &edits->items[i];

        if (!request_matches_service(request, &old))
            continue;
        request->matched = changed = true;
        if (edits->mode == 'F')
            set_field(edits, service, request);
        else if (edits->action == 'X')
            remove_setting(service, request->item);
        else
            set_setting(edits, service, request);
    }
    return changed;
}

/* One logical line of the old file. */
struct entry {
    struct str lines;       /* as they stand there, with the comments */
    struct str logical;
    struct str comments;    /* what stood between its lines and behind it */
};

static void write_commented(const struct str *text, struct str *output)
{
    struct lines lines = lines_of(str_slice(text));
    struct slice line;

    while (lines_next_physical(&lines, &line)) {
        struct slice start = slice_trim_start(line);
        bool says_nothing = start.length == 0 || start.data[0] == '#';

        str_format(output, "%s%.*s\n", says_nothing ? "" : "#", SLICE_ARGS(line));
    }
}

/* The line of -M may have another name than the request: then it replaces that service too. */
static bool replaces(struct edits *edits, const struct request *request,
                     const struct master_service *service)
{
    if (edits->mode != 'M' || edits->action != 'e')
        return false;

    struct master_service new = parse_line(edits, request->value, "");

    return strcmp(new.fields[MASTER_NAME], service->fields[MASTER_NAME]) == 0 &&
           strcmp(new.fields[MASTER_TYPE], service->fields[MASTER_TYPE]) == 0;
}

static struct request *find_edit(struct edits *edits, const struct master_service *service)
{
    struct request *found = NULL;

    for (size_t i = 0; i < edits->count; i++)
        if (request_matches_service(&edits->items[i], service) ||
            replaces(edits, &edits->items[i], service))
            found = &edits->items[i];
    return found;
}

/* -M replaces, removes or comments out the entry where it stood; comments stay behind it. */
static void write_replaced(struct edits *edits, const struct entry *entry,
                           struct request *request, struct str *output)
{
    if (edits->action == 'e') {
        struct master_service service = parse_line(edits, request->value, "");

        if (!request->matched)
            service_line(&service, true, output);
        request->matched = true;
    } else if (edits->action == '#') {
        write_commented(&entry->lines, output);
        return;
    }
    str_add(output, str_slice(&entry->comments));
}

static void write_entry(struct edits *edits, struct entry *entry, const struct str *original,
                        struct str *output)
{
    if (entry->logical.length == 0 || byte_is_space(entry->logical.data[0])) {
        str_add(output, str_slice(original));
        return;
    }

    struct master_service service = parse_line(edits, str_slice(&entry->logical),
                                               entry->logical.data);
    struct request *request = find_edit(edits, &service);

    if (!request) {
        str_add(output, str_slice(original));
        return;
    }
    if (edits->mode == 'M') {
        write_replaced(edits, entry, request, output);
        return;
    }
    if (edit_service(edits, &service)) {
        str_add(output, str_slice(&entry->comments));
        service_line(&service, true, output);
    }
}

static void clear_entry(struct entry *entry, struct str *original)
{
    str_clear(&entry->lines);
    str_clear(&entry->logical);
    str_clear(&entry->comments);
    str_clear(original);
}

static void edit_text(struct edits *edits, struct slice text, struct str *output)
{
    struct lines lines = lines_of(text);
    struct entry entry = { STR_EMPTY, STR_EMPTY, STR_EMPTY };
    AUTO_STR struct str original = STR_EMPTY;
    struct slice line;

    while (lines_next_physical(&lines, &line)) {
        struct slice start = slice_trim_start(line);
        bool says_nothing = start.length == 0 || start.data[0] == '#';

        if (!says_nothing && !byte_is_space(line.data[0])) {
            write_entry(edits, &entry, &original, output);
            clear_entry(&entry, &original);
        }
        str_format(&original, "%.*s\n", SLICE_ARGS(line));
        str_format(&entry.lines, "%.*s\n", SLICE_ARGS(line));
        if (says_nothing) {
            str_format(&entry.comments, "%.*s\n", SLICE_ARGS(line));
            continue;
        }
        str_add(&entry.logical, line);
    }
    write_entry(edits, &entry, &original, output);
    str_free(&entry.lines);
    str_free(&entry.logical);
    str_free(&entry.comments);
}

static void finish_edits(struct edits *edits, struct str *output)
{
    for (size_t i = 0; i < edits->count; i++) {
        struct request *request = &edits->items[i];

        if (request->matched || (edits->mode == 'M' && edits->action != 'e'))
            continue;
        if (edits->mode != 'M') {
            log_warn("unmatched service_name/type: \"%s\"", edits->texts[i]);
            continue;
        }

        struct master_service service = parse_line(edits, request->value, edits->texts[i]);

        service_line(&service, true, output);
    }
}

void edit_services(const struct options *options)
{
    const char *environment = getenv("MAIL_CONFIG");
    const char *directory = options->directory ? options->directory
                            : environment ? environment : default_config_directory();
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str path = STR_EMPTY, output = STR_EMPTY;
    struct edits edits = read_edits(options, arena);
    struct edit_file edit;

    str_format(&path, "%s/master.cf", directory);
    edit_file_open(&edit, path.data);
    edit_text(&edits, str_slice(&edit.text), &output);
    finish_edits(&edits, &output);
    edit_file_commit(&edit, &output);
    VECTOR_FREE(&edits);
}
