#include "instances.h"

#include "base/memory.h"
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
    while (slice_take_token(&rest, ", \t\r\n", &directory))
        add(instances, memory_text(directory.data, directory.length));
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
