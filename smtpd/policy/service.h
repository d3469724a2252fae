/*
 * Policy servers (SMTPD_POLICY_README): what check_policy_service names, and the
 * conversation with it.
 */
#pragma once

#include "check.h"

struct policy_service;

/*
 * "inet:host:port", "unix:path" or "{ server, name = value ... }".  False, with Postfix's words,
 * for an unknown option.  Connects when it is first asked.
 */
struct policy_service *policy_service_new(const struct server *server, struct slice text,
                                          struct arena *arena, struct error *error) MUST_USE;
void policy_service_free(struct policy_service *service);

/* It is reached over TCP. */
bool policy_service_is_remote(const struct policy_service *service);

check_function check_policy_service;
