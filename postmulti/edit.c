#include "edit.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <sys/wait.h>

/* One setting of the main.cf in the directory. */
static void set(const struct instances *instances, const char *directory, const char *name,
                const char *value)
{
    AUTO_STR struct str program = STR_EMPTY, setting = STR_EMPTY;
    int status;

    str_format(&program, "%s/postconf", instances->items[0].config->command_directory);
    str_format(&setting, "%s = %s", name, value);

    char *words[] = { program.data, (char[]){ "-c" }, memory_copy(directory), (char[]){ "-e" },
                      setting.data, NULL };
    pid_t child = fork();

    if (child == 0) {
        execv(program.data, words);
        _exit(127);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    free(words[2]);
    if (child < 0 || status)
        log_fatal("cannot set %s in %s/main.cf", name, directory);
}

static const struct instance *find(const struct instances *instances,
                                   const struct selection *selection)
{
    if (!selection->name)
        log_fatal("Select an instance via '-i name'");
    for (size_t i = 0; i < instances->count; i++)
        if (instance_is_selected(&instances->items[i], selection))
            return &instances->items[i];
    log_fatal("No matching instance: %s", selection->name);
}

static void check_name(const struct instances *instances, const char *name)
{
    if (!name || strcmp(name, "-") == 0)
        return;
    if (!slice_starts(slice_of(name), "postfix-"))
        log_fatal("instance names must start with \"postfix-\": %s", name);
    for (size_t i = 0; i < instances->count; i++)
        if (strcmp(instances->items[i].config->multi_instance_name, name) == 0)
            log_fatal("instance name already in use: %s", name);
}

static const char *or_nothing(const char *text)
{
    return strcmp(text, "-") == 0 ? "" : text;
}

static void assign(const struct instances *instances, const struct edit_request *request,
                   const char *directory)
{
    if (request->name)
        set(instances, directory, "multi_instance_name", or_nothing(request->name));
    if (request->group)
        set(instances, directory, "multi_instance_group", or_nothing(request->group));
}

/* multi_instance_directories without one, and with another where -a, -g and -i want it. */
static void write_list(const struct instances *instances, const char *without, const char *added,
                       const struct edit_request *request)
{
    bool chooses = request->in_front || request->selection.name || request->selection.group;
    AUTO_STR struct str list = STR_EMPTY;
    bool open = added != NULL;

    for (size_t i = 1; i < instances->count; i++) {
        const struct instance *instance = &instances->items[i];

        if (open && chooses && (request->in_front
                                || instance_is_selected(instance, &request->selection))) {
            str_format(&list, "%s%s", list.length ? " " : "", added);
            open = false;
        }
        if (!without || strcmp(instance->directory, without) != 0)
            str_format(&list, "%s%s", list.length ? " " : "", instance->directory);
    }
    if (open)
        str_format(&list, "%s%s", list.length ? " " : "", added);
    set(instances, instances->items[0].directory, "multi_instance_directories", list.data);
}

static const char *setting_of(const struct edit_request *request, const char *name)
{
    size_t length = strlen(name);

    for (char **setting = request->settings; *setting; setting++)
        if (strncmp(*setting, name, length) == 0 && (*setting)[length] == '=')
            return *setting + length + 1;
    return NULL;
}

static int import(const struct instances *instances, const struct edit_request *request)
{
    const char *directory = setting_of(request, "config_directory");
    const char *primary = instances->items[0].directory;
    AUTO_STR struct str path = STR_EMPTY;

    check_name(instances, request->name);
    if (directory) {
        str_text(&path, directory);
    } else {
        if (!request->name || strcmp(request->name, "-") == 0)
            log_fatal("the action requires -I or config_directory=");
        str_format(&path, "%.*s/%s", (int)slice_find_last(slice_of(primary), '/'), primary,
                   request->name);
    }
    for (size_t i = 0; i < instances->count; i++)
        if (strcmp(instances->items[i].directory, path.data) == 0)
            log_fatal("instance already exists: %s", path.data);
    set(instances, path.data, "multi_instance_enable", "no");
    assign(instances, request, path.data);
    write_list(instances, NULL, path.data, request);
    return 0;
}

static int deport(const struct instances *instances, const struct edit_request *request)
{
    const struct instance *instance = find(instances, &request->selection);
    const struct edit_request nowhere = { .action = request->action };

    if (instance->is_primary)
        log_fatal("Cannot deport the primary instance");
    if (instance->enabled)
        log_fatal("Cannot remove enabled instances");
    write_list(instances, instance->directory, NULL, &nowhere);
    return 0;
}

int edit_instances(const struct instances *instances, const struct edit_request *request)
{
    struct slice action = slice_of(request->action);

    if (slice_is(action, "init")) {
        const char *primary = instances->items[0].directory;

        set(instances, primary, "multi_instance_enable", "yes");
        set(instances, primary, "multi_instance_wrapper", "${command_directory}/postmulti -p --");
        return 0;
    }
    if (slice_is(action, "create") || slice_is(action, "destroy"))
        log_fatal("-e %s is not built in: make or remove the directories by hand, then use "
                  "-e import or -e deport", request->action);
    if (!instances->managed)
        log_fatal("multi-instance support is not enabled: see postmulti -e init");
    if (slice_is(action, "import"))
        return import(instances, request);
    if (slice_is(action, "deport"))
        return deport(instances, request);

    const struct instance *instance = find(instances, &request->selection);

    if (slice_is(action, "assign")) {
        check_name(instances, request->name);
        assign(instances, request, instance->directory);
        return 0;
    }
    if (!slice_is(action, "enable") && !slice_is(action, "disable"))
        log_fatal("Invalid '-e' edit action '%s'. Specify 'init', 'create', 'destroy', 'import', "
                  "'deport', 'enable', 'disable' or 'assign'", request->action);
    set(instances, instance->directory, "multi_instance_enable",
        slice_is(action, "enable") ? "yes" : "no");
    return 0;
}
