#include "headers.h"

#include "address/address.h"
#include "addresses.h"
#include "address/header.h"
#include "base/scope.h"
#include "checks.h"
#include "log/log.h"
#include "message/date.h"
#include "message/header.h"
#include "strict.h"

#define SEEN(id) (UINT64_C(1) << (id))

struct header_use {
    struct intake *intake;
    enum address_use use;
};

static bool maps_apply(const struct intake *intake, enum address_use use)
{
    const struct cleanup *cleanup = intake->cleanup;

    return intake->submission->flags & SUBMIT_MAP
           && (cleanup->canonical.uses | cleanup->sender_canonical.uses
               | cleanup->recipient_canonical.uses
               | (masquerade_is_empty(cleanup->masquerade) ? 0 : cleanup->masquerade_uses)) & use;
}

/* One address of a header, external form to external form. */
static bool rewrite_one(void *argument, struct slice external, struct str *output)
{
    const struct header_use *use = argument;
    struct intake *intake = use->intake;
    AUTO_STR struct str standard = STR_EMPTY;
    AUTO_STR struct str internal = STR_EMPTY;
    const char *mapped;
    struct error error;

    rewrite_external(&intake->cleanup->rewrite, intake->context, external, &standard);
    if (!maps_apply(intake, use->use) || !address_unquote(&internal, str_slice(&standard))
        || internal.length == 0) {
        str_add(output, str_slice(&standard));
        return true;
    }
    if (!address_map(intake->cleanup, intake->arena, use->use,
                     arena_text(intake->arena, str_slice(&internal)), &mapped, &error)) {
        log_warn("%s: %s", intake->submission->envelope.queue_id, error.text);
        intake_refuse(intake, SUBMISSION_DEFER, "4.3.0 internal software error");
        return false;
    }
    address_quote(output, slice_of(mapped));
    return true;
}

static void write_header(struct intake *intake, const struct header *header, struct slice value)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_add(&text, header->name);
    str_byte(&text, ':');
    if (value.data != header->value.data && value.length > 0 && !header_continues(value))
        str_byte(&text, ' ');
    str_add(&text, value);
    str_byte(&text, '\n');
    intake_note_utf8(intake, str_slice(&text));
    intake_write(intake, str_slice(&text));
}

static void write_rewritten(struct intake *intake, const struct header *header)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct header_use use = {
        intake,
        header->flags & HEADER_SENDERS ? USE_HEADER_SENDER : USE_HEADER_RECIPIENT,
    };

    size_t token_limit = (size_t)intake->cleanup->config->header_address_token_limit;

    if (!header_rewrite_addresses(header->value, token_limit, rewrite_one, &use, &value)) {
        write_header(intake, header, header->value);
        return;
    }

    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%.*s: ", SLICE_ARGS(header->name));
    header_fill_lines(&text, str_slice(&value));
    if (text.length > (size_t)intake->cleanup->config->header_size_limit)
        str_cut(&text, (size_t)intake->cleanup->config->header_size_limit);
    str_byte(&text, '\n');
    intake_note_utf8(intake, str_slice(&text));
    intake_write(intake, str_slice(&text));
}

static void count_hop(struct intake *intake)
{
    if (++intake->hops < intake->cleanup->config->hopcount_limit)
        return;
    log_warn("%s: too many hops", intake->submission->envelope.queue_id);
    intake_return(intake, SUBMISSION_HOPS, "5.4.6 too many hops");
}

/* What a header says about the message as a whole. */
static void note_header(struct intake *intake, const struct header *header)
{
    struct slice value = slice_trim(header->value);

    intake->seen |= SEEN(header->id);
    if (header->id == HEADER_MESSAGE_ID)
        intake->message_id = arena_text(intake->arena, value);
    if (header->id == HEADER_RESENT_MESSAGE_ID)
        intake->resent_message_id = arena_text(intake->arena, value);
    if (header->id == HEADER_RECEIVED)
        count_hop(intake);
}

