/*
 * virtual(8): mailboxes of addresses that are no accounts, by tables.
 */
#pragma once

#include "service/service.h"

bool virtual_prepare(struct service_context *context, struct error *error);
enum turn virtual_turn(struct client *client);
