/*
 * spawn(8): runs a program for each connection, as inetd does.
 *
 * Only its exec half becomes another user; this one never reads from the connection.
 */
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/account.h"
#include "service/environment.h"
#include "service/executor.h"
#include "service/service.h"

#include <sys/wait.h>

struct spawn {
    const struct config *config;
    struct account account;
    const char *const *arguments;
    int timeout_seconds;
    struct executor *executor;
};

static bool read_account(const struct config *config, struct slice text, struct account *account,
                         struct error *error)
{
    switch (account_find(config, text, account)) {
    case ACCOUNT_FOUND:
        return true;
    case ACCOUNT_NO_USER:
        return error_set(error, "unknown user name: %s", account->user);
    case ACCOUNT_NO_GROUP:
        return error_set(error, "unknown group name: %s", account->group);
    case ACCOUNT_ROOT:
        return error_set(error, "request to deliver as root");
    case ACCOUNT_OWNER:
        return error_set(error, "request to deliver as mail system owner");
    case ACCOUNT_ROOT_GROUP:
        return error_set(error, "request to use privileged group id %lu",
                         (unsigned long)account->gid);
    case ACCOUNT_OWNER_GROUP:
        return error_set(error, "request to use mail system owner group id %lu",
                         (unsigned long)account->gid);
    case ACCOUNT_SETGID_GROUP:
        return error_set(error, "request to use mail system %s group id %lu",
                         config->setgid_group, (unsigned long)account->gid);
    }
    return false;
}

static bool read_words(struct spawn *spawn, char **words, int count, struct error *error)
{
    for (int i = 0; i < count && !spawn->arguments; i++) {
        struct slice word = slice_of(words[i]);

        if (slice_starts(word, "user=")) {
            if (!read_account(spawn->config, slice_from(word, 5), &spawn->account, error))
                return false;
        } else if (slice_starts(word, "argv=")) {
            words[i] += strlen("argv=");
            spawn->arguments = (const char *const *)words + i;
        } else {
            return error_set(error, "unknown attribute name: %s", words[i]);
        }
    }
    if (!spawn->account.user)
        return error_set(error, "missing user= attribute");
    if (!spawn->arguments || !spawn->arguments[0] || !*spawn->arguments[0])
        return error_set(error, "missing argv= attribute");
    return true;
}

static bool prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct spawn *spawn = memory_new(1, sizeof(*spawn));

    spawn->config = config;
    if (!read_words(spawn, context->words, context->word_count, error))
        return false;
    spawn->timeout_seconds = config_family_seconds(config, context->service_name, "_time_limit",
                                                   config->command_time_limit);
    spawn->executor = executor_start(error);
    context->state = spawn;
    return spawn->executor;
}

static void say_how_it_ended(const char *program, const struct execute_result *ended)
{
    if (ended->step == EXECUTE_PROGRAM)
        log_warn("execvp %s: %s", program, strerror(ended->code));
    else if (ended->step != EXECUTE_DONE)
        log_warn("prepare command %s: %s", program, strerror(ended->code));
    if (WIFSIGNALED(ended->status))
        log_warn("command %s killed by signal %d", program, WTERMSIG(ended->status));
    else if (WEXITSTATUS(ended->status) != 0)
        log_warn("command %s exit status %d", program, WEXITSTATUS(ended->status));
}

static enum turn serve(struct client *client)
{
    const struct spawn *spawn = client->context->state;
    const char *program = spawn->arguments[0];
    AUTO_ARENA struct arena *arena = arena_new();
    struct environment environment = { .arena = arena };
    struct execute_request request = {
        .uid = spawn->account.uid, .gid = spawn->account.gid, .arguments = spawn->arguments,
        .environment = environment.items,
        .input = lane_descriptor(client->lane), .output = lane_descriptor(client->lane),
    };
    struct execute_result ended;
    struct error error = ERROR_NONE;
    bool in_time = false;

    environment_export(&environment, slice_of(spawn->config->export_environment));
    if (!executor_run(spawn->executor, &request, &error)
        || !executor_wait(spawn->executor, moment_after(spawn->timeout_seconds), &in_time, &ended,
                          &error))
        log_fatal("%s", error.text);
    if (in_time)
        say_how_it_ended(program, &ended);
    else
        log_warn("%s: command time limit exceeded", program);
    return TURN_LEAVE;
}

int main(int argc, char **argv)
{
    static const struct service spawn = {
        .name = "spawn",
        .pattern = SERVICE_SINGLE,
        .rights = 0,
        .owner = true,
        .prepare = prepare,
        .greet = serve,
    };

    return service_main(&spawn, argc, argv);
}
