/*
 * The directories of an instance: made by postmulti -e create, removed by -e destroy.
 */
#pragma once

#include "base/str.h"
#include "edit.h"

/* Where a new instance has its three directories. */
struct places {
    struct str configuration, queue, data;
};

/*
 * What name=value says, else what stands beside the primary one's, named as -I says.  Fatal when
 * neither tells, or when a path is relative.  Only what the action needs is looked for.
 */
void places_find(const struct instances *instances, const struct edit_request *request,
                 bool configuration_only, struct places *places);
void places_free(struct places *places);

/*
 * Make them, with the stock main.cf and master.cf (of meta_directory), in which what instances
 * share is as in the primary one; the queue is still empty.  Fatal when that fails.
 */
void places_create(const struct instances *instances, const struct places *places);

/*
 * Remove the instance's two files and its directories, as far as they are empty; a warning names
 * those that are not.  Fatal while it runs.
 */
void places_destroy(const struct instance *instance);
