#include "config/config.h"

#include "base/scope.h"
#include "config/evaluate.h"
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

static bool evaluate_all(struct loaded *loaded, const char *program, struct error *error)
{
    bool lmtp = strcmp(program, "lmtp") == 0;

    for (size_t i = 0; i < parameter_count(); i++) {
        const struct parameter *parameter = parameter_at(i);

        if (parameter_is_used_by(parameter, program) &&
            !evaluate_for(loaded, parameter, lmtp, error))
            return false;
    }
    return true;
}

bool config_load(const struct config_request *request, const struct config **config,
                 struct error *error)
{
    struct main_cf *main_cf;
    const char *program = request->program ? request->program : "";

    if (!main_cf_read(choose_directory(request), log_warning, NULL, &main_cf, error))
        return false;
    for (size_t i = 0; i < request->override_count; i++)
        main_cf_set(main_cf, request->overrides[i].name,
                    slice_trim(slice_of(request->overrides[i].value)));

    struct arena *arena = arena_new();
    struct loaded *loaded = arena_take(arena, sizeof(*loaded));

    loaded->arena = arena;
    loaded->config.source = main_cf;
    loaded->names = names_new(main_cf, program, request->service ? request->service : program);
    if (!evaluate_all(loaded, program, error)) {
        config_free(&loaded->config);
        return false;
    }
    *config = &loaded->config;
    return true;
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

int config_family_number(const struct config *config, const char *prefix, const char *suffix,
                         int fallback)
{
    static const struct parameter shape = { .type = PARAMETER_NUMBER };
    AUTO_STR struct str name = STR_EMPTY, value = STR_EMPTY;
    struct error error;
    int number;

    if (!family_value(config, prefix, suffix, &name, &value))
        return fallback;
    if (!value_store(&shape, name.data, slice_trim(str_slice(&value)), "", &number, &error))
        log_fatal("%s", error.text);
    return number;
}

int config_family_seconds(const struct config *config, const char *prefix, const char *suffix,
                          int fallback)
{
    static const struct parameter shape = { .type = PARAMETER_SECONDS };
    AUTO_STR struct str name = STR_EMPTY, value = STR_EMPTY;
    struct error error;
    int seconds;

    if (!family_value(config, prefix, suffix, &name, &value))
        return fallback;
    if (!value_store(&shape, name.data, slice_trim(str_slice(&value)), "", &seconds, &error))
        log_fatal("%s", error.text);
    return seconds;
}
