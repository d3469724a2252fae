#include "edit.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "places.h"
#include "run.h"

#include <unistd.h>

void edit_set(const struct instances *instances, const char *directory, const char *name,
              const char *value)
{
    AUTO_STR struct str setting = STR_EMPTY;

    str_format(&setting, "%s = %s", name, value);
    if (!run_command(instances, "postconf", directory,
                     (char *[]){ (char[]){ "-e" }, setting.data, NULL }))
        log_fatal("cannot set %s in %s/main.cf", name, directory);
}

const char *edit_setting(const struct edit_request *request, const char *name)
{
    size_t length = strlen(name);

    for (char **setting = request->settings; *setting; setting++)
        if (strncmp(*setting, name, length) == 0 && (*setting)[length] == '=')
            return *setting + length + 1;
    return NULL;
}

static const struct instance *find(const struct instances *instances,
                                   const struct selection *selection)
{
    for (size_t i = 0; i < instances->count; i++)
        if (instance_is_selected(&instances->items[i], selection))
            return &instances->items[i];
    log_fatal("No matching instance: %s", selection->name);
}

static const char *or_nothing(const char *text)
{
    return strcmp(text, "-") == 0 ? "" : text;
}

/* "-" for none; what is so already is not written. */
static void set_name(const struct instances *instances, const struct instance *instance,
                     const char *name, const char *now, const char *wanted)
{
    if (wanted && strcmp(now, or_nothing(wanted)) != 0)
        edit_set(instances, instance->directory, name, or_nothing(wanted));
}

static void set_names(const struct instances *instances, const struct edit_request *request,
                      const struct instance *instance)
{
    const struct config *config = instance->config;

    set_name(instances, instance, "multi_instance_name", config->multi_instance_name,
             request->name);
    set_name(instances, instance, "multi_instance_group", config->multi_instance_group,
             request->group);
}

/* -a, -g and -i tell before whom a new instance stands; the first one it may precede. */
static size_t place_in_list(const struct instances *instances, const struct edit_request *request)
{
    bool chooses = request->selection.name || request->selection.group;

    for (size_t i = 1; i < instances->count; i++)
        if (request->in_front
            || (chooses && instance_is_selected(&instances->items[i], &request->selection)))
            return i;
    if (chooses)
        log_fatal("No matching secondary instances");
    return instances->count;
}

/* multi_instance_directories: all but one, NULL: all. */
static void write_list(const struct instances *instances, const struct instance *without)
{
    AUTO_STR struct str list = STR_EMPTY;

    for (size_t i = 1; i < instances->count; i++)
        if (&instances->items[i] != without)
            str_format(&list, "%s%s", list.length ? " " : "", instances->items[i].directory);
    edit_set(instances, instances->items[0].directory, "multi_instance_directories", list.data);
}

static int init(struct instances *instances, UNUSED const struct edit_request *request)
{
    const char *primary = instances->items[0].directory;

    edit_set(instances, primary, "multi_instance_enable", "yes");
    edit_set(instances, primary, "multi_instance_wrapper", "${command_directory}/postmulti -p --");
    return 0;
}

static bool is_complete(const char *directory)
{
    AUTO_STR struct str main_cf = STR_EMPTY, master_cf = STR_EMPTY;

    str_format(&main_cf, "%s/main.cf", directory);
    str_format(&master_cf, "%s/master.cf", directory);
    return access(main_cf.data, F_OK) == 0 && access(master_cf.data, F_OK) == 0;
}

/* Its own main.cf says where its queue and data are; what is missing there is made. */
static void take_on(struct instances *instances, const struct edit_request *request,
                    const char *directory)
{
    size_t place = place_in_list(instances, request);

    instances_add(instances, place, directory);
    if (!run_command(instances, "postfix", directory,
                     (char *[]){ (char[]){ "set-permissions" }, NULL }))
        log_fatal("cannot make the queue of instance %s", directory);
    set_names(instances, request, &instances->items[place]);
    write_list(instances, NULL);
}

static int import(struct instances *instances, const struct edit_request *request)
{
    struct places places = { STR_EMPTY, STR_EMPTY, STR_EMPTY };

    places_find(instances, request, true, &places);
    if (request->name)
        instances_check_name(instances, NULL, or_nothing(request->name));
    instances_check_place(instances, NULL, "config_directory", places.configuration.data);
    take_on(instances, request, places.configuration.data);
    places_free(&places);
    return 0;
}

