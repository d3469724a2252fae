/*
 * Relay control and the existence of recipients (ADDRESS_CLASS_README,
 * LOCAL_RECIPIENT_README).
 */
#include "check.h"

#include "address/address.h"
#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"

bool recipient_resolve(struct evaluation *evaluation, const char *address,
                       struct resolution *resolution, struct error *error)
{
    const struct server *server = evaluation->policy->server;
    const char *sender = evaluation->facts->sender;
    AUTO_STR struct str rewritten = STR_EMPTY;

    rewrite_address(&server->rewrite, REWRITE_LOCAL, slice_of(address), &rewritten);
    return resolver_resolve(server->resolver, slice_of(sender ? sender : ""),
                            str_slice(&rewritten), resolution, error);
}

/* --- Relaying. -------------------------------------------------------------------- */

enum destination { DESTINATION_OURS, DESTINATION_FOREIGN, DESTINATION_UNKNOWN };

static enum destination find_destination(struct evaluation *evaluation, struct verdict *trouble)
{
    AUTO_RESOLUTION struct resolution resolution = RESOLUTION_EMPTY;
    struct error error = ERROR_NONE;

    if (!recipient_resolve(evaluation, evaluation->facts->recipient, &resolution, &error)) {
        *trouble = verdict_table_trouble(evaluation, evaluation->facts->recipient, error.text);
        return DESTINATION_UNKNOWN;
    }
    /* A local part that names another way could smuggle mail through a relay. */
    if (resolution.class == ADDRESS_DEFAULT ||
        ((resolution.flags & RESOLVE_ROUTED) &&
         !evaluation->policy->server->config->allow_untrusted_routing))
        return DESTINATION_FOREIGN;
    if (resolution.class == ADDRESS_RELAY)
        safety_relay_domain(evaluation->policy->server, str_slice(&resolution.recipient));
    return DESTINATION_OURS;
}

bool recipient_is_routed(struct evaluation *evaluation)
{
    AUTO_RESOLUTION struct resolution resolution = RESOLUTION_EMPTY;
    struct error error = ERROR_NONE;

    return !recipient_resolve(evaluation, evaluation->facts->recipient, &resolution, &error) ||
           (resolution.flags & RESOLVE_ROUTED);
}

static struct verdict refuse_relay(struct evaluation *evaluation, int code, const char *status)
{
    struct verdict verdict = verdict_next();

    switch (find_destination(evaluation, &verdict)) {
    case DESTINATION_OURS:
        return verdict_next();
    case DESTINATION_UNKNOWN:
        return verdict;
    default:
        return verdict_text(code, status,
                            arena_format(evaluation->arena, "<%s>: Relay access denied",
                                         evaluation->facts->recipient));
    }
}

struct verdict check_unauth_destination(struct evaluation *evaluation,
                                        UNUSED const struct check *check)
{
    return refuse_relay(evaluation, evaluation->policy->server->config->relay_domains_reject_code,
                        "5.7.1");
}

struct verdict check_defer_unauth_destination(struct evaluation *evaluation,
                                              UNUSED const struct check *check)
{
    return refuse_relay(evaluation,
                        evaluation->policy->server->config->relay_domains_reject_code - 100,
                        "4.7.1");
}

struct verdict check_auth_destination(struct evaluation *evaluation,
                                      UNUSED const struct check *check)
{
    struct verdict verdict = verdict_next();

    switch (find_destination(evaluation, &verdict)) {
    case DESTINATION_OURS:
        return verdict_permit();
    default:
        return verdict;
    }
}

/* --- Known recipients. ------------------------------------------------------------ */

/* The table list that must know the addresses of a class. */
struct directory {
    struct table_list *maps;
    int code;
    const char *name;       /* behind "User unknown in " */
    bool needed;            /* an empty list knows nobody, instead of everybody */
};

static bool find_directory(const struct server *server, enum address_class class,
                           struct directory *directory)
{
    const struct config *config = server->config;

    switch (class) {
    case ADDRESS_LOCAL:
        *directory = (struct directory){ server->local_recipients,
                                         config->unknown_local_recipient_reject_code,
                                         "local recipient table", false };
        return true;
    case ADDRESS_VIRTUAL_ALIAS:
        *directory = (struct directory){ server->virtual_aliases,
                                         config->unknown_virtual_alias_reject_code,
                                         "virtual alias table", true };
        return true;
    case ADDRESS_VIRTUAL_MAILBOX:
        *directory = (struct directory){ server->virtual_mailboxes,
                                         config->unknown_virtual_mailbox_reject_code,
                                         "virtual mailbox table", false };
        return true;
    case ADDRESS_RELAY:
        *directory = (struct directory){ server->relay_recipients,
                                         config->unknown_relay_recipient_reject_code,
                                         "relay recipient table", false };
        return true;
    default:
        return false;
    }
}

