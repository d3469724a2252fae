#include "source.h"

#include "base/scope.h"
#include "config/defaults.h"
#include "log/log.h"

static void warn(UNUSED void *argument, const char *text)
{
    log_warn("%s", text);
}

static const char *find_directory(const struct options *options, bool *chosen)
{
    const char *environment = getenv("MAIL_CONFIG");

    *chosen = options->directory || environment;
    if (options->directory)
        return options->directory;
    return environment ? environment : default_config_directory();
}

/* Defaults are shown without a look at the file. */
static bool read_main(const struct options *options, const char *directory, const char *nowhere,
                      struct main_cf **main_cf, struct error *error)
{
    if (option_is_given(options, 'd'))
        return main_cf_parse(SLICE_LITERAL(""), nowhere, NULL, NULL, main_cf, error);
    return main_cf_read(directory, 0, warn, NULL, main_cf, error);
}

struct source source_open(const struct options *options)
{
    struct source source = { .options = options };
    struct error error;
    bool chosen;

    source.directory = find_directory(options, &chosen);

    AUTO_STR struct str nowhere = STR_EMPTY;

    str_format(&nowhere, "%s/main.cf", default_config_directory());
    if (!read_main(options, source.directory, nowhere.data, &source.main_cf, &error) ||
        !main_cf_parse(SLICE_LITERAL(""), nowhere.data, NULL, NULL, &source.no_main_cf, &error))
        log_fatal("%s", error.text);
    if (chosen)
        main_cf_set(source.main_cf, "config_directory", slice_of(source.directory));
    for (size_t i = 0; i < options->override_count; i++)
        main_cf_set(source.main_cf, options->overrides[i].name,
                    slice_of(options->overrides[i].value));
    source.names = names_new(source.main_cf, "postconf", "");
    source.default_names = names_new(source.no_main_cf, "postconf", "");
    return source;
}

void source_add_master(struct source *source, bool may_miss)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct error error;

    str_format(&path, "%s/master.cf", source->directory);
    if (may_miss && access(path.data, F_OK) < 0) {
        log_warn("open %s: %m", path.data);
        return;
    }
    if (!master_cf_read(path.data, MASTER_CF_SHOW, warn, NULL, &source->master_cf, &error))
        log_fatal("%s", error.text);
}

void source_close(struct source *source)
{
    names_free(source->names);
    names_free(source->default_names);
    main_cf_free(source->main_cf);
    main_cf_free(source->no_main_cf);
    master_cf_free(source->master_cf);
}

void source_text(const struct source *source, const struct known_name *name, bool only_default,
                 struct str *text)
{
    const struct names *names = only_default ? source->default_names : source->names;
    struct slice slice = slice_of(name->name);
    struct error error;

    str_clear(text);
    if (!only_default && main_cf_get(source->main_cf, slice) && !known_name_is_read_only(slice)) {
        (void)names_raw(names, slice, text);
        return;
    }
    if (name->fallback)
        str_text(text, name->fallback);
    else if (!name->computed)
        (void)names_default(names, slice, text);
    else if (!names_value(names, slice, text, &error))
        log_fatal("%s", error.text);
}
