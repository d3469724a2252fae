#include "run.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

/* The environment that postmulti(1) promises, for the command and what it runs. */
static void tell(const struct instance *instance)
{
    const struct config *config = instance->config;

    setenv("MAIL_CONFIG", instance->directory, 1);
    setenv("command_directory", config->command_directory, 1);
    setenv("daemon_directory", config->daemon_directory, 1);
    setenv("config_directory", instance->directory, 1);
    setenv("queue_directory", config->queue_directory, 1);
    setenv("data_directory", config->data_directory, 1);
    if (*config->multi_instance_name)
        setenv("multi_instance_name", config->multi_instance_name, 1);
    if (*config->multi_instance_group)
        setenv("multi_instance_group", config->multi_instance_group, 1);
    setenv("multi_instance_enable", config->multi_instance_enable ? "yes" : "no", 1);
}

int run_program(const struct instance *instance, char *const *words)
{
    fflush(stdout);

    pid_t child = fork();
    int status;

    if (child < 0)
        log_fatal("fork: %m");
    if (child == 0) {
        if (instance)
            tell(instance);
        execvp(words[0], words);
        log_fatal("cannot run %s: %m", words[0]);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            log_fatal("wait for %s: %m", words[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool run_command(const struct instances *instances, const char *command, const char *directory,
                 char *const *words)
{
    AUTO_STR struct str program = STR_EMPTY;
    size_t count = 0;

    while (words[count])
        count++;
    str_format(&program, "%s/%s", instances->items[0].config->command_directory, command);

    AUTO_FREE char **all = memory_new(count + 4, sizeof(*all));
    AUTO_FREE char *place = memory_copy(directory);

    all[0] = program.data;
    all[1] = (char[]){ "-c" };
    all[2] = place;
    memcpy(all + 3, words, count * sizeof(*words));
    return run_program(NULL, all) == 0;
}
