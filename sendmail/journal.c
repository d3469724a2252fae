#include "journal.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <unistd.h>

void journal_open(const struct config *config, bool everywhere)
{
    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/sendmail", config ? config->syslog_name : "postfix");

    struct log_settings settings = {
        .tag = tag.data,
        .program = program_invocation_short_name,    /* or mailq, newaliases */
        .facility = config ? config->syslog_facility : NULL,
        .syslog = everywhere,
        .standard_error = true,
    };

    if (config && *config->maillog_file) {
        settings.postlog_socket = config_log_socket_path(config, &socket);
        settings.json = config_log_is_json(config);
        /* Before postlogd runs; nobody else than root may write there. */
        settings.fallback_file = getuid() == 0 ? config->maillog_file : NULL;
    }
    log_open(&settings);
}
