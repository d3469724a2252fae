#include "virtual_agent.h"

#include "address/address.h"
#include "address/lookup.h"
#include "base/memory.h"
#include "base/scope.h"
#include "config/config.h"
#include "deliver/assignment.h"
#include "deliver/mailbox.h"
#include "delivery.h"
#include "identity.h"
#include "log/log.h"
#include "service/needs.h"

#include <errno.h>

struct virtual {
    const struct config *config;
    struct table_list *mailboxes, *uids, *gids;
    struct lookup *lookup;
    struct reporter *reporter;
    struct identities *identities;
    struct mailbox_settings mailbox;
};

/* --- Starting. ----------------------------------------------------------------------- */

/* Never with parts of the address in a result: these are paths and identities. */
static struct table_list *open_list(const struct table_context *tables, const char *title,
                                    const char *value, struct error *error)
{
    return table_list_open(tables, title, value,
                           TABLE_FOLD | TABLE_NO_SUBSTITUTION | TABLE_NO_PROXY, error);
}

static bool open_tables(struct virtual *virtual, const struct table_context *tables,
                        struct error *error)
{
    const struct config *config = virtual->config;

    virtual->mailboxes = open_list(tables, "virtual_mailbox_maps", config->virtual_mailbox_maps,
                                   error);
    virtual->uids = open_list(tables, "virtual_uid_maps", config->virtual_uid_maps, error);
    virtual->gids = open_list(tables, "virtual_gid_maps", config->virtual_gid_maps, error);
    virtual->lookup = virtual->mailboxes && virtual->uids && virtual->gids
                          ? lookup_open(config, tables, error)
                          : NULL;
    return virtual->lookup;
}

static bool check_limits(const struct config *config, struct error *error)
{
    if (config->virtual_mailbox_limit > 0
        && (config->virtual_mailbox_limit < config->message_size_limit
            || config->message_size_limit == 0))
        return error_set(error, "main.cf configuration error: virtual_mailbox_limit is smaller "
                         "than message_size_limit");
    return true;
}

bool virtual_prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct virtual *virtual = memory_new(1, sizeof(*virtual));

    virtual->config = config;
    virtual->mailbox = (struct mailbox_settings){
        .lock_attempts = config->deliver_lock_attempts,
        .lock_delay_seconds = config->deliver_lock_delay,
        .stale_lock_seconds = config->stale_lock_time,
        .size_limit = config->virtual_mailbox_limit,
    };
    virtual->reporter = service_reporter(context);
    virtual->identities = identities_new();
    context->state = virtual;
    return check_limits(config, error) && open_tables(virtual, service_tables(context), error)
           && mailbox_locks_parse(slice_of(config->virtual_mailbox_lock), &virtual->mailbox.locks,
                                  error);
}

/* --- One recipient. -------------------------------------------------------------------- */

/* Where the mail of an address goes, and as whom. */
struct place {
    const char *address;            /* folded */
    const char *path;
    struct identity identity;
};

static struct outcome misconfigured(void)
{
    return delivery_outcome("virtual", "4.3.5", "mail system configuration error");
}

/* False with the outcome when the table does not give an id from lowest on. */
static bool find_id(const struct virtual *virtual, struct table_list *table, const char *title,
                    const char *kind, const struct place *place, int64_t lowest, uint32_t *id,
                    struct outcome *outcome)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;
    int64_t number;

    switch (lookup_address(virtual->lookup, table, slice_of(place->address), &value, NULL,
                           &error)) {
    case TABLE_TROUBLE:
        log_warn("recipient %s: %s lookup: %s", place->address, title, error.text);
        break;
    case TABLE_ABSENT:
        log_warn("recipient %s: not found in %s", place->address, title);
        break;
    case TABLE_FOUND:
        if (slice_integer(slice_trim(str_slice(&value)), lowest, UINT32_MAX - 1, &number)) {
            *id = (uint32_t)number;
            return true;
        }
        log_warn("recipient %s: bad %s %s in %s", place->address, kind, value.data, title);
        break;
    }
    *outcome = misconfigured();
    return false;
}

/* virtual_mailbox_base/RESULT; a base of "/" or none at all is not doubled. */
static const char *path_of(const struct virtual *virtual, struct arena *arena,
                           const struct str *value)
{
    return arena_format(arena, "%s/%s", virtual->config->virtual_mailbox_base, value->data);
}

static bool find_mailbox(const struct virtual *virtual, struct arena *arena,
                         struct place *place, struct outcome *outcome)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;
    enum table_result result = lookup_address(virtual->lookup, virtual->mailboxes,
                                              slice_of(place->address), &value, NULL, &error);

    if (result == TABLE_FOUND) {
        place->path = path_of(virtual, arena, &value);
        return true;
    }
    if (result == TABLE_TROUBLE) {
        log_warn("recipient %s: virtual_mailbox_maps lookup: %s", place->address, error.text);
        *outcome = misconfigured();
        return false;
    }
    *outcome = delivery_outcome("virtual", "5.1.1",
                                arena_format(arena, "unknown user: \"%s\"", place->address));
    return false;
}

