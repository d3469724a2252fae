/*
 * pipe(8): gives messages to programs that the administrator names in master.cf.
 */
#pragma once

#include "service/service.h"

bool pipe_prepare(struct service_context *context, struct error *error);
enum turn pipe_turn(struct client *client);
