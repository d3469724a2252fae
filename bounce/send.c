#include "send.h"

#include "letter.h"

#include "address/address.h"
#include "base/scope.h"
#include "deliver/verp.h"
#include "log/log.h"
#include "message/header.h"

#include <errno.h>
#include <time.h>

static const char message_id_label[] = "Message-Id:";

/* As qmgr writes trace_flags: sendmail -bv, address probes, sendmail -v. */
enum { TRACE_ANY = 256 | 512 | 1024 };

static const char *const kind_names[NOTICE_COUNT] = {
    "non-delivery", "delay", "delivery status", "delivery status",
};

/* --- whom it is for --------------------------------------------------------------------------- */

static bool class_is_on(const struct config *config, const char *class)
{
    return slice_list_has(slice_of(config->notify_classes), class);
}

static bool is_double_bounce(const struct config *config, const char *sender)
{
    struct slice local = address_split(slice_of(sender)).local;

    return slice_is_nocase(local, config->double_bounce_sender);
}

/* Records of those whom the sender wants to hear of (RFC 3461 4.1). */
static void pick_records(const struct bounce_append_list *all, int64_t wanted, bool every,
                         struct arena *arena, struct bounce_append_list *picked)
{
    picked->items = arena_take(arena, (all->count + 1) * sizeof(*all->items));
    picked->count = 0;
    for (size_t i = 0; i < all->count; i++) {
        int64_t notify = all->items[i].notify;
        bool asked = notify == 0 ? wanted != NOTIFY_SUCCESS : (notify & wanted) != 0;

        if (every || asked)
            picked->items[picked->count++] = all->items[i];
    }
}

/* What one request leads to. */
struct job {
    const struct bouncer *bouncer;
    struct arena *arena;
    const struct envelope *envelope;    /* as qmgr sent it */
    const char *addressee;              /* its sender; the owner of an alias for one recipient */
    struct envelope original;           /* as the queue has it */
    struct message *message;
    enum notice_kind kind;
    struct bounce_append_list all;
    const char *thread;                 /* the original's Message-Id; "" without */
    time_t now;
};

static bool returns_whole(const struct job *job)
{
    /* RET is the sender's to say, and the null sender says nothing (RFC 3461 4.3). */
    bool headers = job->envelope->return_flags == RET_HEADERS && *job->envelope->sender;

    return job->kind == NOTICE_FAILURE && !headers &&
           job->envelope->content_size <= job->bouncer->config->bounce_size_limit;
}

static struct letter make_letter(const struct job *job, const struct bounce_append_list *records)
{
    return (struct letter){
        .bouncer = job->bouncer,
        .notice = {
            .config = job->bouncer->config,
            .notice_template = &job->bouncer->templates.kinds[job->kind],
            .kind = job->kind,
            .envelope = job->envelope,
            .records = records,
            .whole = returns_whole(job),
            .thread = job->thread,
            .now = job->now,
        },
        .sender = "",
        .original = job->message,
    };
}

/* One notification to the sender, or to the address that stands for it with VERP. */
static bool tell_of(struct job *job, const struct bounce_append_list *records,
                    const char *recipient, struct error *error)
{
    AUTO_STR struct str to = STR_EMPTY, id = STR_EMPTY;
    struct letter letter = make_letter(job, records);

    address_quote(&to, slice_of(recipient));
    letter.notice.to = to.data;
    letter.recipient = recipient;
    if (!letter_post(&letter, &job->original, &id, error))
        return false;
    log_info("%s: sender %s notification: %s", job->envelope->queue_id, kind_names[job->kind],
             id.data);
    return true;
}

static bool is_verp(const struct job *job)
{
    return job->kind == NOTICE_FAILURE && *job->envelope->verp_delimiters
           && job->addressee == job->envelope->sender
           && !job->bouncer->config->disable_verp_bounces;
}

