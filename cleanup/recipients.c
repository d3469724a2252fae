#include "intake.h"

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
};

static void refuse_trouble(struct intake *intake, const struct error *error)
{
    log_warn("%s: %s", intake->submission->envelope.queue_id, error->text);
    intake_refuse(intake, SUBMISSION_DEFER, "4.3.0 queue file write error");
}

/* The same address, however spelt, for the same original is one delivery. */
static bool is_duplicate(struct gathering *gathering, const char *original, const char *address)
{
    const struct config *config = gathering->intake->cleanup->config;
    AUTO_STR struct str key = STR_EMPTY;

    if (config->enable_original_recipient)
        address_fold(&key, slice_of(original));
    str_byte(&key, '\n');
    address_fold(&key, slice_of(address));
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

    if (gathering->known && is_duplicate(gathering, from->original, address))
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

    return arena_format(intake->arena, "%s;%s", type, local ? address : given);
}

/* One recipient of the client: standard form, canonical maps, virtual aliases. */
static bool gather(struct gathering *gathering, struct recipient from, struct error *error)
{
    struct intake *intake = gathering->intake;
    bool map = intake->submission->flags & SUBMIT_MAP;
    const char *address;

    if (!address_prepare(intake->cleanup, intake->arena, USE_ENVELOPE_RECIPIENT, map,
                         slice_of(from.address), &address, error))
        return false;
    if (!*from.original)
        from.original = from.address;
    if (!*from.dsn_original && !(from.notify & NOTIFY_NEVER))
        from.dsn_original = find_dsn_original(intake, from.address, address);
    gathering->from = from;
    if (map)
        return address_expand(intake->cleanup, intake->arena, address, add_recipient, gathering,
                              error);
    add_recipient(gathering, address);
    return true;
}

static void gather_all(struct intake *intake, struct recipient_list *recipients)
{
    bool alone = recipients->count == 1 && table_list_is_empty(intake->cleanup->virtual_alias);
    struct gathering gathering = { .intake = intake, .known = alone ? NULL : hash_new() };
    struct error error;
    size_t i = 0;

    while (i < recipients->count && gather(&gathering, recipients->items[i], &error))
        i++;
    if (i < recipients->count)
        refuse_trouble(intake, &error);

    size_t size = gathering.list.count * sizeof(*gathering.list.items);
    struct recipient *items = arena_take(intake->arena, size > 0 ? size : 1);

    if (size > 0)
        memcpy(items, gathering.list.items, size);
    *recipients = (struct recipient_list){ items, gathering.list.count, 0 };
    free(gathering.list.items);
    hash_free(gathering.known, NULL);
}

void intake_envelope(struct intake *intake)
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
    gather_all(intake, &envelope->recipients);
    if (envelope->recipients.count == 0)
        intake_refuse(intake, SUBMISSION_NO_RECIPIENTS, "5.1.0 no recipients specified");
}

/* Who gets a copy by sender_bcc_maps or recipient_bcc_maps. */
static bool find_copy(struct intake *intake, struct table_list *maps, const char *address,
                      struct error *error)
{
    struct address_list found = { NULL, 0, 0 };
    const struct cleanup *cleanup = intake->cleanup;
    enum table_result result = table_list_is_empty(maps) ? TABLE_ABSENT
        : lookup_map(cleanup->lookup, maps, slice_of(address), cleanup->propagate_virtual,
                     intake->arena, &found, error);

    for (size_t i = 0; i < found.count; i++)
        VECTOR_PUSH(&intake->more_recipients, found.items[i]);
    free(found.items);
    return result != TABLE_TROUBLE;
}

static void find_copies(struct intake *intake)
{
    const struct cleanup *cleanup = intake->cleanup;
    const struct envelope *envelope = &intake->submission->envelope;
    struct error error;

    if (*cleanup->config->always_bcc)
        VECTOR_PUSH(&intake->more_recipients, slice_of(cleanup->config->always_bcc));

    bool good = find_copy(intake, cleanup->sender_bcc, envelope->sender, &error);

    for (size_t i = 0; good && i < envelope->recipients.count; i++)
        good = find_copy(intake, cleanup->recipient_bcc, envelope->recipients.items[i].address,
                         &error);
    if (!good)
        refuse_trouble(intake, &error);
}

/* Copies are nobody's business: no notifications for them (NOTIFY=NEVER). */
void intake_more_recipients(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    if (intake->submission->flags & SUBMIT_BCC)
        find_copies(intake);
    if (intake->more_recipients.count == 0)
        return;

    struct gathering gathering = { .intake = intake, .known = hash_new() };
    struct error error;

    for (size_t i = 0; i < intake->more_recipients.count; i++) {
        struct recipient copy = {
            .address = arena_text(intake->arena, intake->more_recipients.items[i]),
            .original = "", .dsn_original = "", .notify = NOTIFY_NEVER,
        };

        if (!gather(&gathering, copy, &error))
            refuse_trouble(intake, &error);
    }
    for (size_t i = 0; i < gathering.list.count; i++) {
        draft_recipient(intake->draft, &gathering.list.items[i]);
        *envelope_add_recipient(envelope, intake->arena) = gathering.list.items[i];
    }
    free(gathering.list.items);
    hash_free(gathering.known, NULL);
}
