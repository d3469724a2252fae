/*
 * The safety net of compatibility_level (COMPATIBILITY_README): defaults that were different in
 * earlier releases, and whether this configuration still has an old one without saying so.
 */
#pragma once

#include "config/config.h"

/* The level that a new installation has, and below which the postfix command says so. */
#define CONFIG_LEVEL_NOW "3.6"

/* compatibility_level is lower than that; a malformed one is as low as can be. */
bool config_level_is_below(const struct config *config, const char *level);

/* Neither main.cf nor -o sets the parameter. */
bool config_is_default(const struct config *config, const char *name);

/* The parameter has a default of before that level. */
bool config_has_old_default(const struct config *config, const char *name, const char *level);
