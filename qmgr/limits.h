/*
 * The limits of a transport as main.cf gives them: its own values, else the defaults for all
 * (man 5 postconf: transport_destination_concurrency_limit and its family).
 */
#pragma once

#include "config/config.h"
#include "scheduler.h"

void limits_find(const struct config *config, const char *transport,
                 struct transport_limits *limits);