static void check_new_places(const struct instances *instances, const struct places *places)
{
    const char *configuration = places->configuration.data, *queue = places->queue.data,
               *data = places->data.data;

    instances_check_place(instances, NULL, "config_directory", configuration);
    instances_check_place(instances, NULL, "queue_directory", queue);
    instances_check_place(instances, NULL, "data_directory", data);
    if (strcmp(queue, configuration) == 0 || strcmp(data, configuration) == 0 ||
        strcmp(queue, data) == 0)
        log_fatal("config_directory=%s, queue_directory=%s, data_directory=%s: they must differ",
                  configuration, queue, data);
}

static int create(struct instances *instances, const struct edit_request *request)
{
    struct places places = { STR_EMPTY, STR_EMPTY, STR_EMPTY };

    place_in_list(instances, request);      /* refuses, before anything is made */
    places_find(instances, request, true, &places);
    if (is_complete(places.configuration.data)) {
        places_free(&places);
        return import(instances, request);
    }
    places_free(&places);
    places_find(instances, request, false, &places);
    if (request->name)
        instances_check_name(instances, NULL, or_nothing(request->name));
    check_new_places(instances, &places);
    places_create(instances, &places);
    take_on(instances, request, places.configuration.data);
    places_free(&places);
    return 0;
}

static const struct instance *find_disabled(const struct instances *instances,
                                            const struct edit_request *request)
{
    const struct instance *instance = find(instances, &request->selection);

    if (instance->is_primary)
        log_fatal("Cannot remove the primary instance");
    if (instance->enabled)
        log_fatal("Cannot remove enabled instances");
    return instance;
}

static int deport(struct instances *instances, const struct edit_request *request)
{
    write_list(instances, find_disabled(instances, request));
    return 0;
}

static int destroy(struct instances *instances, const struct edit_request *request)
{
    const struct instance *instance = find_disabled(instances, request);

    places_destroy(instance);
    write_list(instances, instance);
    return 0;
}

static int assign(struct instances *instances, const struct edit_request *request)
{
    const struct instance *instance = find(instances, &request->selection);

    if (!request->name && !request->group)
        log_fatal("-e assign: give the new name or group with -I or -G");
    if (request->name)
        instances_check_name(instances, instance, or_nothing(request->name));
    set_names(instances, request, instance);
    return 0;
}

static int enable(struct instances *instances, const struct edit_request *request)
{
    edit_set(instances, find(instances, &request->selection)->directory, "multi_instance_enable",
             strcmp(request->action, "enable") == 0 ? "yes" : "no");
    return 0;
}

/* What an action accepts beside its name. */
static const struct action {
    const char *name;
    int (*run)(struct instances *instances, const struct edit_request *request);
    bool needs_selection, takes_names;
    const char *settings[4];
} actions[] = {
    { "create", create, false, true, { "config_directory", "queue_directory", "data_directory" } },
    { "destroy", destroy, true, false, { NULL } },
    { "import", import, false, true, { "config_directory" } },
    { "deport", deport, true, false, { NULL } },
    { "enable", enable, true, false, { NULL } },
    { "disable", enable, true, false, { NULL } },
    { "assign", assign, true, true, { NULL } },
    { "init", init, false, false, { NULL } },
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < COUNT(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    log_fatal("Invalid '-e' edit action '%s'. Specify 'init', 'create', 'destroy', 'import', "
              "'deport', 'enable', 'disable' or 'assign'", name);
}

static void check_setting(const struct action *action, const char *setting)
{
    size_t length = strcspn(setting, "=");

    if (setting[length] != '=')
        log_fatal("%s: expected name=value", setting);
    for (const char *const *name = action->settings; *name; name++)
        if (strlen(*name) == length && memcmp(*name, setting, length) == 0)
            return;
    log_fatal("%.*s cannot be set with -e %s", (int)length, setting, action->name);
}

static void check_request(const struct action *action, const struct edit_request *request)
{
    const char *name = request->name;

    if (action->needs_selection && !request->selection.name)
        log_fatal("Select an instance via '-i name'");
    if (!action->takes_names && (name || request->group))
        log_fatal("-e %s takes neither -I nor -G", action->name);
    if (name && strcmp(name, "-") != 0 && !slice_starts(slice_of(name), "postfix-"))
        log_fatal("instance names must start with \"postfix-\": %s", name);
    for (char **setting = request->settings; *setting; setting++)
        check_setting(action, *setting);
}

int edit_instances(struct instances *instances, const struct edit_request *request)
{
    const struct action *action = find_action(request->action);

    check_request(action, request);
    if (action->run != init && (!instances->managed
                                || !instances->items[0].config->multi_instance_enable))
        log_fatal("multi-instance support is not enabled: see postmulti -e init");
    return action->run(instances, request);
}
