#include "config/defaults.h"

#include "base/compiler.h"

#include <string.h>

#if !defined(PREFIX) || !defined(MAIL_OWNER) || !defined(SETGID_GROUP)
#error "the Makefile sets PREFIX, MAIL_OWNER and SETGID_GROUP for this file"
#endif

#define CONFIG_DIRECTORY PREFIX "/etc/postfix"

static const struct { const char *name, *value; } installed[] = {
    { "command_directory", PREFIX "/sbin" },
    { "config_directory", CONFIG_DIRECTORY },
    { "daemon_directory", PREFIX "/libexec/postfix" },
    { "data_directory", PREFIX "/var/lib/postfix" },
    { "html_directory", "no" },
    { "mail_owner", MAIL_OWNER },
    { "mailq_path", PREFIX "/sbin/mailq" },
    { "manpage_directory", PREFIX "/share/man" },
    { "meta_directory", CONFIG_DIRECTORY },
    { "newaliases_path", PREFIX "/sbin/newaliases" },
    { "postreiter_version", "0.1" },
    { "queue_directory", PREFIX "/var/spool/postfix" },
    { "readme_directory", PREFIX "/share/doc/postfix" },
    { "sample_directory", CONFIG_DIRECTORY },
    { "sendmail_path", PREFIX "/sbin/sendmail" },
    { "setgid_group", SETGID_GROUP },
    { "shlib_directory", "no" },
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
    return CONFIG_DIRECTORY;
}
