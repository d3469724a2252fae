/*
 * What postmulti does for one instance after the other; the results are exit statuses.
 */
#pragma once

#include "instances.h"

/* -l: name, group, y or n, directory. */
int iterate_list(const struct instances *instances, const struct selection *selection,
                 bool reverse);

/* -p: postfix(1) with these words; which commands skip whom, postmulti_*_commands say. */
int iterate_postfix(const struct instances *instances, const struct selection *selection,
                    char **words);

/* -x: any command, told of the instance by its environment. */
int iterate_command(const struct instances *instances, const struct selection *selection,
                    bool reverse, char **words);
