#include "config/master_cf.h"

#include "base/arena.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/file.h"
#include "config/lines.h"
#include "config/master_field.h"

struct master_cf {
    struct arena *arena;
    struct { struct master_service *items; size_t count, capacity; } services;
};

struct reader {
    struct master_cf *master_cf;
    enum master_cf_reader kind;
    const char *path;
    master_cf_warn *warn;
    void *argument;
};

struct arguments {
    const char **items;
    size_t count, capacity;
};

static void warn_about(const struct reader *reader, const char *before, const char *text)
{
    AUTO_STR struct str warning = STR_EMPTY;

    if (!reader->warn)
        return;
    str_format(&warning, "%s: %s", before, text);
    reader->warn(reader->argument, warning.data);
}

static bool is_brace_argument(struct slice token)
{
    return token.length > 0 && token.data[0] == '{';
}

/* A wrong argument stops master; postconf warns and shows it. */
static bool complain(const struct reader *reader, int line, struct error *problem,
                     struct error *error)
{
    if (reader->kind == MASTER_CF_SERVE)
        return error_set(error, "%s: line %d: %s", reader->path, line, problem->text);
    warn_about(reader, "master.cf", problem->text);
    return true;
}

/* Behind -o the braces must hold a setting. */
static bool open_argument(const struct arguments *arguments, struct slice *token,
                          struct error *problem)
{
    if (!master_braces_open(token, problem))
        return false;

    bool is_setting = arguments->count > 0 &&
                      strcmp(arguments->items[arguments->count - 1], "-o") == 0;

    if (is_setting && slice_find(*token, '=') == token->length)
        return error_set(problem, "missing '=' after attribute name: \"%.*s\"",
                         SLICE_ARGS(*token));
    return true;
}

static bool add_argument(const struct reader *reader, struct arguments *arguments, int line,
                         struct slice token, struct error *error)
{
    struct error problem = ERROR_NONE;

    if (is_brace_argument(token) && !open_argument(arguments, &token, &problem) &&
        !complain(reader, line, &problem, error))
        return false;
    VECTOR_PUSH(arguments, arena_text(reader->master_cf->arena, token));
    return true;
}

static bool read_arguments(const struct reader *reader, struct slice rest,
                           struct master_service *service, struct error *error)
{
    struct arguments arguments = { NULL, 0, 0 };
    struct slice token;
    bool good = true;

    while (good && master_take_token(&rest, &token))
        good = add_argument(reader, &arguments, service->line, token, error);

    size_t size = (arguments.count + 1) * sizeof(*service->arguments);

    service->arguments = arena_take(reader->master_cf->arena, size);
    if (arguments.count > 0)
        memcpy(service->arguments, arguments.items, arguments.count * sizeof(char *));
    service->argument_count = arguments.count;
    VECTOR_FREE(&arguments);
    return good;
}

static bool fail_on_missing(const struct reader *reader, int line, size_t field,
                            struct error *error)
{
    if (reader->kind == MASTER_CF_SHOW)
        return error_set(error, "file %s: line %d: bad field count", reader->path, line);
    return error_set(error, "%s: line %d: missing \"%s\" field", reader->path, line,
                     master_field_title((enum master_field)field));
}

static bool check_field(const struct reader *reader, struct slice text, size_t field,
                        struct master_service *service, struct error *error)
{
    struct error problem;

    if (master_field_set(service, (enum master_field)field, &problem)) {
        bool visible = field != MASTER_PRIVATE || service->type != MASTER_INET ||
                       service->private == MASTER_NO;

        return visible || reader->kind == MASTER_CF_SHOW ||
               error_set(error, "%s: line %d: inet service cannot be private", reader->path,
                         service->line);
    }
    if (reader->kind == MASTER_CF_SHOW)
        return error_set(error, "invalid %s field \"%s\" in \"%.*s\"",
                         master_field_name((enum master_field)field), service->fields[field],
                         SLICE_ARGS(text));
    return error_set(error, "%s: line %d: %s", reader->path, service->line, problem.text);
}