/* A notification for each recipient, whose address the sender finds in its own. */
static bool tell_of_each(struct job *job, const struct bounce_append_list *records,
                         struct error *error)
{
    for (size_t i = 0; i < records->count; i++) {
        AUTO_STR struct str address = STR_EMPTY;
        const struct bounce_append *record = &records->items[i];
        const struct bounce_append_list one = { &records->items[i], 1, 0 };

        verp_sender(&address, job->envelope->verp_delimiters, slice_of(job->envelope->sender),
                    slice_of(*record->original ? record->original : record->recipient));
        if (!tell_of(job, &one, address.data, error))
            return false;
    }
    return true;
}

static bool tell_sender(struct job *job, struct error *error)
{
    static const int64_t wanted[NOTICE_COUNT] = { NOTIFY_FAILURE, NOTIFY_DELAY, NOTIFY_SUCCESS,
                                                  NOTIFY_SUCCESS };
    struct bounce_append_list records;

    pick_records(&job->all, wanted[job->kind], job->kind == NOTICE_VERIFY, job->arena, &records);
    if (records.count == 0)
        return true;
    if (is_verp(job))
        return tell_of_each(job, &records, error);
    return tell_of(job, &records, job->addressee, error);
}

/* To a postmaster; copy is false where the postmaster stands for the sender. */
static bool tell_postmaster(struct job *job, const struct bounce_append_list *records,
                            const char *postmaster, bool copy, struct error *error)
{
    struct letter letter = make_letter(job, records);
    AUTO_STR struct str sender = STR_EMPTY, id = STR_EMPTY;

    str_format(&sender, "%s@%s", job->bouncer->config->double_bounce_sender,
               job->bouncer->config->myhostname);
    letter.notice.to = postmaster;
    letter.notice.postmaster = job->kind < NOTICE_SUCCESS;
    letter.notice.whole = !copy && returns_whole(job);
    letter.sender = sender.data;
    letter.recipient = postmaster;
    if (!letter_post(&letter, &job->original, &id, error))
        return false;
    log_info("%s: %s %s notification: %s", job->envelope->queue_id,
             letter.notice.postmaster ? "postmaster" : "sender", kind_names[job->kind], id.data);
    return true;
}

static bool copy_to_postmaster(struct job *job, struct error *error)
{
    const struct config *config = job->bouncer->config;

    if (job->kind == NOTICE_DELAY && class_is_on(config, "delay"))
        return tell_postmaster(job, &job->all, config->delay_notice_recipient, true, error);
    if (job->kind != NOTICE_FAILURE || !class_is_on(config, "bounce"))
        return true;
    if (!is_verp(job))
        return tell_postmaster(job, &job->all, config->bounce_notice_recipient, true, error);
    for (size_t i = 0; i < job->all.count; i++) {
        const struct bounce_append_list one = { &job->all.items[i], 1, 0 };

        if (!tell_postmaster(job, &one, config->bounce_notice_recipient, true, error))
            return false;
    }
    return true;
}

/* What the null sender would have been told goes to who minds double bounces. */
static bool tell_instead(struct job *job, struct error *error)
{
    const struct config *config = job->bouncer->config;

    if (job->kind == NOTICE_DELAY ||
        (!class_is_on(config, "2bounce") &&
         !(job->kind == NOTICE_FAILURE && class_is_on(config, "bounce"))))
        return true;
    return tell_postmaster(job, &job->all, config->x2bounce_notice_recipient, false, error);
}

static bool tell_all(struct job *job, struct error *error)
{
    const char *sender = job->addressee;

    if (is_double_bounce(job->bouncer->config, sender)) {
        log_info("%s: undeliverable postmaster notification discarded", job->envelope->queue_id);
        return true;
    }
    if (!*sender)
        return tell_instead(job, error);
    return tell_sender(job, error) && copy_to_postmaster(job, error);
}

/* --- requests ------------------------------------------------------------------------------ */

static enum notice_kind find_kind(const struct bounce_send *send)
{
    uint64_t flags = 0;

