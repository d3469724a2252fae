/*
 * The default of mynetworks: the networks this host is in, by mynetworks_style,
 * inet_interfaces and inet_protocols (man 5 postconf).
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* All texts are expanded values.  The list replaces what is in networks. */
bool networks_default(const char *style, const char *interfaces, const char *protocols,
                      struct str *networks, struct error *error) MUST_USE;
