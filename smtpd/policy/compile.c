/*
 * From the text of a restriction list to a program.
 */
#include "check.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"
#include "service.h"

const char *const list_parameters[LIST_COUNT] = {
    [LIST_CLIENT] = "smtpd_client_restrictions",
    [LIST_HELO] = "smtpd_helo_restrictions",
    [LIST_SENDER] = "smtpd_sender_restrictions",
    [LIST_RELAY] = "smtpd_relay_restrictions",
    [LIST_RECIPIENT] = "smtpd_recipient_restrictions",
    [LIST_DATA] = "smtpd_data_restrictions",
    [LIST_END_OF_DATA] = "smtpd_end_of_data_restrictions",
    [LIST_ETRN] = "smtpd_etrn_restrictions",
};

/* The check that a bare type:table stands for. */
static const char *const bare_table_checks[LIST_COUNT] = {
    [LIST_CLIENT] = "check_client_access",
    [LIST_HELO] = "check_helo_access",
    [LIST_SENDER] = "check_sender_access",
    [LIST_RELAY] = "check_recipient_access",
    [LIST_RECIPIENT] = "check_recipient_access",
    [LIST_DATA] = "check_recipient_access",
    [LIST_END_OF_DATA] = "check_recipient_access",
    [LIST_ETRN] = "check_etrn_access",
};

static bool find_table(struct policy *policy, struct slice name, bool may_open,
                       struct table **table, struct error *error)
{
    *table = hash_get(policy->tables, name);
    if (*table)
        return true;
    if (!may_open)
        return error_set(error, "table \"%.*s\" is not named in a restriction list",
                         SLICE_ARGS(name));
    *table = table_open(&policy->server->tables, name, TABLE_FOLD, error);
    if (!*table)
        return false;
    hash_set(policy->tables, name, *table);
    return true;
}

/* Lists that name the same service in the same words share its connections. */
static bool find_service(struct policy *policy, struct slice text, bool may_open,
                         struct policy_service **service, struct error *error)
{
    *service = hash_get(policy->services, text);
    if (*service)
        return true;
    if (!may_open)
        return error_set(error, "policy service \"%.*s\" is not named in a restriction list",
                         SLICE_ARGS(text));
    *service = policy_service_new(policy->server, text, policy->arena, error);
    if (!*service)
        return false;
    hash_set(policy->services, text, *service);
    policy->connects_tcp |= policy_service_is_remote(*service);
    return true;
}

static bool is_bare_table(struct slice word)
{
    size_t colon = slice_find(word, ':');

    return colon > 0 && colon < word.length;
}

/* The argument of a check that takes one. */
static bool take_argument(struct policy *policy, struct slice *rest, bool may_open,
                          struct arena *arena, struct check *check, struct error *error)
{
    struct slice word;

    if (check->kind->argument == TAKES_NOTHING)
        return true;
    if (!config_list_next(rest, check->kind->argument != TAKES_SERVICE, &word)) {
        log_warn("restriction %s requires an argument", check->name);
        check->kind = NULL;
        return true;
    }
    check->argument = arena_text(arena, word);
    if (check->kind->argument == TAKES_SERVICE)
        return find_service(policy, word, may_open, &check->service, error);
    return check->kind->argument != TAKES_TABLE ||
           find_table(policy, word, may_open, &check->table, error);
}

static bool open_relay_clients(struct policy *policy, struct error *error)
{
    const struct config *config = policy->server->config;
    unsigned parent = match_parent_flag(config->parent_domain_matches_subdomains,
                                        "relay_domains");

    if (!policy->relay_clients)
        policy->relay_clients = match_list_open(&policy->server->tables, "relay_domains",
                                                config->relay_domains, MATCH_DOMAIN, parent, error);
    return policy->relay_clients != NULL;
}

/* A plain decision ends a list; what stands behind it may have been meant. */
static bool ends_list(const struct program *program)
{
    static const char *const decisions[] = { "permit", "reject", "defer", "check_relay_domains" };

    if (!program->count)
        return false;

    const struct check *last = &program->items[program->count - 1];

    if (program->count > 1 && !strcasecmp(last[-1].name, "warn_if_reject"))
        return false;
    for (size_t i = 0; i < COUNT(decisions); i++)
        if (!strcasecmp(last->name, decisions[i]))
            return true;
    return false;
}

static bool add_check(struct policy *policy, struct slice word, struct slice *rest,
                      enum list_id list, bool may_open, struct arena *arena,
                      struct program *program, struct error *error)
{
    struct check *check = VECTOR_ADD(program);

    check->name = arena_text(arena, word);
    check->program = hash_get(policy->classes, word);
    if (check->program)
        return true;
    if (is_bare_table(word)) {
        check->kind = check_kind_find(slice_of(bare_table_checks[list]));
        check->argument = check->name;
        return find_table(policy, word, may_open, &check->table, error);
    }
    check->kind = check_kind_find(word);
    if (check->kind && check->kind->run == check_relay_domains
        && !open_relay_clients(policy, error))
        return false;
    return !check->kind || take_argument(policy, rest, may_open, arena, check, error);
}

bool program_compile(struct policy *policy, struct slice text, enum list_id list, bool may_open,
                     struct arena *arena, struct program *program, struct error *error)
{
    struct slice word;

    while (config_list_next(&text, false, &word)) {
        if (may_open && ends_list(program))
            log_warn("restriction `%.*s' after `%s' is ignored", SLICE_ARGS(word),
                     program->items[program->count - 1].name);
        if (!add_check(policy, word, &text, list, may_open, arena, program, error))
            return false;
    }
    return true;
}

