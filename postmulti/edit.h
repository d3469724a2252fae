/*
 * What postmulti -e changes in the main.cf files of instances, by way of postconf(1).
 */
#pragma once

#include "instances.h"

struct edit_request {
    const char *action;         /* init, enable, ... */
    const char *name, *group;   /* -I and -G: the new ones; NULL: as they are */
    struct selection selection;
    bool in_front;              /* -a */
    char **settings;            /* name=value ... */
};

/* The exit status; what cannot be done is fatal. */
int edit_instances(const struct instances *instances, const struct edit_request *request);
