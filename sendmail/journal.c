#include "journal.h"

#include "base/scope.h"
#include "log/log.h"

void journal_open(const struct config *config, bool everywhere)
{
    AUTO_STR struct str tag = STR_EMPTY;

    str_format(&tag, "%s/sendmail", config ? config->syslog_name : "postfix");

    struct log_settings settings = {
        .tag = tag.data,
        .program = "sendmail",
        .facility = config ? config->syslog_facility : NULL,
        .syslog = everywhere,
        .standard_error = true,
    };

    log_open(&settings);
}
