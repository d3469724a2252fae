#include "command.h"

#include "address/address.h"
#include "base/scope.h"
#include "config/config.h"
#include "deliver/mailbox_text.h"
#include "log/log.h"
#include "recipient_names.h"
#include "program.h"
#include "service/environment.h"

#include <sys/mman.h>

enum { WORD_LIMIT = 256 };

/* --- What it is told. --------------------------------------------------------------- */

/* What comes from outside may not surprise a shell. */
static void set_filtered(struct environment *environment, const char *filter, const char *name,
                         struct slice value)
{
    AUTO_STR struct str safe = STR_EMPTY;

    names_filter(value, filter, &safe);
    environment_set(environment, name, str_slice(&safe));
}

static void set_client(struct environment *environment, const char *filter,
                       const struct envelope *envelope)
{
    static const struct {
        const char *name, *attribute;
    } rows[] = {
        { "CLIENT_ADDRESS", "client_address" }, { "CLIENT_HOSTNAME", "client_name" },
        { "CLIENT_HELO", "helo_name" },         { "CLIENT_PROTOCOL", "protocol_name" },
        { "SASL_METHOD", "sasl_method" },       { "SASL_SENDER", "sasl_sender" },
        { "SASL_USERNAME", "sasl_username" },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        set_filtered(environment, filter, rows[i].name,
                     slice_of(envelope_attribute(envelope, rows[i].attribute)));
}

static struct slice original_of(const struct job *job)
{
    if (job->place.sender)
        return SLICE_LITERAL("");
    return slice_of(*job->recipient->original ? job->recipient->original
                                              : job->recipient->address);
}

static void set_recipient(struct environment *environment, const struct command_request *request)
{
    const struct job *job = request->job;
    const char *filter = job->agent->config->command_expansion_filter;
    struct address_parts parts = address_split(slice_of(request->member));
    const struct {
        const char *name;
        struct slice value;
    } rows[] = {
        { "USER", request->user },           { "LOGNAME", request->user },
        { "EXTENSION", request->extension }, { "DOMAIN", parts.domain },
        { "LOCAL", job->place.local },       { "RECIPIENT", slice_of(request->member) },
        { "ORIGINAL_RECIPIENT", original_of(job) },
        { "SENDER", slice_of(job_sender(job)) },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        set_filtered(environment, filter, rows[i].name, rows[i].value);
}

static void fill_environment(const struct command_request *request,
                             struct environment *environment)
{
    const struct config *config = request->job->agent->config;
    const struct identity *identity = request->identity;

    if (request->has_account) {
        set_filtered(environment, config->command_expansion_filter, "HOME",
                     slice_of(identity->home));
        set_filtered(environment, config->command_expansion_filter, "SHELL",
                     *identity->shell ? slice_of(identity->shell) : SLICE_LITERAL("/bin/sh"));
    }
    set_recipient(environment, request);
    set_client(environment, config->command_expansion_filter, &request->job->request->envelope);
    environment_export(environment, slice_of(config->export_environment));
}

/* --- How it is run. ------------------------------------------------------------------ */

struct words {
    const char *items[WORD_LIMIT + 1];
    size_t count;
};

static bool needs_shell(struct slice command)
{
    static const char safe[] = "@%-_+:,./ \t";

    for (size_t i = 0; i < command.length; i++)
        if (!byte_is_alnum(command.data[i])
            && (!command.data[i] || !strchr(safe, command.data[i])))
            return true;
    return slice_trim(command).length == 0;
}

static void add_words(struct words *words, struct arena *arena, struct slice text)
{
    struct slice word;

    while (words->count < WORD_LIMIT && slice_take_token(&text, " \t\r\n", &word))
        words->items[words->count++] = arena_text(arena, word);
}

/* Without a shell where that makes no difference; a name without "/" may be a builtin. */
static void choose_words(const struct command_request *request, struct execute_request *order,
                         struct words *words)
{
    struct arena *arena = request->job->arena;
    const char *shell = request->job->agent->config->local_command_shell;
    struct slice command = slice_of(request->command);

    if (*shell) {
        add_words(words, arena, slice_of(shell));
        words->items[words->count - (words->count == WORD_LIMIT)] = request->command;
        order->arguments = words->items;
    } else if (needs_shell(command)) {
        order->command = request->command;
    } else {
        add_words(words, arena, command);
        order->arguments = words->items;
        if (!words->items[0] || !strchr(words->items[0], '/'))
            order->command = request->command;
    }
}

static bool choose_directory(const struct command_request *request,
                             struct execute_request *order, struct program_result *result)
{
    const struct config *config = request->job->agent->config;
    const struct identity *identity = request->identity;
    bool known = request->has_account;
    struct recipient_names names = {
        .user = request->user, .extension = request->extension, .delimiter = request->delimiter,
        .home = known ? slice_of(identity->home) : SLICE_LITERAL(""),
        .shell = known ? slice_of(identity->shell) : SLICE_LITERAL(""),
        .local = request->job->place.local, .recipient = slice_of(request->member),
    };
    AUTO_STR struct str path = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (!names_put(slice_of(config->command_execution_directory), &names,
                      config->execution_directory_expansion_filter, &path, &error)) {
        log_warn("command_execution_directory: %s", error.text);
        result->reason = "mail system configuration error";
        result->dsn = "4.3.5";
        return false;
    }
    if (path.length > 0)
        order->directory = arena_text(request->job->arena, str_slice(&path));
    return true;
}

/* The message as the command shall read it: a file in memory. */
static int make_input(const struct mailbox_message *message, struct error *error)
{
    AUTO_CLOSE int fd = memfd_create("message", MFD_CLOEXEC);

    if (fd < 0) {
        error_system(error, "make input");
        return -1;
    }
    if (!mailbox_text_write_command(fd, message, error) || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return take_fd(&fd);
}

bool command_run(const struct command_request *request, struct program_result *result)
{
    const struct agent *agent = request->job->agent;
    const struct identity *identity = request->identity;
    struct environment environment = { .arena = request->job->arena };
    struct words words = { .count = 0 };
    struct error error = ERROR_NONE;
    AUTO_CLOSE int input = make_input(request->message, &error);
    struct program program = {
        .executor = agent->executor, .daemon = "local", .execute = "execvp",
        .name = request->command, .timeout_seconds = agent->config->command_time_limit,
        .arena = request->job->arena,
        .request = {
            .uid = identity->uid, .gid = identity->gid, .environment = environment.items,
            .input = input, .file_size_limit = agent->config->mailbox_size_limit,
        },
    };

    *result = (struct program_result){ "4.3.0", "unable to create pipe", "" };
    if (input < 0) {
        log_warn("%s", error.text);
        return false;
    }
    fill_environment(request, &environment);
    choose_words(request, &program.request, &words);
    return choose_directory(request, &program.request, result)
           && program_run(&program, result);
}
