/*
 * postfix logrotate: the log of postlogd gets a name with the time in it, is compressed,
 * and postlogd starts a new one.
 */
#include "command.h"

#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

enum { SUFFIX_LIMIT = 200, SETTLE_MICROSECONDS = 300000 };

static void compress(const char *program, const char *path)
{
    pid_t child = fork();
    int status = 1;

    if (child == 0) {
        execlp(program, program, path, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        log_fatal("compress %s with %s: it failed", path, program);
}

int log_rotate(const struct command_context *context)
{
    const struct config *config = context->config;
    AUTO_STR struct str name = STR_EMPTY;
    char suffix[SUFFIX_LIMIT] = "";
    time_t now = time(NULL);
    struct tm parts;

    if (!*config->maillog_file)
        log_fatal("maillog_file is not set: there is no log to rotate");
    localtime_r(&now, &parts);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    strftime(suffix, sizeof(suffix), config->maillog_file_rotate_suffix, &parts);
#pragma GCC diagnostic pop
    str_format(&name, "%s.%s", config->maillog_file, suffix);
    if (rename(config->maillog_file, name.data) < 0)
        log_fatal("rename %s to %s: %m", config->maillog_file, name.data);
    if (master_pid() > 0)
        life_reload(context);
    usleep(SETTLE_MICROSECONDS);    /* postlogd looks at the name with each batch it writes */
    compress(config->maillog_file_compressor, name.data);
    return 0;
}
