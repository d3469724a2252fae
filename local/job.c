#include "job.h"

#include "address/address.h"
#include "base/scope.h"
#include "delivery.h"

static enum delivery_status worse(enum delivery_status a, enum delivery_status b)
{
    if (a == DELIVERY_DEFERRED || b == DELIVERY_DEFERRED)
        return DELIVERY_DEFERRED;
    return a == DELIVERY_BOUNCED || b == DELIVERY_BOUNCED ? DELIVERY_BOUNCED : DELIVERY_SENT;
}

static const char *original_of(const struct job *job)
{
    return *job->recipient->original ? job->recipient->original : job->recipient->address;
}

void job_report(struct job *job, const char *member, const struct outcome *outcome)
{
    struct recipient shown = *job->recipient;
    struct delivery_request request = *job->request;

    shown.address = member;
    shown.original = original_of(job);
    /* An owner takes over the responsibility: what the sender wished for ends here. */
    if (job->place.sender) {
        shown.original = shown.dsn_original = "";
        shown.notify = 0;
    }
    if (job->expanded)
        shown.notify = job_further_notify(job);
    if (job->place.owner) {
        request.envelope.sender = job->place.owner;
        request.envelope.envelope_id = "";
        request.envelope.return_flags = 0;
        request.flags |= REQUEST_OTHER_SENDER;
    }
    job->status = worse(job->status,
                        reporter_report(job->agent->reporter, &request, &shown, outcome));
    job->reported = true;
}

int64_t job_further_notify(const struct job *job)
{
    int64_t notify = job->recipient->notify;

    return notify == NOTIFY_SUCCESS ? NOTIFY_NEVER : notify & ~(int64_t)NOTIFY_SUCCESS;
}

bool job_is_probe(const struct job *job)
{
    return job->request->flags & REQUEST_PROBE;
}

void job_passed(struct job *job, enum delivery_status status)
{
    job->status = worse(job->status, status);
    job->reported = true;
}

void job_sent(struct job *job, const char *member, const char *reason)
{
    struct outcome outcome = delivery_outcome("local", "2.0.0", reason);

    job_report(job, member, &outcome);
}

void job_fail(struct job *job, const char *member, const char *dsn, const char *format, ...)
{
    AUTO_STR struct str reason = STR_EMPTY;
    va_list args;

    va_start(args, format);
    str_vformat(&reason, format, args);
    va_end(args);

    struct outcome outcome = delivery_outcome("local", dsn, reason.data);

    job_report(job, member, &outcome);
}

const char *job_rewrite(struct job *job, const char *address)
{
    AUTO_STR struct str output = STR_EMPTY;

    rewrite_address(&job->agent->rewrite, REWRITE_LOCAL, slice_of(address), &output);
    return arena_text(job->arena, str_slice(&output));
}

const char *job_fold(struct job *job, struct slice text)
{
    AUTO_STR struct str output = STR_EMPTY;

    address_fold(&output, text);
    return arena_text(job->arena, str_slice(&output));
}

bool job_first_time(struct job *job, const char *kind, const char *target, uid_t uid)
{
    AUTO_STR struct str key = STR_EMPTY, plain = STR_EMPTY;

    str_format(&plain, "%s %lu %s", kind, (unsigned long)uid, target);
    address_fold(&key, str_slice(&plain));
    if (!job->seen)
        job->seen = hash_new();
    if (hash_get(job->seen, str_slice(&key)))
        return false;
    if (hash_count(job->seen) < (size_t)job->agent->config->duplicate_filter_limit
        || job->agent->config->duplicate_filter_limit == 0)
        hash_set(job->seen, str_slice(&key), job);
    return true;
}

const char *job_sender(const struct job *job)
{
    return job->place.sender ? job->place.sender : job->request->envelope.sender;
}

void job_headers(const struct job *job, const char *class, struct str *headers)
{
    bool wanted = slice_list_has(slice_of(job->agent->config->prepend_delivered_header), class);

    bool known = job->agent->config->enable_original_recipient && !job->place.sender;

    delivery_headers(headers, job_sender(job), known ? original_of(job) : NULL,
                     wanted ? job->place.delivered : NULL);
}

struct mailbox_message job_message(const struct job *job, const struct str *headers)
{
    return (struct mailbox_message){
        .content = job->content, .headers = str_slice(headers),
        .sender = job_sender(job),
    };
}
