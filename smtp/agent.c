#include "agent.h"

#include "base/memory.h"
#include "base/scope.h"
#include "deliver/assignment.h"
#include "deliver/postmaster.h"
#include "delivery.h"
#include "log/log.h"
#include "marks.h"
#include "pool.h"
#include "service/needs.h"

#include <strings.h>

enum { CLEANUP_IDLE_LANES = 1, CLEANUP_IDLE_SECONDS = 10 };

static void warn_unknown(void *argument, struct slice word)
{
    log_warn("%s: unknown EHLO keyword \"%.*s\"", (const char *)argument, SLICE_ARGS(word));
}

unsigned agent_discarded(const struct agent *agent, const char *keywords)
{
    const char *title = agent->lmtp ? "lmtp" : "smtp";

    return extension_list(slice_of(keywords), warn_unknown, (void *)(uintptr_t)title);
}

/* inet_protocols: "all", "ipv4", "ipv6" or both. */
static int choose_family(const char *protocols)
{
    bool all = strcasestr(protocols, "all");
    bool v4 = all || strcasestr(protocols, "ipv4");
    bool v6 = all || strcasestr(protocols, "ipv6");

    return v4 && v6 ? AF_UNSPEC : v6 ? AF_INET6 : AF_INET;
}

static bool check_target(const struct agent *agent, struct error *error)
{
    const char *target = agent->config->smtp_address_verify_target;

    if (strcasecmp(target, "rcpt") == 0 || strcasecmp(target, "data") == 0)
        return true;
    return error_set(error, "bad protocol stage: \"%s_address_verify_target = %s\"",
                     agent->lmtp ? "lmtp" : "smtp", target);
}

/* Where connections come from, which inet_interfaces may say. */
static bool open_sources(struct agent *agent, struct error *error)
{
    const struct config *config = agent->config;
    const struct interfaces *interfaces = agent->interfaces = interfaces_open(config, error);
    bool lmtp = agent->lmtp;

    return interfaces
           && source_open(&agent->source, AF_INET,
                          lmtp ? "lmtp_bind_address" : "smtp_bind_address",
                          config->smtp_bind_address, interfaces, error)
           && source_open(&agent->source6, AF_INET6,
                          lmtp ? "lmtp_bind_address6" : "smtp_bind_address6",
                          config->smtp_bind_address6, interfaces, error);
}

static void set_resolver(struct agent *agent, struct dns_settings *settings)
{
    struct slice rest = slice_of(agent->config->smtp_dns_resolver_options), word;

    while (slice_take_token(&rest, ", \t\r\n", &word)) {
        if (slice_is(word, "res_defnames"))
            settings->default_domain = true;
        else if (slice_is(word, "res_dnsrch"))
            settings->search = true;
        else
            log_warn("%s_dns_resolver_options: unknown option: %.*s",
                     agent->lmtp ? "lmtp" : "smtp", SLICE_ARGS(word));
    }
    if (*agent->config->smtp_dns_reply_filter) {
        settings->keep = tables_keep_record;
        settings->keep_argument = &agent->tables;
    }
}

bool agent_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct dns_settings dns = { .idna2003 = config->enable_idna2003_compatibility };
    struct agent *agent = memory_new(1, sizeof(*agent));

    agent->config = config;
    agent->lmtp = strcmp(context->program, "lmtp") == 0;
    agent->service_name = context->service_name;
    agent->family = choose_family(config->inet_protocols);
    agent->discarded = agent_discarded(agent, config->smtp_discard_ehlo_keywords);
    agent->silent_discard = strcasestr(config->smtp_discard_ehlo_keywords, "silent-discard");
    agent->require_auth = config->smtp_sasl_auth_enable;
    set_resolver(agent, &dns);
    agent->dns = dns_new(&dns, error);
    if (!agent->dns || !open_sources(agent, error) || !check_target(agent, error))
        return false;
    if (!marks_parse(context->words, context->word_count, &agent->marks, error)
        || !tables_open(&agent->tables, config, agent->lmtp, service_tables(context), error)
        || !tls_demand_open(&agent->tls_demand, config, agent->lmtp, service_tables(context),
                            error))
        return false;
    agent->reporter = service_reporter(context);
    agent->tells_postmaster = postmaster_classes(config->notify_classes) & NOTIFY_PROTOCOL;
    agent->cleanup = lane_pool_new(service_socket(context, "public",
                                                  config->cleanup_service_name),
                                   CLEANUP_IDLE_LANES, CLEANUP_IDLE_SECONDS);
    agent->pool = pool_new(agent);
    context->state = agent;
    return true;
}

static bool report(struct client *client, struct assignment *assignment,
                   const struct delivery *delivery)
{
    struct delivery_report *report = &assignment->report;

    report->recipients = delivery->reports;
    report->unreachable = delivery->failure.unreachable && !delivery->reached;
    if (report->unreachable) {
        report->dsn = delivery->failure.dsn;
        report->text = delivery->failure.reason;
    }
    return assignment_end(assignment, client->lane);
}

enum turn agent_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct assignment assignment;

    if (!assignment_receive(&assignment, client->lane, arena))
        return TURN_LEAVE;

    size_t count = assignment.request.envelope.recipients.count;
    struct delivery delivery = {
        .agent = client->context->state, .request = &assignment.request,
        .file = assignment.file, .arena = arena,
        .done = arena_take(arena, count * sizeof(bool)), .left = count,
        .own = arena_take(arena, count * sizeof(struct failure *)),
        .reports = assignment.report.recipients,
        .failure = failure_of(arena, "4.3.0", "unknown delivery problem"),
    };

    delivery_run(&delivery);
    return report(client, &assignment, &delivery) ? TURN_STAY : TURN_LEAVE;
}

int agent_main(const char *name, int argc, char **argv)
{
    const struct service service = {
        .name = name,
        .pattern = SERVICE_LANES,
        .rights = RIGHT_READ_TABLES | RIGHT_CONNECT_UNIX | RIGHT_CONNECT_TCP | RIGHT_RESOLVE,
        .prepare = agent_prepare,
        .turn = agent_turn,
    };

    return service_main(&service, argc, argv);
}