    if (send->kind == BOUNCE_SEND_FAILURE || send->kind == BOUNCE_SEND_ONE)
        return NOTICE_FAILURE;
    if (send->kind == BOUNCE_SEND_DELAY)
        return NOTICE_DELAY;
    if (slice_number(slice_of(envelope_attribute(&send->envelope, "trace_flags")), INT32_MAX,
                     &flags) && (flags & TRACE_ANY))
        return NOTICE_VERIFY;
    return NOTICE_SUCCESS;
}

/* The header lines as they stand, folded ones joined: the value of the first Message-Id. */
static const char *read_message_id(struct job *job)
{
    struct error broken = ERROR_NONE;
    struct content *content = content_new(message_descriptor(job->message),
                                          job->original.content_offset,
                                          job->original.content_length);
    AUTO_STR struct str line = STR_EMPTY, value = STR_EMPTY;
    enum content_piece piece;
    struct slice bytes;

    while ((piece = content_next(content, &bytes, &broken)) == CONTENT_LINE ||
           piece == CONTENT_PART) {
        bool folded = line.length == 0 && value.length > 0 && header_continues(bytes);

        str_add(&line, bytes);
        if (piece == CONTENT_PART)
            continue;
        if (line.length == 0 || (value.length > 0 && !folded))
            break;
        if (folded)
            str_add(&value, str_slice(&line));
        else if (slice_starts_nocase(str_slice(&line), message_id_label))
            str_set(&value, slice_from(str_slice(&line), strlen(message_id_label)));
        str_clear(&line);
    }
    content_free(content);
    return arena_text(job->arena, slice_trim(str_slice(&value)));
}

/* Offsets of the content are the queue's to say. */
static bool open_original(struct job *job, struct error *error)
{
    bool more = false;

    if (message_open(job->bouncer->queue, QUEUE_ACTIVE, job->envelope->queue_id, &job->message,
                     error) != MESSAGE_READY)
        return false;
    if (!message_envelope(job->message, job->arena, &job->original, 1, &more, error))
        return false;
    job->thread = job->bouncer->config->enable_threaded_bounces ? read_message_id(job) : "";
    return true;
}

/* Nobody wants to hear that a notification has arrived. */
static bool is_unwanted(const struct job *job)
{
    const struct config *config = job->bouncer->config;
    const char *sender = job->envelope->sender;
    bool again = is_double_bounce(config, sender);

    if (job->kind < NOTICE_SUCCESS || (!again && (*sender || class_is_on(config, "2bounce"))))
        return false;
    log_info("%s: not sending trace/success notification for %s-bounce message",
             job->envelope->queue_id, again ? "double" : "single");
    return true;
}

static bool notify(const struct bouncer *bouncer, struct bounce_send *send, struct arena *arena,
                   struct error *error)
{
    struct job job = { .bouncer = bouncer, .arena = arena, .envelope = &send->envelope,
                       .addressee = send->envelope.sender,
                       .kind = find_kind(send), .now = time(NULL) };

    if (is_unwanted(&job))
        return true;
    job.all = send->records;
    if (send->kind != BOUNCE_SEND_ONE
        && !record_log_read(bouncer->queue, bouncer->log, send->envelope.queue_id, arena,
                            &job.all, error))
        return error->code == ENOENT;       /* nothing happened that could be told */

    bool good = open_original(&job, error);

    /* The message is its sender's still, whoever is told. */
    if (send->kind == BOUNCE_SEND_ONE)
        send->envelope.sender = job.original.sender;
    good = good && tell_all(&job, error);

    message_close(job.message);
    return good;
}

bool notifications_send(const struct bouncer *bouncer, struct bounce_send *send,
                        struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();

    if (!queue_id_is_valid(slice_of(send->envelope.queue_id)))
        return error_set(error, "bad queue id");
    if (send->kind != BOUNCE_REMOVE && !notify(bouncer, send, arena, error))
        return false;
    if (send->kind == BOUNCE_SEND_DELAY || send->kind == BOUNCE_SEND_ONE)
        return true;
    return record_log_remove(bouncer->queue, bouncer->log, send->envelope.queue_id, error);
}