/* --- The whole policy. ------------------------------------------------------------ */

/* Classes may name each other: all names exist before the first is compiled. */
static bool compile_classes(struct policy *policy, struct error *error)
{
    const struct config *config = policy->server->config;
    struct slice names = slice_of(config->smtpd_restriction_classes), name;

    while (config_list_next(&names, false, &name))
        hash_set(policy->classes, name, memory_new(1, sizeof(struct program)));
    names = slice_of(config->smtpd_restriction_classes);
    while (config_list_next(&names, false, &name)) {
        AUTO_STR struct str text = STR_EMPTY;
        AUTO_FREE char *parameter = memory_text(name.data, name.length);
        struct program *class = hash_get(policy->classes, name);

        if (!config_lookup(config, parameter, &text, error))
            return error_set(error, "restriction class `%s' needs a definition", parameter);
        if (!class->count &&
            !program_compile(policy, str_slice(&text), LIST_RECIPIENT, true, policy->arena, class,
                             error))
            return false;
    }
    return true;
}

static bool compile_lists(struct policy *policy, struct error *error)
{
    const struct config *config = policy->server->config;
    const char *const texts[LIST_COUNT] = {
        [LIST_CLIENT] = config->smtpd_client_restrictions,
        [LIST_HELO] = config->smtpd_helo_restrictions,
        [LIST_SENDER] = config->smtpd_sender_restrictions,
        [LIST_RELAY] = config->smtpd_relay_restrictions,
        [LIST_RECIPIENT] = config->smtpd_recipient_restrictions,
        [LIST_DATA] = config->smtpd_data_restrictions,
        [LIST_END_OF_DATA] = config->smtpd_end_of_data_restrictions,
        [LIST_ETRN] = config->smtpd_etrn_restrictions,
    };

    for (enum list_id list = 0; list < LIST_COUNT; list++)
        if (!program_compile(policy, slice_of(texts[list]), list, true, policy->arena,
                             &policy->lists[list], error))
            return error_prefix(error, "%s", list_parameters[list]);
    return program_compile(policy, SLICE_LITERAL("permit_mynetworks, permit_sasl_authenticated, "
                                                 "permit_auth_destination"),
                           LIST_RELAY, true, policy->arena, &policy->relay_default, error) &&
           program_compile(policy, slice_of(config->local_header_rewrite_clients), LIST_CLIENT,
                           true, policy->arena, &policy->local_clients, error);
}

/* 1: protects against relaying, 0: lets everything pass, -1: says nothing. */
static int protection(const struct program *program, int depth)
{
    static const char *const working[] = {
        "reject", "defer", "defer_if_permit", "reject_unauth_destination",
        "defer_unauth_destination", "check_relay_domains",
    };

    for (size_t i = 0; i < program->count; i++) {
        const struct check *check = &program->items[i];
        int found = check->program && depth < 10 ? protection(check->program, depth + 1) : -1;

        if (found >= 0)
            return found;
        if (!strcasecmp(check->name, "permit"))
            return 0;
        for (size_t k = 0; k < COUNT(working); k++)
            if (!strcasecmp(check->name, working[k]) &&
                !(i && !strcasecmp(program->items[i - 1].name, "warn_if_reject")))
                return 1;
    }
    return -1;
}

static bool relaying_is_refused(const struct policy *policy, struct error *error)
{
    if (protection(&policy->lists[LIST_RELAY], 0) == 1 ||
        protection(&policy->lists[LIST_RECIPIENT], 0) == 1)
        return true;
    return error_set(error, "in parameter smtpd_relay_restrictions or "
                     "smtpd_recipient_restrictions, specify at least one working instance of: "
                     "reject_unauth_destination, defer_unauth_destination, reject, defer, "
                     "defer_if_permit or check_relay_domains");
}

struct policy *policy_open(const struct server *server, struct error *error)
{
    struct policy *policy = memory_new(1, sizeof(*policy));

    policy->server = server;
    policy->arena = arena_new();
    policy->tables = hash_new();
    policy->classes = hash_new();
    policy->services = hash_new();
    policy->access_parent =
        match_parent_flag(server->config->parent_domain_matches_subdomains,
                          "smtpd_access_maps") != 0;
    policy->wants_logins = config_is_yes(server->config, "smtpd_sasl_auth_enable");
    policy->asks_certificates = config_is_yes(server->config, "smtpd_tls_ask_ccert")
                                || config_is_yes(server->config, "smtpd_tls_req_ccert");
    if (compile_classes(policy, error) && compile_lists(policy, error) &&
        relaying_is_refused(policy, error))
        return policy;
    policy_close(policy);
    return NULL;
}

bool policy_connects_tcp(const struct policy *policy)
{
    return policy->connects_tcp;
}

static void free_class(void *program)
{
    VECTOR_FREE((struct program *)program);
    free(program);
}

static void close_service(void *service)
{
    policy_service_free(service);
}

static void close_table(void *table)
{
    table_close(table);
}

void policy_close(struct policy *policy)
{
    if (!policy)
        return;
    for (enum list_id list = 0; list < LIST_COUNT; list++)
        VECTOR_FREE(&policy->lists[list]);
    VECTOR_FREE(&policy->local_clients);
    VECTOR_FREE(&policy->relay_default);
    match_list_close(policy->relay_clients);
    hash_free(policy->classes, free_class);
    hash_free(policy->tables, close_table);
    hash_free(policy->services, close_service);
    arena_free(policy->arena);
    free(policy);
}
