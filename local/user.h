/*
 * A local part that is no alias: the account's .forward, its mailbox or what the configuration
 * puts in their place; without an account fallback_transport and luser_relay (local(8)).
 */
#pragma once

#include "expand.h"

/* The address of job->place. */
void deliver_to_user(struct job *job, const char *address, const struct origin *origin);
