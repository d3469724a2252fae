#include "recipients.h"

#include "address/address.h"
#include "addresses.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/scope.h"
#include "log/log.h"

/* The recipients as they will stand in the queue. */
struct gathering {
    struct intake *intake;
    struct recipient_list list;         /* items are malloc'ed until they are final */
    struct hash *known;                 /* what stands in the list; NULL: there can be but one */
    struct recipient from;              /* the client's recipient that is being expanded */
    bool copies;                        /* of bcc maps, which nobody has asked for */
};

static void refuse_trouble(struct intake *intake, const struct error *error)
{
    log_warn("%s: %s", intake->submission->envelope.queue_id, error->text);
    intake_refuse(intake, SUBMISSION_DEFER, "4.3.0 queue file write error");
}

/* The same address, however spelt, with the same originals and notifications is one delivery. */
static bool is_duplicate(struct gathering *gathering, const struct recipient *from,
                         const char *address)
{
    const struct config *config = gathering->intake->cleanup->config;
    AUTO_STR struct str all = STR_EMPTY;
    AUTO_STR struct str key = STR_EMPTY;

    if (config->enable_original_recipient)
        str_format(&all, "%lld\n%s\n%s\n", (long long)from->notify, from->dsn_original,
                   from->original);
    str_text(&all, address);
    address_fold(&key, str_slice(&all));
    if (hash_get(gathering->known, str_slice(&key)))
        return true;
    if ((int)hash_count(gathering->known) < config->duplicate_filter_limit)
        (void)hash_set(gathering->known, str_slice(&key), gathering);
    return false;
}

static void add_recipient(void *argument, const char *address)
{
    struct gathering *gathering = argument;
    const struct recipient *from = &gathering->from;

    if (gathering->known && is_duplicate(gathering, from, address))
        return;
    VECTOR_PUSH(&gathering->list, *from);
    gathering->list.items[gathering->list.count - 1].address = address;
}

/*
 * What stands for an ORCPT that was not given: the address as the client wrote it over SMTP, and
 * a complete one of mail from this host.
 */
static const char *find_dsn_original(const struct intake *intake, const char *given,
                                     const char *address)
{
    bool local = intake->submission->flags & SUBMIT_LOCAL;
    const char *type = local && !text_is_ascii(slice_of(address)) ? "utf-8" : "rfc822";
    AUTO_STR struct str quoted = STR_EMPTY;

    if (local)
        return arena_format(intake->arena, "%s;%s", type, address);
    address_quote(&quoted, slice_of(given));
    return arena_format(intake->arena, "%s;%s", type, quoted.data);
}

/* What an alias has led to. */
struct expansion {
    const char *alias;
    struct { const char **items; size_t count, capacity; } members;
    bool changed;               /* it was an alias */
};

static void add_member(void *argument, const char *address)
{
    struct expansion *expansion = argument;

    expansion->changed |= strcmp(address, expansion->alias) != 0;
    VECTOR_PUSH(&expansion->members, address);
}

/* RFC 3461 5.2.7.3: success ends with the alias, and is not told of once more for its members. */
static void note_expansion(struct gathering *gathering, const char *alias)
{
    struct recipient told = gathering->from;

    told.address = alias;
    VECTOR_PUSH(&gathering->intake->expanded, told);
    gathering->from.notify &= ~(int64_t)NOTIFY_SUCCESS;
    if (gathering->from.notify == 0)
        gathering->from.notify = NOTIFY_NEVER;
}

static bool expand(struct gathering *gathering, const char *address, struct error *error)
{
    struct expansion expansion = { .alias = address };
    const struct intake *intake = gathering->intake;
    bool good = address_expand(intake->cleanup, intake->arena, address, add_member, &expansion,
                               error);

    if (good && expansion.changed && gathering->from.notify & NOTIFY_SUCCESS)
        note_expansion(gathering, address);
    for (size_t i = 0; good && i < expansion.members.count; i++)
        add_recipient(gathering, expansion.members.items[i]);
    VECTOR_FREE(&expansion.members);
    return good;
}

/* One recipient: canonical maps, virtual aliases.  *mapped is what canonical maps made of it. */
static bool gather(struct gathering *gathering, struct recipient from, const char **mapped,
                   struct error *error)
{
    struct intake *intake = gathering->intake;
    bool map = intake->submission->flags & SUBMIT_MAP;
    const char *address = *from.address ? from.address
                                        : intake->cleanup->config->empty_address_recipient;

    if (!address_prepare(intake->cleanup, intake->arena, USE_ENVELOPE_RECIPIENT, map,
                         slice_of(address), mapped, error))
        return false;
    if (!from.original)
        from.original = from.address;
    if (!*from.dsn_original && !gathering->copies)
        from.dsn_original = find_dsn_original(intake, from.address, *mapped);
    gathering->from = from;
    if (map)
        return expand(gathering, *mapped, error);
    add_recipient(gathering, *mapped);
    return true;
}

/* A copy is nobody's business: no notifications for it (NOTIFY=NEVER). */
static bool gather_copy(struct gathering *gathering, struct slice address, struct error *error)
{
    const struct intake *intake = gathering->intake;
    struct recipient copy = { .dsn_original = "", .notify = NOTIFY_NEVER };
    const char *mapped;

    copy.address = address_standard(intake->cleanup, intake->arena, address);
    copy.original = copy.address;
    gathering->copies = true;

    bool good = gather(gathering, copy, &mapped, error);

    gathering->copies = false;
    return good;
}

