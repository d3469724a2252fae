#include "config/config.h"

#include "base/scope.h"
#include "config/evaluate.h"
#include "config/family.h"
#include "config/main_cf.h"
#include "config/names.h"
#include "config/parameter.h"
#include "config/twin.h"
#include "config/value.h"
#include "log/log.h"

/* Behind the config that callers see: what its texts live in. */
struct loaded {
    struct config config;       /* first, so that one pointer is both */
    struct arena *arena;
    struct names *names;
};

static const struct loaded *loaded_of(const struct config *config)
{
    return (const struct loaded *)(const void *)config;
}

static const char *choose_directory(const struct config_request *request)
{
    const char *environment = getenv("MAIL_CONFIG");

    if (request->directory)
        return request->directory;
    return environment && *environment ? environment : names_default_directory();
}

static void log_warning(UNUSED void *argument, const char *text)
{
    log_warn("%s", text);
}

static const void *text_or_empty(struct arena *arena, const struct str *text)
{
    return text->length > 0 ? arena_text(arena, str_slice(text)) : "";
}

static bool evaluate(struct loaded *loaded, const struct parameter *parameter, const char *name,
                     const char *default_text, struct error *error)
{
    AUTO_STR struct str text = STR_EMPTY;
    void *place = (char *)&loaded->config + parameter->offset;

    if (!evaluate_parameter(loaded->names, parameter, name, default_text, &text, place, error))
        return false;
    if (parameter->type == PARAMETER_TEXT || parameter->type == PARAMETER_RAW)
        *(const char **)place = text_or_empty(loaded->arena, &text);
    return true;
}

static bool evaluate_for(struct loaded *loaded, const struct parameter *parameter, bool lmtp,
                         struct error *error)
{
    AUTO_STR struct str name = STR_EMPTY, text = STR_EMPTY;

    if (!lmtp || !twin_name(parameter, &name))
        return evaluate(loaded, parameter, parameter_name(parameter),
                        parameter->fallback ? parameter->fallback : "", error);
    twin_default(parameter, &text);
    return evaluate(loaded, parameter, name.data, text.data, error);
}

static bool evaluate_all(struct loaded *loaded, const char *program, config_complain *complain,
                         void *argument, struct error *error)
{
    bool lmtp = strcmp(program, "lmtp") == 0;
    bool good = true;

    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);

        if (!parameter_is_used_by(parameter, program) ||
            evaluate_for(loaded, parameter, lmtp, error))
            continue;
        if (!complain)
            return false;
        complain(argument, error->text);
        good = false;
    }
    return good;
}

static const char *program_of(const struct config_request *request)
{
    return request->program ? request->program : "";
}

/* main.cf and the -o settings, with nothing evaluated. */
static struct loaded *read_all(const struct config_request *request, main_cf_warn *warn,
                               struct error *error)
{
    struct main_cf *main_cf;
    const char *program = program_of(request);

    if (!main_cf_read(choose_directory(request), request->copy, warn, NULL, &main_cf, error))
        return NULL;
    for (size_t i = 0; i < request->override_count; i++)
        main_cf_set(main_cf, request->overrides[i].name,
                    slice_trim(slice_of(request->overrides[i].value)));

    struct arena *arena = arena_new();
    struct loaded *loaded = arena_take(arena, sizeof(*loaded));

    loaded->arena = arena;
    loaded->config.source = main_cf;
    loaded->config.rewriter = request->rewriter;
    loaded->names = names_new(main_cf, program, request->service ? request->service : program);
    return loaded;
}

bool config_load(const struct config_request *request, const struct config **config,
                 struct error *error)
{
    struct loaded *loaded = read_all(request, log_warning, error);

    if (!loaded)
        return false;
    if (!evaluate_all(loaded, program_of(request), NULL, NULL, error)) {
        config_free(&loaded->config);
        return false;
    }
    *config = &loaded->config;
    return true;
}

bool config_check(const struct config_request *request, config_complain *complain,
                  void *argument)
{
    struct error error;
    struct loaded *loaded = read_all(request, NULL, &error);

    if (!loaded) {
        complain(argument, error.text);
        return false;
    }

    bool good = evaluate_all(loaded, program_of(request), complain, argument, &error);

    config_free(&loaded->config);
    return good;
}

static void peek(const struct loaded *loaded, const char *name, struct str *value)
{
    struct error error;

    if (loaded && !names_value(loaded->names, slice_of(name), value, &error))
        str_clear(value);
}

