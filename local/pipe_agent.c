#include "pipe_agent.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "deliver/assignment.h"
#include "deliver/mailbox_text.h"
#include "delivery.h"
#include "log/log.h"
#include "pipe_arguments.h"
#include "program.h"
#include "service/environment.h"
#include "service/needs.h"
#include "visited.h"

#include <sys/mman.h>

enum { SUCCESS_OUTPUT_LIMIT = 100 };

struct pipe {
    const struct config *config;
    const char *service_name;
    struct pipe_settings settings;
    int timeout_seconds;
    struct reporter *reporter;
    struct executor *executor;
};

bool pipe_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct pipe *pipe = memory_new(1, sizeof(*pipe));

    pipe->config = config;
    pipe->service_name = context->service_name;
    if (!pipe_settings_read(config, context->words, context->word_count, &pipe->settings, error))
        return false;
    pipe->timeout_seconds = config_family_seconds(config, context->service_name, "_time_limit",
                                                  config->command_time_limit);
    pipe->reporter = service_reporter(context);
    pipe->executor = executor_start(error);
    context->state = pipe;
    return pipe->executor;
}

/* --- What the program reads. ------------------------------------------------------------- */

static const char *sender_of(const struct pipe *pipe, const struct assignment *assignment)
{
    const char *sender = assignment->request.envelope.sender;

    return *sender ? sender : pipe->settings.null_sender;
}

static void add_header(struct str *headers, const char *name, const char *address)
{
    AUTO_STR struct str quoted = STR_EMPTY;

    if (*address)
        address_quote(&quoted, slice_of(address));
    str_format(headers, "%s: %s\n", name, quoted.data);
}

/* Those about the recipient only come with one of them, see has_one_recipient. */
static void add_headers(const struct pipe *pipe, const struct assignment *assignment,
                        struct str *headers)
{
    const struct recipient *recipient = assignment->request.envelope.recipients.items;
    unsigned flags = pipe->settings.flags;
    AUTO_STR struct str path = STR_EMPTY;

    if (flags & PIPE_RETURN_PATH) {
        const char *sender = sender_of(pipe, assignment);

        if (*sender)
            address_quote(&path, slice_of(sender));
        str_format(headers, "Return-Path: <%s>\n", path.data);
    }
    if ((flags & PIPE_ORIGINAL_TO) && pipe->config->enable_original_recipient)
        add_header(headers, "X-Original-To",
                   *recipient->original ? recipient->original : recipient->address);
    if (flags & PIPE_DELIVERED_TO)
        add_header(headers, "Delivered-To", recipient->address);
}

/* The message as a file in memory. */
static int make_input(const struct pipe *pipe, const struct assignment *assignment,
                      struct error *error)
{
    unsigned flags = pipe->settings.flags;
    AUTO_CLOSE int fd = memfd_create("message", MFD_CLOEXEC);
    AUTO_STR struct str headers = STR_EMPTY;

    if (fd < 0) {
        error_system(error, "make input");
        return -1;
    }
    add_headers(pipe, assignment, &headers);

    struct mailbox_message message = {
        assignment->content, str_slice(&headers), sender_of(pipe, assignment),
    };
    struct mailbox_format format = {
        .from_line = flags & PIPE_FROM_LINE, .quote_from = flags & PIPE_QUOTE_FROM,
        .quote_dot = flags & PIPE_DOT, .blank_line = flags & PIPE_BLANK_LINE,
        .line_end = str_slice(&pipe->settings.eol),
    };

