#include "service/executor_order.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void clear_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool become(const struct execute_header *header)
{
    return setgroups(header->group_count, header->groups) == 0
           && setresgid(header->gid, header->gid, header->gid) == 0
           && setresuid(header->uid, header->uid, header->uid) == 0;
}

static bool limit_files(long long size)
{
    struct rlimit limit = { (rlim_t)size, (rlim_t)size };

    return size <= 0 || setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void fail(struct execute_result *result, enum execute_step step) NO_RETURN;

static void fail(struct execute_result *result, enum execute_step step)
{
    result->step = step;
    result->code = errno;
    _exit(STATUS_TRY_LATER);
}

static void become_program(const struct order *order)
{
    char shell[] = "sh", option[] = "-c";
    char *by_shell[] = { shell, option, order->command, NULL };

    environ = order->variables;
    if (order->arguments[0])
        execvp(order->arguments[0], order->arguments);
    if (!order->arguments[0] || *order->command)
        execve("/bin/sh", by_shell, order->variables);
}

void program_become(const struct order *order, struct execute_result *result)
{
    setsid();
    if (*order->root && (chroot(order->root) < 0 || chdir("/") < 0))
        fail(result, EXECUTE_CHROOT);
    if (!become(order->header))
        fail(result, EXECUTE_BECOME);
    if (*order->directory && chdir(order->directory) < 0)
        fail(result, EXECUTE_DIRECTORY);
    if (dup2(order->fds[FD_INPUT], 0) != 0 || dup2(order->fds[FD_OUTPUT], 1) != 1
        || dup2(order->fds[FD_OUTPUT], 2) != 2 || !limit_files(order->header->file_size_limit))
        fail(result, EXECUTE_PREPARE);
    closefrom(3);
    clear_signals();
    become_program(order);
    fail(result, EXECUTE_PROGRAM);
}