/* One logical line. */
static bool read_service(const struct reader *reader, struct slice text, int line,
                         struct master_service *service, struct error *error)
{
    struct slice rest = text, token;
    size_t missing = MASTER_FIELDS;

    *service = (struct master_service){ .line = line };
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (!master_take_token(&rest, &token)) {
            missing = i;
            break;
        }
        service->fields[i] = arena_text(reader->master_cf->arena, token);
    }
    if (missing < MASTER_FIELDS && reader->kind == MASTER_CF_SHOW)
        return fail_on_missing(reader, line, missing, error);
    for (size_t i = 0; i < missing; i++)
        if (!check_field(reader, text, i, service, error))
            return false;
    if (missing < MASTER_FIELDS)
        return fail_on_missing(reader, line, missing, error);
    return read_arguments(reader, rest, service, error);
}

static struct master_service *place_of(const struct reader *reader,
                                       const struct master_service *service)
{
    struct master_cf *master_cf = reader->master_cf;

    PROMISED(service->name);
    if (reader->kind == MASTER_CF_SERVE)
        for (size_t i = 0; i < master_cf->services.count; i++) {
            struct master_service *earlier = &master_cf->services.items[i];

            if (earlier->type == service->type && strcmp(earlier->name, service->name) == 0)
                return earlier;
        }
    return VECTOR_ADD(&master_cf->services);
}

static bool read_services(const struct reader *reader, struct slice text, struct error *error)
{
    struct lines lines = lines_of(text);
    AUTO_STR struct str logical = STR_EMPTY;
    struct master_service service;
    int line = 0;

    while (lines_next(&lines, &logical, &line)) {
        if (byte_is_space(logical.data[0])) {
            AUTO_STR struct str warning = STR_EMPTY;

            str_format(&warning, "logical line must not start with whitespace: \"%s\"",
                       logical.data);
            warn_about(reader, reader->path, warning.data);
            continue;
        }
        if (!read_service(reader, str_slice(&logical), line, &service, error))
            return false;
        *place_of(reader, &service) = service;
    }
    return true;
}

bool master_cf_parse(struct slice text, const char *path, enum master_cf_reader kind,
                     master_cf_warn *warn, void *argument, struct master_cf **master_cf,
                     struct error *error)
{
    struct master_cf *made = memory_new(1, sizeof(*made));
    struct reader reader = { made, kind, path, warn, argument };

    made->arena = arena_new();
    if (!read_services(&reader, text, error)) {
        master_cf_free(made);
        return false;
    }
    *master_cf = made;
    return true;
}

bool master_cf_read(const char *path, enum master_cf_reader reader, master_cf_warn *warn,
                    void *argument, struct master_cf **master_cf, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;

    return config_file_read(path, &text, error) &&
           master_cf_parse(str_slice(&text), path, reader, warn, argument, master_cf, error);
}

void master_cf_free(struct master_cf *master_cf)
{
    if (!master_cf)
        return;
    VECTOR_FREE(&master_cf->services);
    arena_free(master_cf->arena);
    free(master_cf);
}

size_t master_cf_count(const struct master_cf *master_cf)
{
    return master_cf->services.count;
}

const struct master_service *master_cf_at(const struct master_cf *master_cf, size_t index)
{
    return &master_cf->services.items[index];
}

bool master_service_setting(const struct master_service *service, size_t *index,
                            const char **setting)
{
    while (*index < service->argument_count) {
        const char *argument = service->arguments[(*index)++];

        if (argument[0] != '-')     /* behind the options */
            return false;
        if (strncmp(argument, "-o", 2) != 0)
            continue;
        if (argument[2] != '\0') {
            *setting = argument + 2;
            return true;
        }
        if (*index == service->argument_count)
            return false;
        *setting = service->arguments[(*index)++];
        return true;
    }
    return false;
}
