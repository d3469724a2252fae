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

/* Load all; a main.cf that cannot be read, and two that share a name or a place, are fatal. */
void instances_load(struct instances *instances);

void instances_free(struct instances *instances);

/* One more, before the one at place (or behind all, their count); the same is fatal. */
void instances_add(struct instances *instances, size_t place, const char *directory);

/*
 * Fatal when an instance other than `self` (NULL: any) has this name, or has its configuration,
 * queue or data where `path` is, of which `what` tells.
 */
void instances_check_name(const struct instances *instances, const struct instance *self,
                          const char *name);
void instances_check_place(const struct instances *instances, const struct instance *self,
                           const char *what, const char *path);

/* Which of them an operation is for: -g and -i; NULL: any. */
struct selection {
    const char *group, *name;
};

bool instance_is_selected(const struct instance *instance, const struct selection *selection);
