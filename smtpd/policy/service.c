#include "service.h"

#include "../connect.h"
#include "base/scope.h"
#include "log/log.h"
#include "stream/stream_pool.h"

#include <errno.h>

enum { ATTRIBUTE_LIMIT = 8 * 1024, ATTRIBUTES_LIMIT = 100 };

struct policy_service {
    bool is_unix;
    const char *name;               /* for connecting and for log lines */
    const char *default_action, *context;
    int timeout, retry_delay, try_limit;
    struct stream_pool *pool;
};

/* --- Options. --------------------------------------------------------------------- */

static bool set_option(struct policy_service *service, struct stream_limits *limits,
                       struct slice text, struct arena *arena, struct error *error)
{
    size_t equal = slice_find(text, '=');
    struct slice name = slice_trim(slice_part(text, 0, equal));
    struct slice value = slice_trim(slice_from(text, equal + 1));
    const struct { const char *name; int *seconds, *number; const char **text; } rows[] = {
        { "timeout", &service->timeout, NULL, NULL },
        { "max_idle", &limits->idle_seconds, NULL, NULL },
        { "max_ttl", &limits->age_seconds, NULL, NULL },
        { "retry_delay", &service->retry_delay, NULL, NULL },
        { "request_limit", NULL, &limits->requests, NULL },
        { "try_limit", NULL, &service->try_limit, NULL },
        { "default_action", NULL, NULL, &service->default_action },
        { "policy_context", NULL, NULL, &service->context },
    };
    uint64_t number;

    for (size_t i = 0; i < COUNT(rows) && equal < text.length; i++) {
        if (!slice_is(name, rows[i].name))
            continue;
        if (rows[i].text) {
            *rows[i].text = arena_text(arena, value);
            return true;
        }
        if (rows[i].seconds ? config_parse_seconds(value, 's', rows[i].seconds)
                            : slice_number(value, INT32_MAX, &number)) {
            if (rows[i].number)
                *rows[i].number = (int)number;
            return true;
        }
        return error_set(error, "bad value of option \"%.*s\"", SLICE_ARGS(text));
    }
    return error_set(error, "unknown option: \"%.*s = %.*s\"", SLICE_ARGS(name),
                     SLICE_ARGS(value));
}

static bool read_options(struct policy_service *service, struct stream_limits *limits,
                         struct slice options, struct arena *arena, struct error *error)
{
    struct slice option;

    while (config_list_next(&options, true, &option))
        if (!set_option(service, limits, option, arena, error))
            return false;
    return true;
}

struct policy_service *policy_service_new(const struct server *server, struct slice text,
                                          struct arena *arena, struct error *error)
{
    const struct config *config = server->config;
    struct policy_service *service = arena_take(arena, sizeof(*service));
    struct stream_limits limits = {
        .idle_seconds = config->smtpd_policy_service_max_idle,
        .age_seconds = config->smtpd_policy_service_max_ttl,
        .requests = config->smtpd_policy_service_request_limit,
    };
    struct slice rest = text, inside, destination, name;

    service->timeout = config->smtpd_policy_service_timeout;
    service->retry_delay = config->smtpd_policy_service_retry_delay;
    service->try_limit = config->smtpd_policy_service_try_limit;
    service->default_action = config->smtpd_policy_service_default_action;
    service->context = config->smtpd_policy_service_policy_context;
    if (slice_starts(text, "{") && config_list_next(&rest, true, &inside))
        rest = inside;
    if (!config_list_next(&rest, false, &destination) ||
        !destination_parse(destination, &service->is_unix, &name)) {
        error_set(error, "bad policy service \"%.*s\": specify inet:host:port or unix:path",
                  SLICE_ARGS(text));
        return NULL;
    }
    service->name = arena_text(arena, name);
    if (!read_options(service, &limits, rest, arena, error))
        return NULL;
    service->pool = stream_pool_new(&limits);
    return service;
}

void policy_service_free(struct policy_service *service)
{
    stream_pool_free(service->pool);
}

bool policy_service_is_remote(const struct policy_service *service)
{
    return !service->is_unix;
}

/* --- The request. ----------------------------------------------------------------- */

static void add_text(struct str *request, const char *name, const char *value)
{
    str_format(request, "%s=", name);
    for (const char *c = value ? value : ""; *c; c++)
        str_byte(request, *c == '\n' ? '?' : *c);
    str_byte(request, '\n');
}

static bool recipients_are_complete(const struct facts *facts)
{
    return !strcmp(facts->stage, "DATA") || !strcmp(facts->stage, "BDAT") ||
           !strcmp(facts->stage, "END-OF-MESSAGE");
}

