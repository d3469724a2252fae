#include "permission.h"

#include "config/defaults.h"
#include "log/log.h"
#include "table/match.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static bool list_has(const char *list, const char *directory)
{
    struct slice rest = slice_of(list), member;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (slice_is(member, directory))
            return true;
    return false;
}

void permission_check_directory(const char *directory)
{
    const char *usual = default_config_directory();
    struct config_request request = { .directory = usual, .program = "postqueue" };
    const struct config *config;
    struct error error;

    if (!directory)
        directory = getenv("MAIL_CONFIG");
    if (getuid() == 0 || !directory || strcmp(directory, usual) == 0)
        return;
    if (!config_load(&request, &config, &error))
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);

    bool listed = list_has(config->alternate_config_directories, directory)
                  || list_has(config->multi_instance_directories, directory);

    config_free(config);
    if (listed)
        return;
    log_error("unauthorized configuration directory name: %s", directory);
    log_fatal_status(EX_UNAVAILABLE, "specify \"alternate_config_directories = %s\" or "
                     "\"multi_instance_directories = %s\" in %s/main.cf", directory, directory,
                     usual);
}

void permission_check_user(const struct config *config, const char *parameter, const char *list,
                           const char *what)
{
    uid_t user = getuid();
    const struct passwd *found = getpwuid(user);
    const char *name = found ? found->pw_name : "unknown";
    const struct table_context context = table_context_of(config, config->queue_directory);
    struct error error;
    struct match_list *users = match_list_open(&context, parameter, list, MATCH_STRING, 0, &error);
    enum match_result result = MATCH_TROUBLE;

    if (users)
        result = match_list_get(users, slice_of(name), &error);
    match_list_close(users);
    if (result == MATCH_TROUBLE)
        log_fatal_status(EX_UNAVAILABLE, "%s", error.text);
    if (result == MATCH_NO && user != 0)
        log_fatal_status(EX_UNAVAILABLE, "User %s(%ld) is not allowed to %s", name, (long)user,
                         what);
}
