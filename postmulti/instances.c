#include "instances.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/defaults.h"
#include "log/log.h"

#include <stdlib.h>

static const struct config *load(const char *directory)
{
    const struct config_request request = { .directory = directory, .program = "postmulti" };
    const struct config *config;
    struct error error;

    if (!config_load(&request, &config, &error))
        log_fatal("instance %s: %s", directory, error.text);
    return config;
}

/* Takes the directory. */
static void add(struct instances *instances, char *directory)
{
    struct instance instance = { .directory = directory, .config = load(directory),
                                 .is_primary = instances->count == 0 };

    instance.enabled = instance.config->multi_instance_enable;
    VECTOR_PUSH(instances, instance);
}

void instances_check_name(const struct instances *instances, const struct instance *self,
                          const char *name)
{
    for (size_t i = 0; i < instances->count; i++) {
        const struct instance *other = &instances->items[i];

        if (other != self && *name && strcmp(other->config->multi_instance_name, name) == 0)
            log_fatal("multi_instance_name=%s is already the name of instance %s", name,
                      other->directory);
    }
}

void instances_check_place(const struct instances *instances, const struct instance *self,
                           const char *what, const char *path)
{
    for (size_t i = 0; i < instances->count; i++) {
        const struct instance *other = &instances->items[i];
        const struct { const char *name, *path; } places[] = {
            { "config_directory", other->directory },
            { "queue_directory", other->config->queue_directory },
            { "data_directory", other->config->data_directory },
        };

        for (size_t j = 0; j < COUNT(places); j++)
            if (strcmp(places[j].path, path) == 0 &&
                (other != self || strcmp(places[j].name, what) != 0))
                log_fatal("%s=%s is already in use by instance %s, %s", what, path,
                          other->directory, places[j].name);
    }
}

static void check(const struct instances *instances, const struct instance *instance)
{
    instances_check_name(instances, instance, instance->config->multi_instance_name);
    instances_check_place(instances, instance, "config_directory", instance->directory);
    instances_check_place(instances, instance, "queue_directory",
                          instance->config->queue_directory);
    instances_check_place(instances, instance, "data_directory", instance->config->data_directory);
}

void instances_add(struct instances *instances, size_t place, const char *directory)
{
    add(instances, memory_copy(directory));

    struct instance *items = instances->items, added = items[instances->count - 1];

    memmove(items + place + 1, items + place, (instances->count - 1 - place) * sizeof(*items));
    items[place] = added;
    check(instances, &items[place]);
}

void instances_load(struct instances *instances)
{
    const char *environment = getenv("MAIL_CONFIG");

    if (environment && strcmp(environment, default_config_directory()) != 0)
        log_fatal("MAIL_CONFIG is set to a non-default directory: %s", environment);
    add(instances, memory_copy(default_config_directory()));

    const struct config *primary = instances->items[0].config;
    struct slice rest = slice_of(primary->multi_instance_directories), directory;

    instances->managed = primary->multi_instance_wrapper[0] != '\0';
    if (!*primary->multi_instance_directories)
        instances->items[0].enabled = true;
    while (slice_take_token(&rest, ", \t\r\n", &directory)) {
        AUTO_FREE char *path = memory_text(directory.data, directory.length);

        instances_add(instances, instances->count, path);
    }
}

void instances_free(struct instances *instances)
{
    for (size_t i = 0; i < instances->count; i++) {
        config_free(instances->items[i].config);
        free(instances->items[i].directory);
    }
    VECTOR_FREE(instances);
}

bool instance_is_selected(const struct instance *instance, const struct selection *selection)
{
    const char *name = selection->name;

    if (selection->group && strcmp(selection->group, instance->config->multi_instance_group) != 0)
        return false;
    if (!name)
        return true;
    if (strcmp(name, "-") == 0)
        return instance->is_primary;
    return strcmp(name, instance->directory) == 0
        || (*name && strcmp(name, instance->config->multi_instance_name) == 0);
}
