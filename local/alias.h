/*
 * aliases(5): what a name stands for, and who owns the list.
 */
#pragma once

#include "job.h"

/* True when the name, as it stands in address, was an alias, and is taken care of. */
bool alias_expand(struct job *job, struct slice name, const char *address,
                  const struct origin *origin);