void config_fatal(const struct config_request *request, bool standard_error,
                  const struct error *error)
{
    AUTO_STR struct str tag = STR_EMPTY, facility = STR_EMPTY, file = STR_EMPTY;
    AUTO_STR struct str queue = STR_EMPTY, format = STR_EMPTY, socket = STR_EMPTY;
    const char *program = program_of(request);
    struct error ignored;
    const struct loaded *loaded = read_all(request, NULL, &ignored);
    bool logger = strcmp(program, "postlogd") == 0;

    peek(loaded, "syslog_name", &tag);
    peek(loaded, "syslog_facility", &facility);
    peek(loaded, "maillog_file", &file);
    peek(loaded, "maillog_format", &format);
    str_text(&socket, "public/");
    peek(loaded, "postlog_service_name", &socket);
    peek(loaded, "queue_directory", &queue);
    str_format(&tag, "%s%s", tag.length > 0 ? "/" : "postfix/", program);
    if (queue.length == 0 || chdir(queue.data) < 0)
        str_clear(&file);
    log_open(&(struct log_settings){
        .tag = tag.data,
        .program = program,
        .facility = facility.data,
        /* Who writes the log cannot be told what to write by itself. */
        .postlog_socket = file.length == 0 ? NULL : logger ? "" : socket.data,
        .fallback_file = file.length > 0 ? file.data : NULL,
        .json = strcmp(format.data, "json") == 0,
        .syslog = true,
        .standard_error = standard_error,
        .daemon = !standard_error,
    });
    log_fatal("%s", error->text);
}

const char *config_log_socket(const struct config *config, struct str *path)
{
    if (!*config->maillog_file)
        return NULL;
    str_format(path, "public/%s", config->postlog_service_name);
    return path->data;
}

const char *config_log_socket_path(const struct config *config, struct str *path)
{
    if (!*config->maillog_file)
        return NULL;
    str_format(path, "%s/", config->queue_directory);
    return config_log_socket(config, path) ? path->data : NULL;
}

bool config_log_is_json(const struct config *config)
{
    return strcmp(config->maillog_format, "json") == 0;
}

void config_free(const struct config *config)
{
    if (!config)
        return;

    const struct loaded *loaded = loaded_of(config);
    struct arena *arena = loaded->arena;

    main_cf_free((struct main_cf *)(uintptr_t)config->source);
    names_free(loaded->names);
    arena_free(arena);
}

bool config_lookup(const struct config *config, const char *name, struct str *value,
                   struct error *error)
{
    const struct names *names = loaded_of(config)->names;
    AUTO_STR struct str raw = STR_EMPTY;

    if (!names_raw(names, slice_of(name), &raw))
        return error_set(error, "%s is not defined", name);
    str_clear(value);
    return names_value(names, slice_of(name), value, error);
}

bool config_is_yes(const struct config *config, const char *name)
{
    AUTO_STR struct str text = STR_EMPTY;
    struct error error;

    return config_lookup(config, name, &text, &error) && slice_is_nocase(str_slice(&text), "yes");
}

bool config_expand(const struct config *config, struct slice text, struct str *output,
                   struct error *error)
{
    return names_expand(loaded_of(config)->names, text, output, error);
}

/* The text of a member of a family; false when nobody set it. */
static bool family_value(const struct config *config, const char *prefix, const char *suffix,
                         struct str *name, struct str *value)
{
    struct error error;
    AUTO_STR struct str raw = STR_EMPTY;

    str_format(name, "%s%s", prefix, suffix);
    if (!names_raw(loaded_of(config)->names, str_slice(name), &raw))
        return false;
    if (!names_value(loaded_of(config)->names, str_slice(name), value, &error))
        log_fatal("%s: %s", name->data, error.text);
    return true;
}

static bool store_member(const char *suffix, const struct str *name, const struct str *value,
                         int *number, struct error *error)
{
    const struct family_member *member = family_find(suffix);
    struct parameter shape = { .type = PARAMETER_NUMBER };

    if (member)
        shape = (struct parameter){ .type = (uint8_t)member->type, .lowest = member->lowest,
                                    .highest = member->highest };
    return value_store(&shape, name->data, slice_trim(str_slice(value)), "", number, error);
}

static int find_member(const struct config *config, const char *prefix, const char *suffix,
                       int fallback)
{
    AUTO_STR struct str name = STR_EMPTY, value = STR_EMPTY;
    struct error error;
    int number;

    if (!family_value(config, prefix, suffix, &name, &value))
        return fallback;
    if (!store_member(suffix, &name, &value, &number, &error))
        log_fatal("%s", error.text);
    return number;
}

int config_family_number(const struct config *config, const char *prefix, const char *suffix,
                         int fallback)
{
    return find_member(config, prefix, suffix, fallback);
}

int config_family_seconds(const struct config *config, const char *prefix, const char *suffix,
                          int fallback)
{
    return find_member(config, prefix, suffix, fallback);
}

static bool check_member(const struct loaded *loaded, const char *service, const char *suffix,
                         struct error *error)
{
    AUTO_STR struct str name = STR_EMPTY, value = STR_EMPTY, raw = STR_EMPTY;
    int number;

    str_format(&name, "%s%s", service, suffix);
    if (!names_raw(loaded->names, str_slice(&name), &raw))
        return true;
    return names_value(loaded->names, str_slice(&name), &value, error) &&
           store_member(suffix, &name, &value, &number, error);
}

bool config_check_family(const struct config_request *request, const char *command,
                         config_complain *complain, void *argument)
{
    struct error error;
    const struct family_member *member;
    struct loaded *loaded = read_all(request, NULL, &error);
    bool good = true;

    if (!loaded) {
        complain(argument, error.text);
        return false;
    }
    for (size_t i = 0; (member = family_at(command, i)) != NULL; i++)
        if (!check_member(loaded, request->service, member->suffix, &error)) {
            complain(argument, error.text);
            good = false;
        }
    config_free(&loaded->config);
    return good;
}
