#include "modes.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/master_field.h"
#include "log/log.h"
#include "print.h"
#include "request.h"
#include "service_line.h"
#include "source.h"
#include "usage.h"

struct requests {
    struct request *items;
    size_t count, capacity;
};

/* What main.cf and the service's own -o say, for -x. */
static struct main_cf *settings_of(const struct source *source,
                                   const struct master_service *service)
{
    struct main_cf *copy;
    struct error error;
    const char *setting;

    if (!main_cf_parse(SLICE_LITERAL(""), main_cf_path(source->main_cf), NULL, NULL, &copy,
                       &error))
        log_fatal("%s", error.text);
    for (size_t i = 0; i < main_cf_count(source->main_cf); i++) {
        const struct main_cf_entry *entry = main_cf_at(source->main_cf, i);

        main_cf_set(copy, entry->name, slice_of(entry->value));
    }
    for (size_t i = 0; master_service_setting(service, &i, &setting);) {
        struct slice rest = slice_of(setting);
        AUTO_STR struct str name = STR_EMPTY;

        str_add(&name, slice_trim(slice_take_until(&rest, "=")));
        main_cf_set(copy, name.data, slice_trim(rest));
    }
    return copy;
}

static void expand(const struct source *source, const struct master_service *service,
                   struct slice text, struct str *output)
{
    struct main_cf *settings = settings_of(source, service);
    struct names *names = names_new(settings, service->command, service->name);
    struct error error;

    str_clear(output);
    if (!names_expand(names, text, output, &error)) {
        log_warn("%s", error.text);
        log_fatal("macro processing error");
    }
    names_free(names);
    main_cf_free(settings);
}

/* The service with the values of its -o expanded, in arena. */
static struct master_service expanded_service(const struct source *source,
                                              const struct master_service *service,
                                              struct arena *arena)
{
    struct master_service copy = *service;
    AUTO_STR struct str text = STR_EMPTY;
    const char *setting;

    copy.arguments = arena_take(arena, (service->argument_count + 1) * sizeof(char *));
    for (size_t i = 0; i < service->argument_count; i++)
        copy.arguments[i] = service->arguments[i];
    for (size_t i = 0; master_service_setting(service, &i, &setting);) {
        expand(source, service, slice_of(setting), &text);
        for (size_t j = 0; j < service->argument_count; j++)
            if (service->arguments[j] == setting)
                copy.arguments[j] = arena_text(arena, str_slice(&text));
    }
    return copy;
}

static void print_line(const struct source *source, const struct master_service *service,
                       UNUSED struct request *request, struct str *output)
{
    service_line(service, option_is_given(source->options, 'f'), output);
}

static bool prints_folded(const struct options *options)
{
    return option_is_given(options, 'f') && !option_is_given(options, 'H');
}

static void print_folded_command(const struct source *source,
                                 const struct master_service *service, const char *label,
                                 struct str *output)
{
    struct line line = { output, output->length, true, SERVICE_COLUMNS };

    if (!option_is_given(source->options, 'h'))
        str_format(output, "%s =", label);
    service_fold_command(service, &line);
    str_byte(output, '\n');
}

static void print_fields(const struct source *source, const struct master_service *service,
                         struct request *request, struct str *output)
{
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        AUTO_STR struct str label = STR_EMPTY, text = STR_EMPTY;
        const char *name = master_field_name((enum master_field)i);

        if (request && !request_matches_item(request, name))
            continue;
        str_format(&label, "%s/%s/%s", service->fields[MASTER_NAME],
                   service->fields[MASTER_TYPE], name);
        if (i == MASTER_COMMAND && prints_folded(source->options)) {
            print_folded_command(source, service, label.data, output);
            continue;
        }
        if (i == MASTER_COMMAND)
            service_command(service, &text);
        else
            str_text(&text, service->fields[i]);
        print_setting(output, source->options, label.data, str_slice(&text));
    }
}

struct setting {
    struct slice name, value;
};

struct settings {
    struct setting *items;
    size_t count, capacity;
};

static int compare_settings(const void *left, const void *right)
{
    const struct slice a = ((const struct setting *)left)->name;
    const struct slice b = ((const struct setting *)right)->name;
    int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);

    return order ? order : (a.length > b.length) - (a.length < b.length);
}

