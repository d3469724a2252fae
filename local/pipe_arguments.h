/*
 * The arguments of a pipe(8) command, for the recipients of a delivery.
 */
#pragma once

#include "deliver/request.h"
#include "pipe_settings.h"

/*
 * Expand $name, ${name}, $(name) and $$ in each argument; one that speaks of a recipient comes
 * once for each.  The result lives in the arena, NULL at its end.  False for an unknown name.
 */
bool pipe_arguments_expand(const struct pipe_settings *settings, const char *delimiters,
                           const struct delivery_request *request, struct arena *arena,
                           const char *const **arguments, struct error *error) MUST_USE;
