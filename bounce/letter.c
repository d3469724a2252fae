#include "letter.h"

#include "base/scope.h"
#include "deliver/own_mail.h"

/* False when cleanup is gone; a broken original is returned as far as it goes. */
static bool add_original(const struct letter *letter, const struct envelope *original,
                         struct submitter *submitter, struct error *error)
{
    struct content *content = content_new(message_descriptor(letter->original),
                                          original->content_offset, original->content_length);
    enum content_piece piece;
    struct slice bytes;
    struct error broken = ERROR_NONE;
    bool good = true, line_start = true;

    while (good && ((piece = content_next(content, &bytes, &broken)) == CONTENT_LINE ||
                    piece == CONTENT_PART)) {
        if (!letter->notice.whole && line_start && piece == CONTENT_LINE && bytes.length == 0)
            break;
        good = submitter_add(submitter, bytes, error) &&
               (piece == CONTENT_PART || submitter_add(submitter, SLICE_LITERAL("\n"), error));
        line_start = piece == CONTENT_LINE;
    }
    if (good && !line_start)
        good = submitter_add(submitter, SLICE_LITERAL("\n"), error);
    content_free(content);
    return good;
}

static bool fill_submitter(const struct letter *letter, const struct envelope *original,
                           struct submitter *submitter, struct error *error)
{
    AUTO_STR struct str head = STR_EMPTY, tail = STR_EMPTY;

    if (!notice_write_head(&letter->notice, &head, error))
        return false;
    notice_write_tail(&letter->notice, &tail);
    return submitter_add(submitter, str_slice(&head), error) &&
           add_original(letter, original, submitter, error) &&
           submitter_add(submitter, str_slice(&tail), error);
}

static void address_letter(const struct letter *letter, struct arena *arena,
                           struct submission *submission)
{
    const struct config *config = letter->bouncer->config;
    struct envelope *envelope = &submission->envelope;

    own_mail_begin(submission, config, letter->sender, letter->recipient, arena);
    submission->flags = own_mail_flags(config, letter->notice.postmaster ? "notify" : "bounce");
    envelope->encoding = strcmp(notice_encoding(&letter->notice), "8bit") == 0 ? "8bit" : "";
    if (letter->notice.envelope->send_options & SENDOPT_SMTPUTF8)
        envelope->send_options = SENDOPT_SMTPUTF8;
}

bool letter_post(const struct letter *letter, const struct envelope *original,
                 struct str *queue_id, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    int timeout = letter->bouncer->config->ipc_timeout;
    struct submission submission = { 0 };

    address_letter(letter, arena, &submission);

    struct submitter *submitter = submitter_new(letter->bouncer->cleanup, &submission, timeout);

    if (fill_submitter(letter, original, submitter, error))
        return own_mail_end(submitter, queue_id, error);
    submitter_abandon(submitter);
    return false;
}