static bool find_place(const struct virtual *virtual, struct arena *arena,
                       const struct recipient *recipient, struct place *place,
                       struct outcome *outcome)
{
    AUTO_STR struct str folded = STR_EMPTY;

    address_fold(&folded, slice_of(recipient->address));
    *place = (struct place){ .address = arena_text(arena, str_slice(&folded)) };
    place->identity.name = place->address;
    return find_mailbox(virtual, arena, place, outcome)
           && find_id(virtual, virtual->uids, "virtual_uid_maps", "uid", place,
                      virtual->config->virtual_minimum_uid, &place->identity.uid, outcome)
           && find_id(virtual, virtual->gids, "virtual_gid_maps", "gid", place, 1,
                      &place->identity.gid, outcome);
}

/* --- Its mailbox. ------------------------------------------------------------------------ */

static bool is_folder(const struct place *place)
{
    return slice_ends(slice_of(place->path), "/");
}

static bool put(const struct virtual *virtual, const struct place *place,
                const struct mailbox_message *message, struct mailbox_trouble *trouble)
{
    struct mailbox_file file = {
        .path = place->path, .status = "4.2.0",
        .owner = virtual->config->strict_mailbox_ownership ? place->identity.uid : (uid_t)-1,
    };

    return is_folder(place)
               ? maildir_deliver(place->path, "4.2.0", message, &virtual->mailbox, trouble)
               : mailbox_append(&file, message, &virtual->mailbox, trouble);
}

static struct outcome explain_folder(const struct place *place, struct arena *arena,
                                     const struct mailbox_trouble *trouble)
{
    if (trouble->error.code == EACCES) {
        log_warn("maildir access problem for UID/GID=%lu/%lu: %s",
                 (unsigned long)place->identity.uid, (unsigned long)place->identity.gid,
                 trouble->error.text);
        log_warn("perhaps you need to create the maildirs in advance");
    }
    return delivery_outcome("virtual", trouble->dsn,
                            arena_format(arena, "maildir delivery failed: %s",
                                         trouble->error.text));
}

/* What the administrator has to put right is for the log only. */
static struct outcome explain(const struct place *place, struct arena *arena,
                              const struct mailbox_trouble *trouble)
{
    const char *why = trouble->error.text, *dsn = trouble->dsn;

    if (is_folder(place))
        return explain_folder(place, arena, trouble);
    if (trouble->not_regular) {
        log_warn("recipient %s: %s", place->address, trouble->error.text);
        why = "mail system configuration error";
        dsn = "5.3.5";
    }
    if (trouble->not_owned)
        log_warn("specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch");
    return delivery_outcome("virtual", dsn,
                            arena_format(arena, "delivery failed to mailbox %s: %s", place->path,
                                         why));
}

static struct outcome deliver(const struct virtual *virtual, const struct assignment *assignment,
                              const struct recipient *recipient, const struct place *place)
{
    struct mailbox_trouble trouble = { .dsn = "4.2.0" };
    const char *sender = assignment->request.envelope.sender;
    AUTO_STR struct str headers = STR_EMPTY;
    struct error error = ERROR_NONE;

    const char *original = *recipient->original ? recipient->original : recipient->address;

    delivery_headers(&headers, sender,
                     virtual->config->enable_original_recipient ? original : NULL,
                     recipient->address);

    struct mailbox_message message = { assignment->content, str_slice(&headers), sender };

    if (!identity_become(virtual->identities, &place->identity, &error)) {
        log_warn("%s", error.text);
        return misconfigured();
    }

    bool done = put(virtual, place, &message, &trouble);

    identity_return(virtual->identities);
    if (!done)
        return explain(place, assignment->arena, &trouble);
    return delivery_outcome("virtual", "2.0.0", is_folder(place) ? "delivered to maildir"
                                                                 : "delivered to mailbox");
}

static struct outcome serve(const struct virtual *virtual, const struct assignment *assignment,
                            const struct recipient *recipient)
{
    struct outcome outcome;
    struct place place;

    if (!find_place(virtual, assignment->arena, recipient, &place, &outcome))
        return outcome;
    if (!(assignment->request.flags & REQUEST_PROBE))
        return deliver(virtual, assignment, recipient, &place);
    outcome = delivery_outcome("virtual", "2.0.0", is_folder(&place) ? "delivers to maildir"
                                                                     : "delivers to mailbox");
    outcome.action = OUTCOME_DELIVERABLE;
    return outcome;
}

enum turn virtual_turn(struct client *client)
{
    AUTO_ARENA struct arena *arena = arena_new();
    const struct virtual *virtual = client->context->state;
    struct assignment assignment;

    if (!assignment_receive(&assignment, client->lane, arena))
        return TURN_LEAVE;
    assignment_open(&assignment);

    const struct recipient_list *recipients = &assignment.request.envelope.recipients;

    for (size_t i = 0; i < recipients->count; i++) {
        struct outcome outcome = serve(virtual, &assignment, &recipients->items[i]);

        assignment_tell(&assignment, virtual->reporter, &recipients->items[i], &outcome);
    }
    return assignment_end(&assignment, client->lane) ? TURN_STAY : TURN_LEAVE;
}
