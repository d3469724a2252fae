#include "incoming.h"

#include "base/encoding.h"
#include "log/log.h"

void intake_refuse(struct intake *intake, enum submission_status status, const char *text)
{
    if (intake->status != SUBMISSION_QUEUED)
        return;
    intake->status = status;
    intake->text = arena_copy(intake->arena, text);
}

void intake_return(struct intake *intake, enum submission_status status, const char *text)
{
    if (intake->submission->flags & SUBMIT_LOCAL)
        intake->filter = arena_format(intake->arena, "error:%s", text);
    else
        intake_refuse(intake, status, text);
}

void intake_write(struct intake *intake, struct slice bytes)
{
    int64_t limit = intake->cleanup->config->message_size_limit;

    if (intake->status != SUBMISSION_QUEUED)
        return;
    if (limit > 0 && draft_content_size(intake->draft) + (int64_t)bytes.length > limit) {
        log_warn("%s: queue file size limit exceeded", intake->submission->envelope.queue_id);
        intake_refuse(intake, SUBMISSION_TOO_LARGE, "5.3.4 message file too big");
        return;
    }
    draft_content(intake->draft, bytes);
}

/* 8-bit headers (RFC 6532) need SMTPUTF8 when the client asked for it or we are to find out. */
void intake_note_utf8(struct intake *intake, struct slice line)
{
    struct envelope *envelope = &intake->submission->envelope;

    if (text_is_ascii(line))
        return;
    if (intake->submission->flags & SUBMIT_SMTPUTF8)
        envelope->send_options |= SENDOPT_SMTPUTF8;
    if (intake->cleanup->config->smtputf8_enable)
        envelope->send_options |= SENDOPT_SMTPUTF8_HEADER;
}
