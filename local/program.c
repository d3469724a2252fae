#include "program.h"

#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"
#include "smtp/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

enum { OUTPUT_LIMIT = 4096 };

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

/* --- What it says. ------------------------------------------------------------------ */

/* Up to a limit; false when its time is up. */
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
        if (output->length > OUTPUT_LIMIT)
            str_cut(output, OUTPUT_LIMIT);
    }
}

/* On one line: white space is a blank, what cannot be printed a "_". */
static const char *printable(struct arena *arena, const struct str *output)
{
    char *text = arena_text(arena, str_slice(output));

    for (char *c = text; c < text + output->length; c++)
        if (byte_is_space(*c))
            *c = ' ';
        else if ((unsigned char)*c < ' ' || *c == 127)
            *c = '_';
    return text;
}

/* --- What its end means. ------------------------------------------------------------- */

static const char *meaning_of(const struct program *program, int status,
                              struct program_result *result)
{
    result->dsn = WIFSIGNALED(status) ? "4.3.0" : "5.3.0";
    if (WIFSIGNALED(status))
        return arena_format(program->arena, "Command died with signal %d: \"%s\"",
                            WTERMSIG(status), program->name);
    for (size_t i = 0; i < COUNT(meanings); i++)
        if (meanings[i].status == WEXITSTATUS(status)) {
            result->dsn = meanings[i].dsn;
            return meanings[i].text;
        }
    if (!*result->output)
        result->output = arena_format(program->arena, "unknown mail system error %d",
                                      WEXITSTATUS(status));
    return arena_format(program->arena, "Command died with status %d: \"%s\"",
                        WEXITSTATUS(status), program->name);
}

/* What the exec half could not do: the program's words are ours then. */
static const char *describe_step(const struct program *program,
                                 const struct execute_result *result)
{
    struct arena *arena = program->arena;
    const struct execute_request *request = &program->request;
    const char *why = strerror(result->code);

    switch (result->step) {
    case EXECUTE_DONE:
        return NULL;
    case EXECUTE_CHROOT:
        return arena_format(arena, "chroot(%s): %s", request->root, why);
    case EXECUTE_DIRECTORY:
        return arena_format(arena, "cannot change directory to \"%s\" for uid=%lu gid=%lu: %s",
                            request->directory, (unsigned long)request->uid,
                            (unsigned long)request->gid, why);
    case EXECUTE_PROGRAM:
        return arena_format(arena, "%s %s: %s", program->execute,
                            request->arguments ? request->arguments[0] : "/bin/sh", why);
    case EXECUTE_BECOME:
    case EXECUTE_PREPARE:
        break;
    }
    return arena_format(arena, "prepare the command for uid=%lu: %s",
                        (unsigned long)request->uid, why);
}

/* A status code that the output begins with takes precedence (RFC 3463). */
static bool take_status(struct arena *arena, const char *output, struct program_result *result)
{
    struct slice rest = slice_of(output);
    char status[STATUS_SIZE];

    if (!status_take(&rest, status))
        return false;
    result->dsn = *status == '2' ? "5.0.0" : arena_copy(arena, status);
    result->output = result->reason = arena_text(arena, rest);
    return true;
}

static bool judge(const struct program *program, const struct execute_result *ended,
                  const struct str *output, struct program_result *result)
{
    struct arena *arena = program->arena;
    const char *said = printable(arena, output), *step = describe_step(program, ended);

    if (step)
        log_warn("%s", step);
    if (step && ended->step == EXECUTE_PROGRAM)
        said = arena_format(arena, "%s: fatal: %s ", program->daemon, step);
    result->output = said;
    if (WIFEXITED(ended->status) && WEXITSTATUS(ended->status) == 0)
        return true;
    if (!step && WIFEXITED(ended->status) && take_status(arena, said, result))
        return false;
    result->reason = meaning_of(program, ended->status, result);
    if (*said)
        result->reason = arena_format(arena, "%s. Command output: %s", result->reason, said);
    return false;
}

static bool watch(const struct program *program, int output, struct program_result *result)
{
    int64_t deadline = moment_after(program->timeout_seconds);
    AUTO_STR struct str text = STR_EMPTY;
    struct error error = ERROR_NONE;
    struct execute_result ended;
    bool said_all = read_output(output, deadline, &text), in_time = false;

    /* What it may have done is unknown then, and this process can run no other. */
    if (!executor_wait(program->executor, said_all ? deadline : 0, &in_time, &ended, &error))
        log_fatal("%s", error.text);
    if (said_all && in_time)
        return judge(program, &ended, &text, result);
    result->dsn = "5.3.0";
    result->reason = arena_format(program->arena, "Command time limit exceeded: \"%s\"",
                                  program->name);
    return false;
}

bool program_run(struct program *program, struct program_result *result)
{
    struct error error = ERROR_NONE;
    int ends[2];

    *result = (struct program_result){ "4.3.0", "unable to create pipe", "" };
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;

    AUTO_CLOSE int output = ends[0];

    program->request.output = ends[1];

    bool started = executor_run(program->executor, &program->request, &error);

    close(ends[1]);
    if (!started) {
        log_warn("%s", error.text);
        result->reason = "unable to create process";
        return false;
    }
    return watch(program, output, result);
}
