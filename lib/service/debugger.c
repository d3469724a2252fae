/*
 * debugger_command of the option -D: run as root, before anything is given up.
 */
#include "service/process.h"

#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* The shell knows which process it is about; nothing of what master gave that one is its. */
static void run_shell(const struct process *process, const char *command)
{
    char number[24];

    snprintf(number, sizeof(number), "%ld", (long)getppid());
    setenv("process_name", process->service->name, 1);
    setenv("process_id", number, 1);
    if (close_range(CONTROL_FD, ~0u, 0) == 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

void debugger_run(const struct process *process)
{
    const char *command = process->context.config->debugger_command;
    int status;

    if (!process->options.debugged || !*command)
        return;
    if (strcmp(process->settings.confinement, "off") != 0) {
        log_warn("debugger_command is not run: a confined process cannot be traced; "
                 "specify \"-o confinement=off\" beside -D");
        return;
    }
    log_info("running: %s", command);

    pid_t child = fork();

    if (child == 0)
        run_shell(process, command);
    if (child < 0)
        log_warn("fork: %m");
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
}
