/*
 * The Postfix instances of this host: the primary one, whose main.cf is the default one, and
 * those that its multi_instance_directories names (postmulti(1), MULTI_INSTANCE_README).
 */
#pragma once

#include "config/config.h"

struct instance {
    char *directory;            /* of its main.cf */
    const struct config *config;
    bool is_primary;
    bool enabled;               /* the primary one always is while there is only that one */
};

struct instances {
    struct instance *items;
    size_t count, capacity;
    bool managed;               /* multi_instance_wrapper is set: postfix(1) obeys for all */
};

/* Load all; a main.cf that cannot be read is fatal. */
void instances_load(struct instances *instances);

void instances_free(struct instances *instances);

/* Which of them an operation is for: -g and -i; NULL: any. */
struct selection {
    const char *group, *name;
};

bool instance_is_selected(const struct instance *instance, const struct selection *selection);