void headers_take(struct intake *intake, struct slice line)
{
    AUTO_STR struct str replaced = STR_EMPTY;
    struct header header;

    if (!checks_header_line(intake, line, &replaced))
        return;
    if (replaced.length > 0)
        line = str_slice(&replaced);
    if (!header_parse(line, &header)) {
        intake_write(intake, line);
        intake_write(intake, SLICE_LITERAL("\n"));
        return;
    }
    if (header.flags & HEADER_RESENT)
        intake->resent = true;
    strict_header(intake, &header, line);
    if (cleanup_drops(intake->cleanup, header.id, header.name))
        return;
    note_header(intake, &header);
    if (header.flags & (HEADER_SENDERS | HEADER_RECIPIENTS) && intake->context != REWRITE_NONE)
        write_rewritten(intake, &header);
    else
        write_header(intake, &header, header.value);
}

static void add_message_id(struct intake *intake, const char *prefix)
{
    const struct envelope *envelope = &intake->submission->envelope;
    AUTO_STR struct str text = STR_EMPTY;
    bool resent = *prefix;

    str_byte(&text, '<');
    message_stamp(&text, envelope->arrival.tv_sec);
    str_format(&text, ".%s@%s>", envelope->queue_id, intake->cleanup->config->myhostname);
    *(resent ? &intake->resent_message_id : &intake->message_id) =
        arena_text(intake->arena, str_slice(&text));
    intake_write(intake, slice_of(arena_format(intake->arena, "%sMessage-Id: %s\n", prefix,
                                               text.data)));
}

static void add_date(struct intake *intake, const char *prefix)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%sDate: ", prefix);
    message_date(&text, intake->submission->envelope.arrival.tv_sec);
    str_byte(&text, '\n');
    intake_write(intake, str_slice(&text));
}

static void add_from(struct intake *intake, const char *prefix)
{
    const struct envelope *envelope = &intake->submission->envelope;
    const char *sender = envelope->sender;
    bool obsolete = slice_is_nocase(slice_of(intake->cleanup->config->header_from_format),
                                    "obsolete");
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%sFrom: ", prefix);
    if (!*sender) {
        str_text(&text, "MAILER-DAEMON");
    } else if (!*envelope->full_name) {
        address_quote(&text, slice_of(sender));
    } else if (obsolete) {
        address_quote(&text, slice_of(sender));
        str_format(&text, " (%s)", envelope->full_name);
    } else {
        header_phrase(&text, slice_of(envelope->full_name));
        str_text(&text, " <");
        address_quote(&text, slice_of(sender));
        str_byte(&text, '>');
    }
    str_byte(&text, '\n');
    intake_write(intake, str_slice(&text));
}

/* Behind the client's headers, and only for clients that we speak for (RFC 6409 8). */
static void add_missing(struct intake *intake)
{
    static const struct {
        enum header_id plain, resent;
        void (*add)(struct intake *intake, const char *prefix);
    } needed[] = {
        { HEADER_MESSAGE_ID, HEADER_RESENT_MESSAGE_ID, add_message_id },
        { HEADER_DATE, HEADER_RESENT_DATE, add_date },
        { HEADER_FROM, HEADER_RESENT_FROM, add_from },
    };

    for (size_t i = 0; i < COUNT(needed); i++)
        if (!(intake->seen & SEEN(intake->resent ? needed[i].resent : needed[i].plain)))
            needed[i].add(intake, intake->resent ? "Resent-" : "");
}

static void add_undisclosed(struct intake *intake)
{
    const char *text = intake->cleanup->config->undisclosed_recipients_header;
    uint64_t named = SEEN(HEADER_TO) | SEEN(HEADER_CC) | SEEN(HEADER_RESENT_TO)
                     | SEEN(HEADER_RESENT_CC);

    if (*text && !(intake->seen & named))
        intake_write(intake, slice_of(arena_format(intake->arena, "%s\n", text)));
}

void headers_finish(struct intake *intake)
{
    const char *id = intake->submission->envelope.queue_id;

    if (intake->context != REWRITE_NONE || intake->cleanup->config->always_add_missing_headers)
        add_missing(intake);
    add_undisclosed(intake);
    if (intake->status != SUBMISSION_QUEUED)
        return;
    if (intake->resent)
        log_info("%s: resent-message-id=%s", id,
                 *intake->resent_message_id ? intake->resent_message_id : "<>");
    log_info("%s: message-id=%s", id, *intake->message_id ? intake->message_id : "<>");
    strict_headers_end(intake);
}