/* In the order in which servers have always got them. */
static void write_request(struct str *request, const struct evaluation *evaluation,
                          const struct policy_service *service)
{
    const struct facts *facts = evaluation->facts;
    static const char *const unknown[] = {
        "sasl_sender", "ccert_subject", "ccert_issuer",
        "ccert_fingerprint", "ccert_pubkey_fingerprint", "encryption_protocol",
        "encryption_cipher",
    };

    add_text(request, "request", "smtpd_access_policy");
    add_text(request, "protocol_state", facts->stage);
    add_text(request, "protocol_name", facts->protocol);
    add_text(request, "client_address", facts->address);
    add_text(request, "client_name", facts->name);
    add_text(request, "client_port", facts->port);
    add_text(request, "reverse_client_name", facts->reverse_name);
    add_text(request, "server_address", facts->server_address);
    add_text(request, "server_port", facts->server_port);
    add_text(request, "helo_name", facts->helo);
    add_text(request, "sender", facts->sender);
    add_text(request, "recipient", facts->recipient);
    str_format(request, "recipient_count=%zu\n",
               recipients_are_complete(facts) ? facts->recipient_count : 0);
    add_text(request, "queue_id", facts->queue_id);
    if (facts->sender && strcmp(facts->stage, "MAIL") != 0)
        str_format(request, "instance=%s.%x\n", facts->session_id, facts->transaction);
    else
        str_text(request, "instance=\n");
    str_format(request, "size=%lld\n", (long long)facts->size);
    add_text(request, "etrn_domain", facts->etrn_domain);
    add_text(request, "stress", evaluation->policy->server->config->stress);
    add_text(request, "sasl_method", facts->sasl_method);
    add_text(request, "sasl_username", facts->sasl_username);
    for (size_t i = 0; i < COUNT(unknown); i++)
        add_text(request, unknown[i], "");
    str_text(request, "encryption_keysize=0\n");
    add_text(request, "policy_context", service->context);
    str_byte(request, '\n');
}

/* --- The conversation. ------------------------------------------------------------ */

static const char *result_text(const struct stream *stream, enum stream_result result)
{
    if (result == STREAM_TIMEOUT)
        return strerror(ETIMEDOUT);
    if (result == STREAM_TOO_LONG)
        return strerror(EMSGSIZE);
    return stream_errno(stream) ? strerror(stream_errno(stream)) : "Connection closed";
}

/* The attributes up to the empty line; true when there was an action. */
static enum stream_result read_answer(struct stream *stream, struct str *action, bool *found)
{
    struct slice line;

    *found = false;
    for (int i = 0; i < ATTRIBUTES_LIMIT; i++) {
        enum stream_result result = stream_line(stream, ATTRIBUTE_LIMIT, &line, NULL);

        if (result != STREAM_OK || !line.length)
            return result;
        if (!*found && slice_starts(line, "action=")) {
            str_set(action, slice_from(line, 7));
            *found = true;
        }
    }
    return STREAM_TOO_LONG;
}

enum attempt { ATTEMPT_DONE, ATTEMPT_FAILED, ATTEMPT_STALE };

/* One request over one connection; a connection that was idle may have been closed meanwhile. */
static enum attempt try_once(const struct evaluation *evaluation, struct policy_service *service,
                             const struct str *request, bool is_last, struct str *action)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    struct pooled_stream *pooled = stream_pool_take(service->pool);
    bool reused = pooled != NULL, found = false;
    struct error error = ERROR_NONE;

    if (!pooled) {
        struct stream *stream = calls->connect(calls->argument, service->is_unix, service->name,
                                               service->timeout, &error);

        if (!stream) {
            log_warn("connect to %s: %s", service->name, error.text);
            log_warn("problem talking to server %s: %s", service->name, error.text);
            return ATTEMPT_FAILED;
        }
        pooled = stream_pool_add(service->pool, stream);
    }
    stream_set_deadline(pooled->stream, moment_after(service->timeout));
    stream_write(pooled->stream, str_slice(request));

    enum stream_result result = stream_flush(pooled->stream);

    if (result == STREAM_OK)
        result = read_answer(pooled->stream, action, &found);

    bool stale = reused && result == STREAM_CLOSED;

    if (result == STREAM_OK && !found)
        log_warn("missing attribute action in input from %s", service->name);
    if (!found && !stale && is_last)
        log_warn("problem talking to server %s: %s", service->name,
                 result == STREAM_OK ? "Application error" : result_text(pooled->stream, result));
    stream_pool_give(service->pool, pooled, result == STREAM_OK && found);
    return found && result == STREAM_OK ? ATTEMPT_DONE : stale ? ATTEMPT_STALE : ATTEMPT_FAILED;
}

static bool ask(const struct evaluation *evaluation, struct policy_service *service,
                struct str *action)
{
    const struct server_calls *calls = &evaluation->policy->server->calls;
    AUTO_STR struct str request = STR_EMPTY;

    write_request(&request, evaluation, service);
    for (int tries = 0; tries < service->try_limit;) {
        enum attempt attempt = try_once(evaluation, service, &request,
                                        tries + 1 == service->try_limit, action);

        if (attempt == ATTEMPT_DONE)
            return true;
        if (attempt == ATTEMPT_FAILED && ++tries < service->try_limit)
            calls->pause(calls->argument, service->retry_delay);
    }
    return false;
}

struct verdict check_policy_service(struct evaluation *evaluation, const struct check *check)
{
    AUTO_STR struct str action = STR_EMPTY;

    if (!check->service)
        return verdict_bad_config();
    if (!ask(evaluation, check->service, &action))
        str_set(&action, slice_of(check->service->default_action));
    return access_obey(evaluation, check, subject_list(evaluation), "", str_slice(&action));
}
