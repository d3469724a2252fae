/*
 * What postmulti -e changes: main.cf files, by way of postconf(1), and the list of instances.
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
int edit_instances(struct instances *instances, const struct edit_request *request);

/* One setting of the main.cf in the directory; fatal when that fails. */
void edit_set(const struct instances *instances, const char *directory, const char *name,
              const char *value);

/* The value of name=value among the request's settings; NULL when it is not there. */
const char *edit_setting(const struct edit_request *request, const char *name);