/* Who gets a copy by sender_bcc_maps or recipient_bcc_maps: one address. */
static bool gather_copy_of(struct gathering *gathering, struct table_list *maps,
                           const char *address, struct error *error)
{
    const struct intake *intake = gathering->intake;
    const struct cleanup *cleanup = intake->cleanup;
    AUTO_STR struct str value = STR_EMPTY;
    AUTO_STR struct str extension = STR_EMPTY;

    if (!(intake->submission->flags & SUBMIT_BCC) || table_list_is_empty(maps))
        return true;

    enum table_result result = lookup_address(cleanup->lookup, maps, slice_of(address), &value,
                                              &extension, error);

    if (result != TABLE_FOUND)
        return result == TABLE_ABSENT;
    return gather_copy(gathering, str_slice(&value), error);
}

static bool gather_all(struct gathering *gathering, const struct recipient_list *recipients,
                       struct error *error)
{
    const struct intake *intake = gathering->intake;

    if (!gather_copy_of(gathering, intake->cleanup->sender_bcc,
                        intake->submission->envelope.sender, error))
        return false;
    for (size_t i = 0; i < recipients->count; i++) {
        struct recipient from = recipients->items[i];
        size_t before = gathering->list.count;
        const char *mapped;

        if (!*from.original)
            from.original = NULL;
        if (!gather(gathering, from, &mapped, error))
            return false;
        /* A duplicate has its copy already. */
        if (gathering->list.count > before
            && !gather_copy_of(gathering, intake->cleanup->recipient_bcc, mapped, error))
            return false;
    }
    return true;
}

/* With one recipient that stands for itself there is nothing to compare. */
static bool can_repeat(const struct intake *intake)
{
    const struct cleanup *cleanup = intake->cleanup;

    return intake->submission->envelope.recipients.count > 1
           || !table_list_is_empty(cleanup->virtual_alias)
           || !table_list_is_empty(cleanup->sender_bcc)
           || !table_list_is_empty(cleanup->recipient_bcc);
}

static void replace_recipients(struct intake *intake, struct recipient_list *recipients)
{
    struct gathering gathering = {
        .intake = intake, .known = can_repeat(intake) ? hash_new() : NULL,
    };
    struct error error;

    if (!gather_all(&gathering, recipients, &error))
        refuse_trouble(intake, &error);

    size_t size = gathering.list.count * sizeof(*gathering.list.items);
    struct recipient *items = arena_take(intake->arena, size > 0 ? size : 1);

    if (size > 0)
        memcpy(items, gathering.list.items, size);
    *recipients = (struct recipient_list){ items, gathering.list.count, 0 };
    free(gathering.list.items);
    intake->known = gathering.known;
}

void recipients_of_envelope(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    bool map = intake->submission->flags & SUBMIT_MAP;
    struct error error;

    if (*envelope->sender
        && !address_prepare(intake->cleanup, intake->arena, USE_ENVELOPE_SENDER, map,
                            slice_of(envelope->sender), &envelope->sender, &error)) {
        refuse_trouble(intake, &error);
        return;
    }
    if (intake->submission->flags & SUBMIT_SMTPUTF8 && !text_is_ascii(slice_of(envelope->sender)))
        envelope->send_options |= SENDOPT_SMTPUTF8 | SENDOPT_SMTPUTF8_SENDER;
    replace_recipients(intake, &envelope->recipients);
    for (size_t i = 0; i < envelope->recipients.count; i++)
        if (intake->submission->flags & SUBMIT_SMTPUTF8
            && !text_is_ascii(slice_of(envelope->recipients.items[i].address)))
            envelope->send_options |= SENDOPT_SMTPUTF8;
    if (envelope->recipients.count == 0)
        intake_refuse(intake, SUBMISSION_NO_RECIPIENTS, "5.1.0 no recipients specified");
}

/* What stands in the list already, when that was not needed before. */
static struct hash *know_recipients(struct intake *intake)
{
    struct gathering gathering = { .intake = intake, .known = hash_new() };
    const struct recipient_list *list = &intake->submission->envelope.recipients;

    for (size_t i = 0; i < list->count; i++)
        (void)is_duplicate(&gathering, &list->items[i], list->items[i].address);
    return gathering.known;
}

void recipients_of_content(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    const char *always = intake->cleanup->config->always_bcc;
    struct error error;

    if (intake->submission->flags & SUBMIT_BCC && *always)
        VECTOR_PUSH(&intake->more_recipients, slice_of(always));
    if (intake->more_recipients.count == 0)
        return;
    if (!intake->known)
        intake->known = know_recipients(intake);

    struct gathering gathering = { .intake = intake, .known = intake->known };

    for (size_t i = 0; i < intake->more_recipients.count; i++)
        if (!gather_copy(&gathering, intake->more_recipients.items[i], &error))
            refuse_trouble(intake, &error);
    for (size_t i = 0; i < gathering.list.count; i++) {
        draft_recipient(intake->draft, &gathering.list.items[i]);
        *envelope_add_recipient(envelope, intake->arena) = gathering.list.items[i];
    }
    free(gathering.list.items);
}
