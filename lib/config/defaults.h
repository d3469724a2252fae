/*
 * What the installation decides: where things are, and who owns them.
 *
 * The only source that the Makefile's PREFIX, mail_owner and setgid_group go into, so that
 * another PREFIX compiles this one anew and nothing else.
 */
#pragma once

/* The default of a COMPUTED parameter that the installation decides; NULL for others. */
const char *default_installed(const char *name);

/* Where main.cf is when nobody says otherwise. */
const char *default_config_directory(void);
