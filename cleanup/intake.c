#include "intake.h"

#include "base/scope.h"
#include "content.h"
#include "convert.h"
#include "expansions.h"
#include "log/log.h"
#include "recipients.h"
#include "strict.h"

#include <errno.h>
#include <stdlib.h>

static void write_received(struct intake *intake)
{
    const struct submission *submission = intake->submission;
    AUTO_STR struct str text = STR_EMPTY;

    str_text(&text, submission->prepended);
    if (submission->received[0]) {
        intake->hops++;
        str_text(&text, "Received: ");
        str_add(&text, slice_trim(slice_of(submission->received)));
        str_byte(&text, '\n');
    }
    if (!intake->cleanup->stripped.any) {
        intake_write(intake, str_slice(&text));
        return;
    }

    AUTO_STR struct str washed = STR_EMPTY;

    characters_strip(&intake->cleanup->stripped, false, str_slice(&text), &washed);
    intake_write(intake, str_slice(&washed));
}

static enum rewrite_context find_context(const struct cleanup *cleanup,
                                         const struct envelope *envelope)
{
    const char *name = envelope_attribute(envelope, "rewrite_context");
    enum rewrite_context context = rewrite_context_named(slice_of(name));

    if (context == REWRITE_REMOTE && !cleanup->config->remote_header_rewrite_domain[0])
        return REWRITE_NONE;
    return context;
}

static void name_message(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    AUTO_STR struct str id = STR_EMPTY;

    if (!envelope->arrival.tv_sec)
        envelope->arrival = wall_now();
    if (envelope->queue_id[0])
        return;
    queue_id_new(&id, intake->cleanup->config->enable_long_queue_ids);
    envelope->queue_id = arena_text(intake->arena, str_slice(&id));
}

static void start_draft(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    int delay_warning = intake->cleanup->config->delay_warning_time;
    struct error error;

    if (intake->status != SUBMISSION_QUEUED)
        return;
    if (delay_warning > 0 && !envelope->warn_at)
        envelope->warn_at = envelope->arrival.tv_sec + delay_warning;
    intake->draft = draft_new(intake->cleanup->queue, envelope->queue_id, &error);
    if (!intake->draft) {
        log_warn("%s: %s", envelope->queue_id, error.text);
        intake_refuse(intake, SUBMISSION_WRITE_ERROR, "4.3.0 queue file write error");
        return;
    }
    draft_envelope(intake->draft, envelope);
    write_received(intake);
}

void intake_begin(struct intake *intake, const struct cleanup *cleanup, struct arena *arena,
                  struct submission *submission)
{
    *intake = (struct intake){
        .cleanup = cleanup,
        .arena = arena,
        .submission = submission,
        .context = find_context(cleanup, &submission->envelope),
        .line = STR_EMPTY,
        .header = STR_EMPTY,
        .message_id = "",
        .resent_message_id = "",
        .encoding = "",
        .filter = "",
        .redirect = "",
        .status = SUBMISSION_QUEUED,
        .text = "",
    };
    mime_begin(&intake->mime, cleanup->config);
    strict_part_begins(intake);
    intake->hold = submission->flags & SUBMIT_HOLD;
    intake->discard = submission->flags & SUBMIT_DISCARD;
    name_message(intake);
    if (submission->envelope.attributes.count
        > (size_t)cleanup->config->queue_file_attribute_count_limit)
        intake_refuse(intake, SUBMISSION_BAD, "5.3.0 too many attributes");
    recipients_of_envelope(intake);
    if (convert_wanted(intake))
        convert_begin(intake);
    start_draft(intake);
}

/* Smuggling needs a CR or LF that stands alone (cleanup_replace_stray_cr_lf). */
void intake_add(struct intake *intake, struct slice content)
{
    const struct cleanup *cleanup = intake->cleanup;
    bool replace_cr = cleanup->config->cleanup_replace_stray_cr_lf
                      && slice_find(content, '\r') < content.length;
    AUTO_STR struct str washed = STR_EMPTY;

    if (cleanup->stripped.any || replace_cr) {
        characters_strip(&cleanup->stripped, replace_cr, content, &washed);
        content = str_slice(&washed);
    }
    if (intake->pass)
        convert_add(intake, content);
    else
        content_take(intake, content);
}

static void finish_content(struct intake *intake)
{
    convert_end(intake);
    content_end(intake);
    if (intake->mime_error && !intake->has_refused_character)
        intake_return(intake, SUBMISSION_REJECTED, intake->mime_error);
    if (intake->status != SUBMISSION_QUEUED)
        return;
    draft_content_end(intake->draft);
    if (intake->filter[0])
        draft_add(intake->draft, 'L', slice_of(intake->filter));
    if (intake->redirect[0])
        draft_add(intake->draft, '>', slice_of(intake->redirect));
    if (intake->encoding[0] || intake->submission->envelope.encoding[0])
        draft_format(intake->draft, 'A', "encoding=%s", intake->encoding[0]
                     ? intake->encoding : intake->submission->envelope.encoding);
    recipients_of_content(intake);
}

static void take_over(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;

    if (intake->filter[0])
        envelope->content_filter = intake->filter;
    if (intake->redirect[0])
        envelope->redirect = intake->redirect;
    if (intake->encoding[0])
        envelope->encoding = intake->encoding;
}

static bool commit(struct intake *intake)
{
    struct envelope *envelope = &intake->submission->envelope;
    struct draft *draft = intake->draft;
    struct error error;

    intake->draft = NULL;
    take_over(intake);
    if (intake->hold ? draft_commit(draft, QUEUE_HOLD, envelope, &error)
                     : draft_commit_logged(draft, intake->cleanup->log, envelope,
                                           &intake->place, &error))
        return true;
    log_warn("%s: %s", envelope->queue_id, error.text);
    if (error.code == ENOSPC || error.code == EDQUOT)
        intake_refuse(intake, SUBMISSION_NO_SPACE, "4.3.1 insufficient system storage");
    else
        intake_refuse(intake, SUBMISSION_WRITE_ERROR, "4.3.0 queue file write error");
    return false;
}

void intake_abandon(struct intake *intake)
{
    draft_discard(intake->draft);
    intake->draft = NULL;
    pass_free(intake->pass);
    intake->pass = NULL;
    str_free(&intake->line);
    str_free(&intake->header);
    mime_end(&intake->mime);
    free(intake->more_recipients.items);
    free(intake->expanded.items);
    intake->expanded = (struct recipient_list){ NULL, 0, 0 };
    intake->more_recipients = (struct address_list){ NULL, 0, 0 };
    hash_free(intake->known, NULL);
    intake->known = NULL;
}

bool intake_end(struct intake *intake, struct submission_reply *reply, bool *reported)
{
    bool queued = false;

    if (intake->status == SUBMISSION_QUEUED && !intake->discard)
        finish_content(intake);
    reply->size = intake->draft ? draft_content_size(intake->draft) : 0;
    if (intake->status == SUBMISSION_QUEUED && intake->discard)
        intake->status = SUBMISSION_DISCARDED;
    if (intake->status == SUBMISSION_QUEUED && !expansions_report(intake))
        intake_refuse(intake, SUBMISSION_WRITE_ERROR, "4.3.0 queue file write error");
    if (intake->status == SUBMISSION_QUEUED)
        queued = commit(intake);
    *reported = intake->expanded.count > 0;
    reply->status = intake->status;
    reply->queue_id = intake->submission->envelope.queue_id;
    reply->text = intake->text;
    intake_abandon(intake);
    return queued && !intake->hold;
}
