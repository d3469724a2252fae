#include "submit.h"

#include "address/address.h"
#include "base/memory.h"
#include "base/scope.h"
#include "deliver/submission.h"
#include "log/log.h"
#include "queue/queue.h"

#include <time.h>

static const char *sender_of(const struct job *job, const struct member *member)
{
    return member->sender ? member->sender : job->request->envelope.sender;
}

/* "by HOST (Postfix)\n\tid ID; Sun, 22 Nov 2026 06:43:13 +0000 (UTC)" */
static const char *received_text(const struct job *job, const char *id)
{
    time_t now = wall_now().tv_sec;
    struct tm local;
    char date[128];

    localtime_r(&now, &local);
    strftime(date, sizeof(date), "%a, %e %b %Y %H:%M:%S %z (%Z)", &local);
    return arena_format(job->arena, "by %s (%s)\n\tid %s; %s", job->agent->config->myhostname,
                        job->agent->config->mail_name, id, date);
}

/*
 * An owner takes over the responsibility: the original recipient and its wishes end here
 * (RFC 3461 5.2.7.3).
 */
static void add_recipient(const struct job *job, struct envelope *envelope,
                          const struct member *member)
{
    struct recipient *added = envelope_add_recipient(envelope, job->arena);
    const struct recipient *original = job->recipient;

    added->address = member->address;
    if (member->sender)
        return;
    added->original = *original->original ? original->original : original->address;
    added->dsn_original = original->dsn_original;
    added->notify = job_further_notify(job);
}

/* One message has one sender and one Delivered-To:. */
static bool go_together(const struct job *job, const struct member *a, const struct member *b)
{
    return strcmp(sender_of(job, a), sender_of(job, b)) == 0
           && strcmp(a->delivered, b->delivered) == 0;
}

/* The members that go with the first one; they are taken out of the list. */
static void fill_envelope(struct job *job, struct envelope *envelope, const char *id)
{
    const struct envelope *old = &job->request->envelope;
    const struct member first = job->forwarded->items[0];
    struct vector_of_members *members = job->forwarded;
    size_t kept = 0;

    envelope_clear(envelope);
    envelope->queue_id = id;
    envelope->arrival = wall_now();
    envelope->sender = sender_of(job, &first);
    envelope->send_options = old->send_options;
    envelope->envelope_id = old->envelope_id;
    if (!first.sender)
        envelope->return_flags = old->return_flags;
    envelope_set_attribute(envelope, job->arena, "rewrite_context", "local");
    for (size_t i = 0; i < members->count; i++) {
        struct member member = members->items[i];

        if (go_together(job, &member, &first))
            add_recipient(job, envelope, &member);
        else
            members->items[kept++] = member;
    }
    members->count = kept;
}

static bool add_content(const struct job *job, const char *delivered,
                        struct submitter *submitter, struct error *error)
{
    struct content *content = job->content;
    AUTO_STR struct str text = STR_EMPTY, folded = STR_EMPTY;
    enum content_piece piece = CONTENT_LINE;
    struct slice bytes;
    bool good = true;

    content_rewind(content);
    str_text(&text, "Delivered-To: ");
    address_fold(&folded, slice_of(delivered));
    str_add(&text, str_slice(&folded));
    str_byte(&text, '\n');
    while (good && piece != CONTENT_END) {
        piece = content_next(content, &bytes, error);
        if (piece == CONTENT_BROKEN) {
            good = false;
            break;
        }
        if (piece != CONTENT_END) {
            str_add(&text, bytes);
            if (piece == CONTENT_LINE)
                str_byte(&text, '\n');
        }
        if (piece == CONTENT_END || text.length > SUBMISSION_INLINE / 2) {
            good = submitter_add(submitter, str_slice(&text), error);
            str_clear(&text);
        }
    }
    return good;
}

static bool send_message(struct job *job, const char *delivered, struct submission *submission,
                         struct submission_reply *reply, struct error *error)
{
    struct submitter *submitter = submitter_new(job->agent->cleanup, submission,
                                                job->agent->config->ipc_timeout);

    if (add_content(job, delivered, submitter, error))
        return submitter_end(submitter, job->arena, reply, error);
    submitter_abandon(submitter);
    return false;
}

static void report_refusal(struct job *job, const struct submission_reply *reply)
{
    switch (reply->status) {
    case SUBMISSION_HOPS:
        job_fail(job, job->recipient->address, "5.4.6", "too many hops");
        return;
    case SUBMISSION_TOO_LARGE:
        job_fail(job, job->recipient->address, "5.3.4", "message file too big");
        return;
    case SUBMISSION_REJECTED:
        job_fail(job, job->recipient->address, "5.7.1", "%s", reply->text);
        return;
    default:
        job_fail(job, job->recipient->address, "4.3.0", "error writing forwarded message%s%s",
                 *reply->text ? ": " : "", reply->text);
    }
}

static void submit_one(struct job *job)
{
    struct submission submission = {
        .flags = SUBMIT_MAP | SUBMIT_LOCAL, .prepended = "",
    };
    struct submission_reply reply = { .text = "" };
    AUTO_STR struct str id = STR_EMPTY;
    struct error error = ERROR_NONE;

    queue_id_new(&id, job->agent->config->enable_long_queue_ids);

    const char *delivered = job->forwarded->items[0].delivered;

    fill_envelope(job, &submission.envelope, id.data);
    submission.received = received_text(job, id.data);
    if (!send_message(job, delivered, &submission, &reply, &error)) {
        log_warn("%s: forwarding: %s", job->request->envelope.queue_id, error.text);
        job_fail(job, job->recipient->address, "4.3.0", "unable to forward message");
        return;
    }
    if (reply.status != SUBMISSION_QUEUED && reply.status != SUBMISSION_DISCARDED) {
        report_refusal(job, &reply);
        return;
    }

    struct outcome outcome = {
        .action = OUTCOME_RELAYED, .dsn = "2.0.0", .relay = "local",
        .reason = arena_format(job->arena, "forwarded as %s", reply.queue_id),
        .diagnostic_type = "", .diagnostic_text = "", .remote_mta = "",
    };

    job_report(job, job->recipient->address, &outcome);
}

/* What a probe is told: each address on its own. */
static void tell_members(struct job *job)
{
    const struct place outer = job->place;

    for (size_t i = 0; i < job->forwarded->count; i++) {
        const struct member *member = &job->forwarded->items[i];

        job->place.sender = member->sender;
        job_sent(job, member->address,
                 arena_format(job->arena, "forwards to %s", member->address));
    }
    job->place = outer;
}

void submit_forwarded(struct job *job)
{
    if (job_is_probe(job)) {
        tell_members(job);
        return;
    }
    /* When something is tried again all of it is: who got a copy already would get another. */
    while (job->forwarded->count > 0 && job->status != DELIVERY_DEFERRED)
        submit_one(job);
}
