#include "transcript.h"

#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"

/* --- remembering ----------------------------------------------------------------------- */

static void remember(struct session *session, enum debug_direction direction, struct slice line)
{
    session->transcript_lines++;
    if (session->server->notified)
        postmaster_transcribe(&session->transcript,
                              direction == DEBUG_HEARD ? "In:  " : "Out: ", line);
    if (session->verbosity)
        debug_peer_log(direction, session->facts.client, line);
}

void transcript_command(struct session *session, struct slice line, bool is_command)
{
    struct slice shown = debug_peer_shown(line);

    if (is_command)
        session->secrets_follow = false;
    remember(session, DEBUG_HEARD, session->secrets_follow ? SLICE_LITERAL("(not shown)") : shown);
    if (is_command && slice_is_nocase(slice_take_word(&line), "AUTH"))
        session->secrets_follow = true;
}

static unsigned class_of(const struct session *session, int code)
{
    const char *stage = session->facts.stage;

    if (code < 400)
        return 0;
    if (session->blame)
        return session->blame;
    switch (code) {
    case 421:
        return 0;
    case 451:
        return NOTIFY_SOFTWARE;
    case 452:   /* too many recipients, or no space */
        return strcmp(stage, "RCPT") == 0 ? NOTIFY_POLICY : NOTIFY_RESOURCE;
    case 552:   /* more than SIZE or a chunk may say is a matter of policy; else it is the mail's */
        return strcmp(stage, "DATA") == 0 ? NOTIFY_BOUNCE : NOTIFY_POLICY;
    case 554:   /* DATA though no recipient was taken: what there was to tell is told */
        return strcmp(stage, "DATA") == 0 ? 0 : NOTIFY_PROTOCOL;
    default:
        return NOTIFY_PROTOCOL;
    }
}

void transcript_reply(struct session *session, int code, struct slice lines)
{
    session->noted |= class_of(session, code);
    while (lines.length > 0)
        remember(session, DEBUG_SAID, slice_trim_end(slice_take_until(&lines, "\n")));
}

/* --- telling ----------------------------------------------------------------------------- */

void transcript_send(struct session *session, const char *aborted)
{
    const struct server *server = session->server;
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str text = STR_EMPTY;
    struct submission submission = { 0 };
    struct submission_reply reply = { .queue_id = "", .text = "" };
    struct error error = ERROR_NONE;
    unsigned noted = session->noted;
    struct postmaster_notice notice = {
        .program = "SMTP server", .peer = session->facts.client, .opening = "",
        .aborted = aborted, .transcript = str_slice(&session->transcript),
    };

    session->noted = 0;
    if (!(noted & server->notified))
        return;
    postmaster_write(&text, server->config, &notice);
    postmaster_fill(&submission, server->config, arena);
    if (noted & NOTIFY_BOUNCE)
        submission.envelope.recipients.items[0].address = server->config->bounce_notice_recipient;

    void *submitter = server->calls.submit(server->calls.argument, &submission);

    if (!server->calls.submit_add(submitter, str_slice(&text), &error)) {
        server->calls.submit_abandon(submitter);
        log_warn("notice to the postmaster: %s", error.text);
    } else if (!server->calls.submit_end(submitter, arena, &reply, &error)) {
        log_warn("notice to the postmaster: %s", error.text);
    } else if (reply.status != SUBMISSION_QUEUED && reply.status != SUBMISSION_DISCARDED) {
        log_warn("notice to the postmaster: cleanup: %s", reply.text);
    }
}

void transcript_flush(struct session *session)
{
    if (session->transcript_lines <= session->server->config->smtpd_history_flush_threshold)
        return;
    transcript_send(session, "");
    session->transcript_lines = 0;
    str_clear(&session->transcript);
}
