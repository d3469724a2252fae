/*
 * What an ordinary user may ask of a set-gid command.  Each ends the process when he may not.
 */
#pragma once

#include "config/config.h"

/*
 * The configuration directory that the user named must be one that the main.cf of the
 * default place lists (alternate_config_directories, multi_instance_directories).
 */
void permission_check_directory(const char *directory);

/* The user must be in the list (authorized_mailq_users ...); what says what he wanted. */
void permission_check_user(const struct config *config, const char *parameter, const char *list,
                           const char *what);
