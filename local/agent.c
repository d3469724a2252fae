#include "agent.h"

#include "address/lookup.h"
#include "base/memory.h"
#include "base/scope.h"
#include "deliver/assignment.h"
#include "expand.h"
#include "log/log.h"
#include "service/needs.h"
#include "submit.h"
#include "visited.h"

enum { CLEANUP_IDLE_LANES = 2, CLEANUP_IDLE_SECONDS = 100 };

static bool check_limits(const struct config *config, struct error *error)
{
    if (config->mailbox_size_limit > 0
        && (config->mailbox_size_limit < config->message_size_limit
            || config->message_size_limit == 0))
        return error_set(error, "main.cf configuration error: mailbox_size_limit is smaller "
                         "than message_size_limit");
    return true;
}

/* Whose results are commands and transports: never with parts of the address in them. */
static struct table_list *open_list(const struct table_context *tables, const char *title,
                                    const char *value, struct error *error)
{
    return table_list_open(tables, title, value, TABLE_FOLD | TABLE_NO_SUBSTITUTION, error);
}

static bool open_lists(struct agent *agent, const struct table_context *tables, struct error *error)
{
    const struct config *config = agent->config;

    agent->aliases = open_list(tables, "alias_maps", config->alias_maps, error);
    agent->mailbox_transports = open_list(tables, "mailbox_transport_maps",
                                          config->mailbox_transport_maps, error);
    agent->mailbox_commands = open_list(tables, "mailbox_command_maps",
                                        config->mailbox_command_maps, error);
    agent->fallback_transports = open_list(tables, "fallback_transport_maps",
                                           config->fallback_transport_maps, error);
    return agent->aliases && agent->mailbox_transports && agent->mailbox_commands
           && agent->fallback_transports;
}

static bool open_tables(struct agent *agent, struct service_context *context,
                        struct error *error)
{
    const struct config *config = agent->config;
    const struct table_context *tables = service_tables(context);

    agent->lookup = open_lists(agent, tables, error) ? lookup_open(config, tables, error) : NULL;
    agent->resolver = agent->lookup
                          ? resolver_open(config, tables, agent->lookup, RESOLVE_MAIL, error)
                          : NULL;
    return agent->resolver;
}

/* An old name for dotlock alone. */
static bool read_locks(const struct config *config, unsigned *locks, struct error *error)
{
    if (!mailbox_locks_parse(slice_of(config->mailbox_delivery_lock), locks, error))
        return false;
    if (!config->sun_mailtool_compatibility)
        return true;
    log_warn("sun_mailtool_compatibility: deprecated parameter, use \"mailbox_delivery_lock = "
             "dotlock\" instead");
    *locks &= MAILBOX_DOTLOCK;
    return *locks != 0 || error_set(error, "parameter mailbox_delivery_lock specifies no "
                                    "applicable mailbox locking method");
}

bool agent_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct agent *agent = memory_new(1, sizeof(*agent));

    agent->config = config;
    agent->service_name = context->service_name;
    if (!check_limits(config, error) || !open_tables(agent, context, error)
        || !read_locks(config, &agent->mailbox.locks, error))
        return false;
    agent->mailbox.lock_attempts = config->deliver_lock_attempts;
    agent->mailbox.lock_delay_seconds = config->deliver_lock_delay;
    agent->mailbox.stale_lock_seconds = config->stale_lock_time;
    agent->mailbox.size_limit = config->mailbox_size_limit;
    agent->rewrite = rewrite_settings_of(config);
    agent->reporter = service_reporter(context);
    agent->cleanup = lane_pool_new(service_socket(context, "public",
                                                  config->cleanup_service_name),
                                   CLEANUP_IDLE_LANES, CLEANUP_IDLE_SECONDS);
    agent->identities = identities_new();
    agent->executor = executor_start(error);
    context->state = agent;
    return agent->executor;
}

/* Everything that one recipient of the request leads to. */
static enum delivery_status deliver(const struct agent *agent, const struct assignment *assignment,
                                    const struct recipient *recipient,
                                    const struct hash *visited)
{
    struct vector_of_members forwarded = { NULL, 0, 0 };
    struct job job = {
        .agent = agent, .request = &assignment->request, .recipient = recipient,
        .file = assignment->file, .content = assignment->content, .arena = assignment->arena,
        .visited = visited, .forwarded = &forwarded, .status = DELIVERY_SENT,
    };
    struct origin top = { .depth = 0 };

    if (visited_has(visited, recipient->address)) {
        job_fail(&job, recipient->address, "5.4.6", "mail forwarding loop for %s",
                 recipient->address);
    } else {
        expand_local(&job, recipient->address, &top);
        submit_forwarded(&job);
    }
    if (job.seen)
        hash_free(job.seen, NULL);
    if (!job.reported)      /* an empty list; the end of a message is logged in any case */
        job_sent(&job, recipient->address, "delivered to nobody");
    return job.status;
}

enum turn agent_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct assignment assignment;

    if (!assignment_receive(&assignment, client->lane, arena))
        return TURN_LEAVE;
    assignment_open(&assignment);

    const struct recipient_list *recipients = &assignment.request.envelope.recipients;
    struct hash *visited = visited_read(assignment.content);

    for (size_t i = 0; i < recipients->count; i++)
        assignment_settle(&assignment, &recipients->items[i],
                          deliver(client->context->state, &assignment, &recipients->items[i],
                                  visited));
    if (visited)
        hash_free(visited, NULL);
    return assignment_end(&assignment, client->lane) ? TURN_STAY : TURN_LEAVE;
}