/* Addresses of the mail system itself exist, whatever the tables say. */
static bool is_built_in(const struct config *config, struct slice address)
{
    struct slice local = address_split(address).local;

    return slice_is_nocase(local, "postmaster") || slice_is_nocase(local, "mailer-daemon") ||
           slice_is_nocase(local, config->double_bounce_sender);
}

/* Who is rewritten to another address is known. */
static enum table_result find_rewritten(const struct server *server, struct slice address,
                                        bool is_sender, struct error *error)
{
    struct table_list *maps[] = {
        is_sender ? server->sender_canonical : server->recipient_canonical, server->canonical,
        server->virtual_aliases,
    };
    AUTO_STR struct str value = STR_EMPTY;

    for (size_t i = 0; i < COUNT(maps); i++) {
        if (!maps[i] || table_list_is_empty(maps[i]))
            continue;

        enum table_result result = lookup_address(server->lookup, maps[i], address, &value, NULL,
                                                  error);

        if (result != TABLE_ABSENT)
            return result;
    }
    return TABLE_ABSENT;
}

/* The reply that stands in an error: transport's nexthop: "5.1.2 no such place". */
static struct verdict refuse_error(struct evaluation *evaluation, struct subject subject,
                                   const struct resolution *resolution, bool is_sender)
{
    struct slice text = str_slice(&resolution->nexthop);
    char status[STATUS_SIZE];

    memcpy(status, is_sender ? "5.1.0" : "5.1.1", 6);
    if (slice_is(str_slice(&resolution->transport), "retry"))
        status[0] = '4';
    status_take(&text, status);
    if (!text.length)
        text = slice_of("User unknown");
    return verdict_reject(evaluation, subject, status[0] == '4' ? 450 : 550, status, "%.*s",
                          SLICE_ARGS(text));
}

static struct verdict refuse_unknown(struct evaluation *evaluation, struct subject subject,
                                     const struct directory *directory, bool is_sender)
{
    bool named = evaluation->policy->server->config->show_user_unknown_table_name;

    struct verdict verdict = verdict_reject(evaluation, subject, directory->code,
                                            is_sender ? "5.1.0" : "5.1.1", "User unknown%s%s",
                                            named ? " in " : "", named ? directory->name : "");

    verdict.blame = NOTIFY_BOUNCE;
    return verdict;
}

static struct verdict ask_directory(struct evaluation *evaluation, struct slice address,
                                    struct subject subject, const struct directory *directory,
                                    bool is_sender)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;

    if (!directory->maps || table_list_is_empty(directory->maps))
        return directory->needed ? refuse_unknown(evaluation, subject, directory, is_sender)
                                 : verdict_next();
    switch (lookup_address(evaluation->policy->server->lookup, directory->maps, address, &value,
                           NULL, &error)) {
    case TABLE_FOUND:
        return verdict_next();
    case TABLE_TROUBLE:
        return verdict_table_trouble(evaluation, subject.name, error.text);
    default:
        return refuse_unknown(evaluation, subject, directory, is_sender);
    }
}

struct verdict recipient_check_listed(struct evaluation *evaluation, const char *address,
                                      struct subject subject, bool is_sender)
{
    const struct server *server = evaluation->policy->server;
    AUTO_RESOLUTION struct resolution resolution = RESOLUTION_EMPTY;
    struct directory directory;
    struct error error = ERROR_NONE;

    if (!recipient_resolve(evaluation, address, &resolution, &error))
        return verdict_table_trouble(evaluation, subject.name, error.text);

    struct slice recipient = str_slice(&resolution.recipient);

    switch (find_rewritten(server, recipient, is_sender, &error)) {
    case TABLE_FOUND:
        return verdict_next();
    case TABLE_TROUBLE:
        return verdict_table_trouble(evaluation, subject.name, error.text);
    default:
        break;
    }
    if (slice_is(str_slice(&resolution.transport), "error") ||
        slice_is(str_slice(&resolution.transport), "retry"))
        return refuse_error(evaluation, subject, &resolution, is_sender);
    if (!find_directory(server, resolution.class, &directory) ||
        (resolution.class == ADDRESS_LOCAL && is_built_in(server->config, recipient)))
        return verdict_next();
    if (resolution.class == ADDRESS_RELAY)
        safety_relay_address(server, address);
    return ask_directory(evaluation, recipient, subject, &directory, is_sender);
}

struct verdict check_unlisted_recipient(struct evaluation *evaluation,
                                        UNUSED const struct check *check)
{
    return recipient_check_listed(evaluation, evaluation->facts->recipient,
                                  subject_recipient(evaluation), false);
}

struct verdict check_unlisted_sender(struct evaluation *evaluation,
                                     UNUSED const struct check *check)
{
    if (!*evaluation->facts->sender)
        return verdict_next();
    return recipient_check_listed(evaluation, evaluation->facts->sender,
                                  subject_sender(evaluation), true);
}
