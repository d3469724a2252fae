#include "log/log.h"

#include "base/test.h"

#include <stdio.h>

static char last[LOG_LINE_LIMIT + 1];

static void keep(enum log_severity severity, const char *text)
{
    snprintf(last, sizeof(last), "%s|%s", log_severity_name(severity), text);
}

TEST(log_text_shows_no_control_characters)
{
    log_open(&(struct log_settings){ .tag = "t", .sink = keep });
    log_warn("a\r\nb%s", "\x80\xc3\xa4");
    CHECK_TEXT(last, "warn|a??b?\xc3\xa4");
    log_debug("not seen");
    CHECK_TEXT(last, "warn|a??b?\xc3\xa4");
}
