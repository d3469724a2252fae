#include "transcript.h"

#include "base/scope.h"
#include "deliver/postmaster.h"
#include "log/log.h"

/* --- remembering ----------------------------------------------------------------------- */

static void remember(struct session *session, const char *who, struct slice line)
{
    if (session->server->notified)
        postmaster_transcribe(&session->transcript, who, line);
}

void transcript_command(struct session *session, struct slice line)
{
    struct slice rest = line;
    struct slice word = slice_take_word(&rest);

    if (slice_is_nocase(word, "AUTH")) {
        struct slice mechanism = slice_take_word(&rest);

        line = slice_part(line, 0, (size_t)(mechanism.data - line.data) + mechanism.length);
    }
    remember(session, "In:  ", line);
}

static unsigned class_of(const struct session *session, int code)
{
    if (code < 400 || code == 421)
        return 0;
    if (code == 451)
        return session->refusing ? NOTIFY_POLICY : NOTIFY_SOFTWARE;
    if (code == 452)
        return session->refusing ? NOTIFY_POLICY : NOTIFY_RESOURCE;
    /* More than SIZE allows is a matter of policy; what cleanup refuses is a matter of mail. */
    if (code == 552)
        return strcmp(session->facts.stage, "MAIL") == 0 ? NOTIFY_POLICY : 0;
    return session->refusing ? NOTIFY_POLICY : NOTIFY_PROTOCOL;
}

void transcript_reply(struct session *session, int code, struct slice lines)
{
    session->noted |= class_of(session, code);
    while (lines.length > 0)
        remember(session, "Out: ", slice_trim_end(slice_take_until(&lines, "\n")));
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
    struct postmaster_notice notice = {
        .program = "SMTP server", .peer = session->facts.client, .opening = "",
        .aborted = aborted, .transcript = str_slice(&session->transcript),
    };

    if (!(session->noted & server->notified))
        return;
    session->noted = 0;
    postmaster_write(&text, server->config, &notice);
    postmaster_fill(&submission, server->config, arena);

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