    if (!mailbox_text_write_format(fd, &message, &format, error) || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return take_fd(&fd);
}

/* --- Running it. --------------------------------------------------------------------------- */

static struct outcome misconfigured(const struct pipe *pipe)
{
    return delivery_outcome(pipe->service_name, "4.3.5", "mail system configuration error");
}

static struct outcome judge(const struct pipe *pipe, struct arena *arena, bool taken,
                            const struct program_result *result)
{
    struct slice said = slice_part(slice_of(result->output), 0, SUCCESS_OUTPUT_LIMIT);
    struct outcome outcome;

    if (!taken)
        return delivery_outcome_of_program(pipe->service_name, result);
    said = slice_trim_end(said);
    outcome = delivery_outcome(
        pipe->service_name, "2.0.0",
        said.length > 0 ? arena_format(arena, "delivered via %s service (%.*s)",
                                       pipe->service_name, SLICE_ARGS(said))
                        : arena_format(arena, "delivered via %s service", pipe->service_name));
    outcome.action = pipe->settings.flags & PIPE_FINAL ? OUTCOME_DELIVERED : OUTCOME_RELAYED;
    return outcome;
}

static struct outcome run(const struct pipe *pipe, const struct assignment *assignment,
                          const char *const *arguments)
{
    const struct pipe_settings *settings = &pipe->settings;
    struct environment environment = { .arena = assignment->arena };
    struct program_result result;
    struct error error = ERROR_NONE;
    AUTO_CLOSE int input = make_input(pipe, assignment, &error);
    struct program program = {
        .executor = pipe->executor, .daemon = "pipe", .execute = "pipe_command: execvp",
        .name = arguments[0], .timeout_seconds = pipe->timeout_seconds,
        .arena = assignment->arena,
        .request = {
            .uid = settings->account.uid, .gid = settings->account.gid, .arguments = arguments,
            .environment = environment.items, .root = settings->root,
            .directory = settings->directory, .input = input,
        },
    };

    if (input < 0) {
        log_warn("%s: %s", assignment->request.envelope.queue_id, error.text);
        return delivery_outcome(pipe->service_name, "4.3.0", "unable to make the command's input");
    }
    environment_export(&environment, slice_of(pipe->config->export_environment));

    bool taken = program_run(&program, &result);

    return judge(pipe, assignment->arena, taken, &result);
}

/* --- Requests. -------------------------------------------------------------------------------- */

/* D and O name the recipient in a header, of which there must be one then. */
static bool has_one_recipient(const struct pipe *pipe, const struct assignment *assignment)
{
    unsigned flags = pipe->settings.flags;

    if (!(flags & (PIPE_DELIVERED_TO | PIPE_ORIGINAL_TO))
        || assignment->request.envelope.recipients.count == 1)
        return true;
    log_warn("pipe flag `%c' requires %s_destination_recipient_limit = 1",
             flags & PIPE_DELIVERED_TO ? 'D' : 'O', pipe->service_name);
    return false;
}

static bool is_loop(const struct pipe *pipe, const struct assignment *assignment)
{
    if (!(pipe->settings.flags & PIPE_DELIVERED_TO))
        return false;

    struct hash *visited = visited_read(assignment->content);
    bool loop = visited_has(visited, assignment->request.envelope.recipients.items[0].address);

    if (visited)
        hash_free(visited, NULL);
    return loop;
}

static struct outcome probe(const struct pipe *pipe, const struct assignment *assignment,
                            const char *const *arguments)
{
    struct outcome outcome = delivery_outcome(
        pipe->service_name, "2.0.0",
        arena_format(assignment->arena, "delivers to command: %s", arguments[0]));

    outcome.action = OUTCOME_DELIVERABLE;
    return outcome;
}

static struct outcome serve(const struct pipe *pipe, const struct assignment *assignment)
{
    const struct delivery_request *request = &assignment->request;
    int64_t limit = pipe->settings.size_limit;
    const char *const *arguments = NULL;
    struct error error = ERROR_NONE;

    if (!has_one_recipient(pipe, assignment))
        return misconfigured(pipe);
    if (limit > 0 && request->envelope.content_size > limit)
        return delivery_outcome(pipe->service_name, "5.2.3", "message too large");
    if (is_loop(pipe, assignment))
        return delivery_outcome(pipe->service_name, "5.4.6",
                                arena_format(assignment->arena, "mail forwarding loop for %s",
                                             request->envelope.recipients.items[0].address));
    if (!pipe_arguments_expand(&pipe->settings, pipe->config->recipient_delimiter, request,
                               assignment->arena, &arguments, &error)) {
        log_warn("file %s/master.cf: service %s: %s", pipe->config->config_directory,
                 pipe->service_name, error.text);
        return misconfigured(pipe);
    }
    return request->flags & REQUEST_PROBE ? probe(pipe, assignment, arguments)
                                          : run(pipe, assignment, arguments);
}

enum turn pipe_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct pipe *pipe = client->context->state;
    struct assignment assignment;

    if (!assignment_receive(&assignment, client->lane, arena))
        return TURN_LEAVE;
    assignment_open(&assignment);

    const struct recipient_list *recipients = &assignment.request.envelope.recipients;
    struct outcome outcome = { .reason = "" };

    if (recipients->count > 0)
        outcome = serve(pipe, &assignment);
    for (size_t i = 0; i < recipients->count; i++)
        assignment_tell(&assignment, pipe->reporter, &recipients->items[i], &outcome);
    return assignment_end(&assignment, client->lane) ? TURN_STAY : TURN_LEAVE;
}
