#include "deliver/own_mail.h"

#include "base/scope.h"
#include "message/date.h"
#include "queue/queue.h"

enum { LINE_LENGTH = 79, INDENT = 4 };

void own_mail_begin(struct submission *submission, const struct config *config,
                    const char *sender, const char *recipient, struct arena *arena)
{
    struct envelope *envelope = &submission->envelope;
    AUTO_STR struct str id = STR_EMPTY, received = STR_EMPTY;

    envelope_clear(envelope);
    queue_id_new(&id, config->enable_long_queue_ids);
    envelope->queue_id = arena_text(arena, str_slice(&id));
    envelope->arrival = wall_now();
    envelope->sender = sender;
    envelope_set_attribute(envelope, arena, "rewrite_context", "local");
    envelope_add_recipient(envelope, arena)->address = recipient;
    str_format(&received, "by %s (%s)\n\tid %s; ", config->myhostname, config->mail_name,
               id.data);
    message_date(&received, envelope->arrival.tv_sec);
    submission->received = arena_text(arena, str_slice(&received));
    submission->prepended = "";
}

int64_t own_mail_flags(const struct config *config, const char *class)
{
    int64_t flags = SUBMIT_LOCAL | SUBMIT_MAP | SUBMIT_BOUNCE_UNDO;

    if (slice_list_has(slice_of(config->internal_mail_filter_classes), class))
        flags |= SUBMIT_FILTER | SUBMIT_MILTER;
    return flags;
}

bool own_mail_end(struct submitter *submitter, struct str *queue_id, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct submission_reply reply = { .queue_id = "", .text = "" };

    if (!submitter_end(submitter, arena, &reply, error))
        return false;
    if (reply.status != SUBMISSION_QUEUED && reply.status != SUBMISSION_DISCARDED)
        return error_set(error, "cleanup: %s", reply.text);
    if (queue_id)
        str_set(queue_id, slice_of(reply.queue_id));
    return true;
}

void own_mail_wrap(struct str *output, const char *prefix, struct slice text)
{
    size_t room = LINE_LENGTH - strlen(prefix), indent = 0;

    while (text.length > 0) {
        size_t end = text.length;

        if (text.length > room - indent) {
            end = room - indent;
            while (end > 0 && text.data[end] != ' ')
                end--;
            if (end == 0)       /* a word that fits nowhere */
                end = room - indent + slice_find(slice_from(text, room - indent), ' ');
        }
        str_format(output, "%s%*s", prefix, (int)indent, "");
        str_add(output, slice_trim_end(slice_part(text, 0, end)));
        str_byte(output, '\n');
        text = slice_trim_start(slice_from(text, end));
        indent = INDENT;
    }
}
