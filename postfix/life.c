/*
 * Start, stop and the rest of a mail system's life.
 */
#include "command.h"

#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

enum {
    PID_TEXT = 64,
    STOP_SECONDS = 30,          /* master itself gives its processes less */
    LOOK_MICROSECONDS = 20000,
};

pid_t master_pid(void)
{
    AUTO_CLOSE int file = open("pid/master.pid", O_RDONLY | O_CLOEXEC);
    char text[PID_TEXT];
    uint64_t pid;

    if (file < 0 || flock(file, LOCK_SH | LOCK_NB) == 0)
        return 0;

    ssize_t count = read(file, text, sizeof(text));

    if (count <= 0 || !slice_number(slice_trim(slice_bytes(text, (size_t)count)), INT32_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

static void run_master(const struct command_context *context, const char *option)
{
    AUTO_STR struct str path = STR_EMPTY;
    const char *verbose = context->verbose > 0 ? "-v" : NULL;

    str_format(&path, "%s/master", context->config->daemon_directory);
    execl(path.data, path.data, "-c", context->directory, option, verbose, (char *)NULL);
    log_fatal("cannot run %s: %m", path.data);
}

static void check_before_start(const struct command_context *context)
{
    suite_check(context);
    if (master_pid() > 0)
        log_fatal("the Postfix mail system is already running");
    folders_check(context);
    served_warn(context);
    log_info("starting the Postfix mail system");
}

int life_start(const struct command_context *context)
{
    check_before_start(context);

    pid_t child = fork();
    int status = 1;

    if (child < 0)
        log_fatal("fork: %m");
    if (child == 0)
        run_master(context, "-w");
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        log_fatal("mail system startup failed");
    return 0;
}

/* This process becomes master: with process id 1 it is all there is (a container). */
int life_start_foreground(const struct command_context *context)
{
    check_before_start(context);
    run_master(context, getpid() == 1 ? "-i" : "-d");
    return 1;
}

static bool wait_for_end(int seconds)
{
    int64_t end = moment_after(seconds);

    while (master_pid() > 0) {
        if (moment_left(end) == 0)
            return false;
        usleep(LOOK_MICROSECONDS);
    }
    return true;
}

/* Master leads a session of its own, and its processes are in its group. */
static void kill_all(pid_t pid)
{
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    if (!wait_for_end(STOP_SECONDS))
        log_fatal("process %d does not end", (int)pid);
}

int life_stop(UNUSED const struct command_context *context)
{
    pid_t pid = master_pid();

    log_info("stopping the Postfix mail system");
    kill(pid, SIGTERM);
    if (!wait_for_end(STOP_SECONDS)) {
        log_warn("stopping the Postfix mail system with force");
        kill_all(pid);
    }
    return 0;
}

/* For a halt of the host: nothing is said, and nothing is wrong, when nothing runs. */
int life_quick_stop(const struct command_context *context)
{
    return master_pid() > 0 ? life_stop(context) : 0;
}

int life_abort(UNUSED const struct command_context *context)
{
    log_info("aborting the Postfix mail system");
    kill_all(master_pid());
    return 0;
}

int life_reload(UNUSED const struct command_context *context)
{
    log_info("refreshing the Postfix mail system");
    if (kill(master_pid(), SIGHUP) < 0)
        log_fatal("cannot signal master: %m");
    return 0;
}

int life_status(UNUSED const struct command_context *context)
{
    pid_t pid = master_pid();

    if (pid == 0) {
        log_info("the Postfix mail system is not running");
        return 1;
    }
    log_info("the Postfix mail system is running: PID: %d", (int)pid);
    return 0;
}

int life_flush(const struct command_context *context)
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/postqueue", context->config->command_directory);
    execl(path.data, path.data, "-c", context->directory, "-f", (char *)NULL);
    log_fatal("cannot run %s: %m", path.data);
}
