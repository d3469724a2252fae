#include "command.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/moment.h"
#include "base/scope.h"
#include "deliver/mailbox_text.h"
#include "execute.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { OUTPUT_LIMIT = 2000, ENVIRONMENT_LIMIT = 24 };

/* What exit statuses mean (sysexits.h). */
static const struct {
    int status;
    const char *dsn, *text;
} meanings[] = {
    { 64, "5.3.0", "command line usage error" },
    { 65, "5.6.0", "data format error" },
    { 66, "5.3.0", "cannot open input" },
    { 67, "5.1.1", "user unknown" },
    { 68, "5.1.2", "host name unknown" },
    { 69, "5.3.0", "service unavailable" },
    { 70, "5.3.0", "internal software error" },
    { 71, "4.3.0", "system resource problem" },
    { 72, "5.3.0", "critical OS file missing" },
    { 73, "5.2.0", "can't create user output file" },
    { 74, "5.3.0", "input/output error" },
    { 75, "4.3.0", "temporary failure" },
    { 76, "5.5.0", "remote error in protocol" },
    { 77, "5.7.0", "permission denied" },
    { 78, "5.3.5", "local configuration error" },
};

/* --- What it is told. --------------------------------------------------------------- */

struct environment {
    char *items[ENVIRONMENT_LIMIT + 1];
    size_t count;
};

static void set(struct environment *environment, struct arena *arena, const char *name,
                struct slice value)
{
    if (value.length > 0 && environment->count < ENVIRONMENT_LIMIT)
        environment->items[environment->count++] =
            arena_format(arena, "%s=%.*s", name, SLICE_ARGS(value));
}

/* MAIL_CONFIG, TZ, LANG: what export_environment lets through, by its default. */
static void export_names(struct environment *environment, struct arena *arena, struct slice list)
{
    struct slice word;

    while (slice_take_token(&list, ", \t\r\n", &word)) {
        size_t equals = slice_find(word, '=');
        const char *name = arena_text(arena, slice_part(word, 0, equals));
        const char *value = getenv(name);

        if (equals < word.length)
            set(environment, arena, name, slice_from(word, equals + 1));
        else if (value && strcmp(name, "LANG") != 0)
            set(environment, arena, name, slice_of(value));
    }
}

static void fill_environment(const struct command_request *request,
                             struct environment *environment)
{
    const struct job *job = request->job;
    struct arena *arena = job->arena;
    const struct envelope *envelope = &job->request->envelope;
    struct address_parts parts = address_split(slice_of(request->member));
    struct slice user = parts.local;

    if (request->for_mailbox)
        user = slice_of(request->identity->name);
    if (request->has_account) {
        set(environment, arena, "HOME", slice_of(request->identity->home));
        set(environment, arena, "SHELL", *request->identity->shell
                                             ? slice_of(request->identity->shell)
                                             : SLICE_LITERAL("/bin/sh"));
    }
    set(environment, arena, "USER", user);
    set(environment, arena, "LOGNAME", user);
    set(environment, arena, "EXTENSION", request->extension);
    set(environment, arena, "DOMAIN", parts.domain);
    set(environment, arena, "LOCAL", parts.local);
    set(environment, arena, "RECIPIENT", slice_of(request->member));
    set(environment, arena, "ORIGINAL_RECIPIENT",
        slice_of(*job->recipient->original ? job->recipient->original
                                           : job->recipient->address));
    set(environment, arena, "SENDER", slice_of(envelope->sender));
    set(environment, arena, "CLIENT_ADDRESS",
        slice_of(envelope_attribute(envelope, "client_address")));
    set(environment, arena, "CLIENT_HOSTNAME",
        slice_of(envelope_attribute(envelope, "client_name")));
    set(environment, arena, "CLIENT_HELO", slice_of(envelope_attribute(envelope, "helo_name")));
    set(environment, arena, "CLIENT_PROTOCOL",
        slice_of(envelope_attribute(envelope, "protocol_name")));
    set(environment, arena, "SASL_USERNAME",
        slice_of(envelope_attribute(envelope, "sasl_username")));
    set(environment, arena, "PATH", SLICE_LITERAL("/usr/bin:/bin"));
    set(environment, arena, "LANG", SLICE_LITERAL("C"));
    export_names(environment, arena, slice_of(job->agent->config->export_environment));
}

