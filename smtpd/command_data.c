/*
 * DATA and BDAT: the content (RFC 5321 4.1.1.4, 4.5.2; RFC 3030).
 *
 * Only <CR><LF>.<CR><LF> ends the content of a stranger: a bare newline that one server takes
 * for a line end and the next does not would let one mail hide in another.
 */
#include "state.h"

#include "base/scope.h"
#include "log/log.h"
#include "smtp/esmtp.h"
#include "smtp/replies.h"

/* --- DATA. ------------------------------------------------------------------------ */

/* Ask the restrictions of DATA; false when they refuse. */
static bool data_is_allowed(struct session *session)
{
    struct mail *mail = session->mail;
    struct envelope *envelope = &mail->submission.envelope;

    if (envelope->recipients.count == 1)
        session->facts.recipient = envelope->recipients.items[0].address;

    struct verdict verdict = policy_data(session->server->policy, &session->facts, mail->arena,
                                         &mail->effects);

    if (verdict.result == VERDICT_REJECT)
        reply_refused(session, &verdict);
    session->facts.recipient = NULL;
    return verdict.result != VERDICT_REJECT;
}

bool obey_data(struct session *session, struct slice arguments)
{
    struct mail *mail = session->mail;

    if (session->chunking)
        reply(session, REPLY_DATA_AFTER_BDAT);
    else if (!session->facts.recipient_count && mail)
        reply(session, REPLY_NO_RECIPIENTS);
    else if (!mail)
        reply(session, REPLY_NEED_RCPT);
    else if (arguments.length)
        reply(session, REPLY_DATA_SYNTAX);
    else if (data_is_allowed(session) && mail_submit(session)) {
        reply(session, REPLY_SEND_DATA);
        session->mode = SESSION_CONTENT;
        session->last_line_crlf = true;
        session->line_open = false;
        return true;
    }
    return false;
}

static bool line_ends_content(const struct session *session, struct slice line, bool whole,
                              bool crlf)
{
    if (session->line_open || !whole || line.length != 1 || line.data[0] != '.')
        return false;
    return !session->strict_lines || (crlf && session->last_line_crlf);
}

void session_content(struct session *session, struct slice line, bool whole, bool crlf)
{
    struct mail *mail = session->mail;

    if (line_ends_content(session, line, whole, crlf)) {
        session->mode = SESSION_COMMAND;
        if (!mail_finish(session, -1)) {
            session->counts[COMMAND_DATA].good--;
            session->errors++;
        }
        judge_errors(session);
        return;
    }
    if (!session->line_open && line.length && line.data[0] == '.')
        line = slice_from(line, 1);
    mail->received_bytes += (int64_t)line.length + 2;
    mail_add(session, line);
    if (whole) {
        mail_add(session, SLICE_LITERAL("\n"));
        session->last_line_crlf = crlf;
        mail->bare_lf = mail->bare_lf || !crlf;
    }
    session->line_open = !whole;
}

/* --- BDAT. ------------------------------------------------------------------------ */

static bool parse_bdat(struct session *session, struct slice arguments)
{
    struct slice count = slice_take_word(&arguments), last = slice_trim(arguments);
    uint64_t size;

    if (!slice_number(count, INT64_MAX / 4, &size) ||
        (last.length && !slice_is_nocase(last, "LAST")))
        return false;
    session->chunk_size = session->chunk_left = (int64_t)size;
    session->chunk_last = last.length > 0;
    return true;
}

/* The client does not wait for an answer: whatever was wrong, its bytes must be read. */
static bool skip_chunks(struct session *session)
{
    mail_give_up(session);
    session->chunking = CHUNKING_SKIP;
    session->mode = session->chunk_left ? SESSION_CHUNK : SESSION_COMMAND;
    if (session->chunk_last && !session->chunk_left)
        mail_reset(session);
    return false;
}

static bool refuse_syntax(struct session *session, struct slice arguments)
{
    log_warn("%s: malformed BDAT command syntax from %s: BDAT%s%.*s",
             *session->facts.queue_id ? session->facts.queue_id : "NOQUEUE",
             session->facts.client, arguments.length ? " " : "",
             SLICE_ARGS(slice_part(arguments, 0, 100)));
    reply(session, REPLY_BDAT_SYNTAX);
    session->mode = SESSION_OVER;
    return false;
}

static bool refuse_null(struct session *session)
{
    log_warn("%s: null BDAT request from %s",
             *session->facts.queue_id ? session->facts.queue_id : "NOQUEUE", session->facts.client);
    reply(session, REPLY_BDAT_NULL);
    return skip_chunks(session);
}