/* The later of equal names counts. */
static void add_setting(struct settings *settings, struct setting setting)
{
    for (size_t i = 0; i < settings->count; i++)
        if (slice_equal(settings->items[i].name, setting.name)) {
            settings->items[i] = setting;
            return;
        }
    VECTOR_PUSH(settings, setting);
}

static void print_settings(const struct source *source, const struct master_service *service,
                           struct request *request, struct str *output)
{
    struct settings settings = { NULL, 0, 0 };
    const char *text;

    for (size_t i = 0; master_service_setting(service, &i, &text);) {
        struct slice rest = slice_of(text);

        if (slice_find(rest, '=') == rest.length)
            continue;

        struct slice name = slice_trim(slice_take_until(&rest, "="));

        if (!known_name_is_read_only(name))
            add_setting(&settings, (struct setting){ name, slice_trim(rest) });
    }
    if (settings.count > 1)
        qsort(settings.items, settings.count, sizeof(*settings.items), compare_settings);
    if (request)
        request->matched = false;
    for (size_t i = 0; i < settings.count; i++) {
        AUTO_STR struct str label = STR_EMPTY, name = STR_EMPTY;

        str_add(&name, settings.items[i].name);
        if (request && !request_matches_item(request, name.data))
            continue;
        if (request)
            request->matched = true;
        str_format(&label, "%s/%s/%s", service->fields[MASTER_NAME],
                   service->fields[MASTER_TYPE], name.data);
        print_setting(output, source->options, label.data, settings.items[i].value);
    }
    VECTOR_FREE(&settings);
}

typedef void print_function(const struct source *source, const struct master_service *service,
                            struct request *request, struct str *output);

static void print_service(const struct source *source, const struct master_service *service,
                          print_function *print, struct request *request, struct str *output)
{
    AUTO_ARENA struct arena *arena = arena_new();

    if (!option_is_given(source->options, 'x')) {
        print(source, service, request, output);
        return;
    }

    struct master_service copy = expanded_service(source, service, arena);

    print(source, &copy, request, output);
}

static void check_request(const struct options *options, const struct request *request)
{
    if (option_is_given(options, 'M') && request->parts > 2)
        log_fatal("-M option requires service_name[/type]");
    if (option_is_given(options, 'F') && request->parts > 3)
        log_fatal("-F option requires service_name[/type[/field]]");
    if (option_is_given(options, 'P') && request->parts > 3)
        log_fatal("-P option requires service_name[/type[/parameter]]");
    if (!option_is_given(options, 'F') || slice_is(request->item, "*"))
        return;
    for (size_t i = 0; i < MASTER_FIELDS; i++)
        if (slice_is(request->item, master_field_name((enum master_field)i)))
            return;
    log_fatal("invalid service attribute name: \"%.*s\"", SLICE_ARGS(request->item));
}

/* Each service in the file's order, for each request that it meets. */
static void print_requested(const struct source *source, struct requests *requests,
                            print_function *print, struct str *output)
{
    for (size_t i = 0; i < master_cf_count(source->master_cf); i++) {
        const struct master_service *service = master_cf_at(source->master_cf, i);

        if (requests->count == 0)
            print_service(source, service, print, NULL, output);
        for (size_t j = 0; j < requests->count; j++) {
            struct request *request = &requests->items[j];
            bool before = request->matched;

            if (!request_matches_service(request, service))
                continue;
            request->matched = true;
            print_service(source, service, print, request, output);
            request->matched = request->matched || before;
        }
    }
}

void show_services(const struct options *options)
{
    struct source source = source_open(options);
    struct requests requests = { NULL, 0, 0 };
    AUTO_STR struct str output = STR_EMPTY;
    print_function *print = option_is_given(options, 'M') ? print_line
                            : option_is_given(options, 'F') ? print_fields : print_settings;

    source_add_master(&source, false);
    for (char **argument = options->arguments; *argument; argument++) {
        VECTOR_PUSH(&requests, request_parse(*argument, false));
        check_request(options, &requests.items[requests.count - 1]);
    }

    struct known_names *known = known_names_new(&source);

    usage_collect(&source, known);
    print_requested(&source, &requests, print, &output);
    for (size_t i = 0; i < requests.count; i++)
        if (!requests.items[i].matched)
            log_warn("unmatched request: \"%s\"", options->arguments[i]);
    write_output(&output);
    usage_warn_master(&source, known);
    known_names_free(known);
    VECTOR_FREE(&requests);
    source_close(&source);
}