/* --- What it reads and says. -------------------------------------------------------- */

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

/* What the command says, up to a limit; false when its time is up. */
static bool read_output(int fd, int64_t deadline, struct str *output)
{
    for (;;) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        int64_t left = moment_left(deadline);
        char bytes[1024];
        int got = poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;

        ssize_t count = read(fd, bytes, sizeof(bytes));

        if (count <= 0)
            return true;
        if (output->length < OUTPUT_LIMIT)
            str_bytes(output, bytes, (size_t)count);
    }
}

static const char *describe(const struct command_request *request, const char *text,
                            const struct str *output)
{
    AUTO_STR struct str line = STR_EMPTY, printable = STR_EMPTY;

    str_text(&line, text);
    printable_text(&printable, str_slice(output));
    if (output->length > 0)
        str_text(&line, ". Command output: ");
    for (size_t i = 0; i < printable.length; i++)
        str_byte(&line, i < output->length && output->data[i] == '\n' ? ' '
                                                                      : printable.data[i]);
    return arena_text(request->job->arena, str_slice(&line));
}

static bool judge(const struct command_request *request, int status, const struct str *output,
                  struct command_result *result)
{
    struct arena *arena = request->job->arena;
    const char *text = NULL;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    result->dsn = "5.3.0";
    if (WIFSIGNALED(status))
        text = arena_format(arena, "Command died with signal %d: \"%s\"", WTERMSIG(status),
                            request->command);
    else
        text = arena_format(arena, "Command died with status %d: \"%s\"", WEXITSTATUS(status),
                            request->command);
    for (size_t i = 0; i < COUNT(meanings) && WIFEXITED(status); i++)
        if (meanings[i].status == WEXITSTATUS(status)) {
            result->dsn = meanings[i].dsn;
            text = meanings[i].text;
        }
    result->reason = describe(request, text, output);
    return false;
}

static bool watch(const struct command_request *request, int output,
                  struct command_result *result)
{
    struct executor *executor = request->job->agent->executor;
    int64_t deadline = moment_after(request->timeout_seconds);
    AUTO_STR struct str text = STR_EMPTY;
    struct error error = ERROR_NONE;
    bool said_all = read_output(output, deadline, &text), in_time = false;
    int status = 0;

    /* What it may have done is unknown then, and this process can run no other. */
    if (!executor_wait(executor, said_all ? deadline : 0, &in_time, &status, &error))
        log_fatal("%s", error.text);
    if (said_all && in_time)
        return judge(request, status, &text, result);
    result->dsn = "5.3.0";
    result->reason = arena_format(request->job->arena, "Command time limit exceeded: \"%s\"",
                                  request->command);
    return false;
}

static bool start(const struct command_request *request, int input, int output,
                  struct error *error)
{
    const struct agent *agent = request->job->agent;
    struct environment environment = { .count = 0 };
    struct execute_request order = {
        .identity = request->identity, .command = request->command,
        .environment = environment.items, .input = input, .output = output,
        .file_size_limit = agent->config->mailbox_size_limit,
    };

    fill_environment(request, &environment);
    return executor_run(agent->executor, &order, error);
}

bool command_run(const struct command_request *request, struct command_result *result)
{
    struct error error = ERROR_NONE;
    AUTO_CLOSE int input = make_input(request->message, &error);
    int ends[2];

    result->dsn = "4.3.0";
    if (input < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        result->reason = "unable to create pipe";
        return false;
    }

    AUTO_CLOSE int output = ends[0];
    bool started = start(request, input, ends[1], &error);

    close(ends[1]);
    if (!started) {
        log_warn("%s", error.text);
        result->reason = "unable to create process";
        return false;
    }
    return watch(request, output, result);
}
