#include "config/defaults.h"

#include "base/compiler.h"

#include <string.h>

#ifndef DEFAULT_command_directory
#error "the Makefile defines a DEFAULT_name for each of the places of an installation"
#endif

static const struct { const char *name, *value; } installed[] = {
    { "command_directory", DEFAULT_command_directory },
    { "config_directory", DEFAULT_config_directory },
    { "daemon_directory", DEFAULT_daemon_directory },
    { "data_directory", DEFAULT_data_directory },
    { "html_directory", DEFAULT_html_directory },
    { "mail_owner", DEFAULT_mail_owner },
    { "mailq_path", DEFAULT_mailq_path },
    { "manpage_directory", DEFAULT_manpage_directory },
    { "meta_directory", DEFAULT_config_directory },
    { "newaliases_path", DEFAULT_newaliases_path },
    { "postreiter_version", "0.1" },
    { "queue_directory", DEFAULT_queue_directory },
    { "readme_directory", DEFAULT_readme_directory },
    { "sample_directory", DEFAULT_config_directory },
    { "sendmail_path", DEFAULT_command_directory "/sendmail" },
    { "setgid_group", DEFAULT_setgid_group },
    { "shlib_directory", DEFAULT_shlib_directory },
};

const char *default_installed(const char *name)
{
    for (size_t i = 0; i < COUNT(installed); i++)
        if (strcmp(installed[i].name, name) == 0)
            return installed[i].value;
    return NULL;
}

const char *default_config_directory(void)
{
    return DEFAULT_config_directory;
}