static bool chunk_is_too_large(struct session *session)
{
    int64_t limit = session->server->config->message_size_limit;

    if (limit <= 0 || session->chunk_size <= limit)
        return false;
    log_warn("%s: BDAT request from %s exceeds message size limit",
             *session->facts.queue_id ? session->facts.queue_id : "NOQUEUE", session->facts.client);
    return true;
}

static bool start_chunks(struct session *session)
{
    if (!data_is_allowed(session) || !mail_submit(session))
        return skip_chunks(session);
    session->chunking = CHUNKING_ACTIVE;
    return true;
}

/* What a chunk that was read through is answered. */
static bool end_chunk(struct session *session)
{
    struct mail *mail = session->mail;

    session->mode = SESSION_COMMAND;
    if (session->chunking == CHUNKING_SKIP) {
        if (session->chunk_last)
            mail_reset(session);
        return false;
    }
    if (session->chunk_last) {
        int64_t bytes = mail->received_bytes + (mail->column ? 2 : 0);

        if (bytes && mail->last_byte != '\n')
            mail_add(session, SLICE_LITERAL("\n"));
        session->chunking = CHUNKING_NONE;
        return mail_finish(session, bytes);
    }
    if (mail->too_large) {
        reply(session, REPLY_CLEANUP_TOO_BIG);
        return skip_chunks(session);
    }
    reply(session, REPLY_CHUNK, (long long)session->chunk_size);
    return true;
}

bool obey_bdat(struct session *session, struct slice arguments)
{
    struct mail *mail = session->mail;

    if (session->discarded & EXTENSION_CHUNKING) {
        /* The chunk cannot be told from commands. */
        reply(session, 521, "5.5.1", "Error: command not implemented");
        session->mode = SESSION_OVER;
        return false;
    }
    if (!parse_bdat(session, arguments))
        return refuse_syntax(session, arguments);
    if (!session->chunk_size && !session->chunk_last)
        return refuse_null(session);
    if (session->chunking == CHUNKING_SKIP) {
        reply(session, REPLY_BDAT_DISCARDED, (long long)session->chunk_size);
        return skip_chunks(session);
    }
    if (session->chunking == CHUNKING_NONE && !session->facts.recipient_count) {
        if (mail)
            reply(session, REPLY_NO_RECIPIENTS);
        else
            reply(session, REPLY_NEED_RCPT);
        return skip_chunks(session);
    }
    if (chunk_is_too_large(session)) {
        reply(session, REPLY_BDAT_TOO_LARGE);
        return skip_chunks(session);
    }
    if (session->chunking == CHUNKING_NONE && !start_chunks(session))
        return false;
    if (!session->chunk_left)
        return end_chunk(session);
    session->mode = SESSION_CHUNK;
    return true;
}

size_t session_chunk_left(const struct session *session)
{
    return (size_t)session->chunk_left;
}

/* Line ends count as two bytes, however they are written, and so do breaks of long lines. */
static void count_bytes(struct mail *mail, struct slice bytes, size_t line_limit)
{
    char before = mail->last_byte;

    mail->received_bytes += (int64_t)bytes.length;
    for (size_t i = 0; i < bytes.length; i++) {
        bool ends = bytes.data[i] == '\n';

        mail->received_bytes += ends && before != '\r';
        mail->column = ends ? 0 : mail->column + 1;
        if (mail->column == line_limit) {
            mail->received_bytes += 2;
            mail->column = 0;
        }
        before = bytes.data[i];
    }
}

/* CR LF becomes LF; a CR at the end of the bytes waits for what follows. */
static void add_chunk(struct session *session, struct slice bytes)
{
    struct mail *mail = session->mail;

    if (mail->last_byte == '\r' && bytes.data[0] != '\n')
        mail_add(session, SLICE_LITERAL("\r"));
    count_bytes(mail, bytes, session_line_limit(session));
    mail->last_byte = bytes.data[bytes.length - 1];
    while (bytes.length) {
        size_t cr = slice_find(bytes, '\r');
        bool held = cr + 1 >= bytes.length || bytes.data[cr + 1] == '\n';

        mail_add(session, slice_part(bytes, 0, held ? cr : cr + 1));
        bytes = slice_from(bytes, cr + 1);
    }
}

void session_chunk(struct session *session, struct slice bytes)
{
    bool skipped = session->chunking == CHUNKING_SKIP;

    if (!bytes.length)
        return;
    session->chunk_left -= (int64_t)bytes.length;
    if (!skipped)
        add_chunk(session, bytes);
    if (session->chunk_left)
        return;
    /* A chunk that is skipped was counted as an error when its command was answered. */
    if (!end_chunk(session) && !skipped) {
        session->counts[COMMAND_BDAT].good--;
        session->errors++;
    }
    judge_errors(session);
}
