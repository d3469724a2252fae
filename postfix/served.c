/*
 * What of the configuration this suite does not serve, and what its services may do.
 */
#include "command.h"

#include "base/scope.h"
#include "config/master_cf.h"
#include "log/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

static void report_unserved(UNUSED void *argument, enum config_finding finding, const char *file,
                            int line, const char *name, UNUSED const char *detail)
{
    if (finding == CONFIG_UNSERVED)
        log_warn("%s, line %d: %s is not served yet", file, line, name);
}

void served_warn(const struct command_context *context)
{
    config_check_unserved(context->config, report_unserved, NULL);
}

static void report(void *argument, enum config_finding finding, const char *file, int line,
                   const char *name, const char *detail)
{
    report_unserved(argument, finding, file, line, name, detail);
    if (finding == CONFIG_MOOT)
        log_info("%s, line %d: %s has no effect here: %s", file, line, name, detail);
    if (finding == CONFIG_UNKNOWN)
        log_warn("%s, line %d: unused parameter: %s", file, line, name);
    if (finding == CONFIG_UNKNOWN && detail)
        log_warn("did you mean %s?", detail);
}

/* A daemon that is asked for --rights prints their number and their names. */
static bool ask_rights(const char *program, struct str *answer)
{
    int ends[2];
    int status = 1;

    if (pipe(ends) < 0)
        return false;

    pid_t child = fork();

    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(program, program, "--rights", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);

    ssize_t count = read(ends[0], str_reserve(answer, 1024), 1024);

    if (count > 0)
        str_added(answer, (size_t)count);
    close(ends[0]);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0 && answer->length > 0;
}

static void print_rights(const struct command_context *context,
                         const struct master_service *service)
{
    AUTO_STR struct str path = STR_EMPTY, answer = STR_EMPTY;

    if (service->command[0] != '/')
        str_format(&path, "%s/", context->config->daemon_directory);
    str_text(&path, service->command);
    if (access(path.data, X_OK) < 0 || !ask_rights(path.data, &answer))
        return;

    struct slice names = slice_trim(str_slice(&answer));

    slice_take_word(&names);
    printf("%s/%s: %s: %.*s\n", service->name, master_type_name(service->type), service->command,
           SLICE_ARGS(slice_trim(names)));
}

static void warn(UNUSED void *argument, const char *text)
{
    log_warn("%s", text);
}

void served_check(const struct command_context *context)
{
    AUTO_STR struct str path = STR_EMPTY;
    struct master_cf *master_cf;
    struct error error;

    config_check_unserved(context->config, report, NULL);
    str_format(&path, "%s/master.cf", context->directory);
    if (!master_cf_read(path.data, MASTER_CF_SERVE, warn, NULL, &master_cf, &error))
        log_fatal("%s", error.text);
    for (size_t i = 0; context->verbose > 0 && i < master_cf_count(master_cf); i++)
        print_rights(context, master_cf_at(master_cf, i));
    master_cf_free(master_cf);
}
