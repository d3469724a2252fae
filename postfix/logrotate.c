/*
 * postfix logrotate: the log of postlogd gets a name with the time in it, is compressed,
 * and postlogd starts a new one.
 */
#include "command.h"

#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

enum { SUFFIX_LIMIT = 200, WRITER_SECONDS = 60, LOOK_MICROSECONDS = 20000 };

/* postlogd holds a lock on the file that it writes to; the next one begins when it has ended. */
static void wait_for_writer(const char *path)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
    int64_t end = moment_after(WRITER_SECONDS);

    if (file < 0)
        log_fatal("open %s: %m", path);
    while (flock(file, LOCK_EX | LOCK_NB) < 0) {
        if (moment_left(end) == 0)
            log_fatal("%s is still written to: it is not compressed", path);
        usleep(LOOK_MICROSECONDS);
    }
}

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
    wait_for_writer(name.data);
    compress(config->maillog_file_compressor, name.data);
    return 0;
}
