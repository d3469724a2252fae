#include "transcript.h"

#include "base/scope.h"
#include "deliver/own_mail.h"
#include "deliver/postmaster.h"
#include "log/log.h"

#include <strings.h>

void transcript_command(struct session *session, struct slice line)
{
    if (session->agent->tells_postmaster)
        postmaster_transcribe(&session->transcript, "Out: ", line);
}

void transcript_reply(struct session *session, struct slice line, const struct str *instead)
{
    if (!session->agent->tells_postmaster)
        return;
    postmaster_transcribe(&session->transcript, "In:  ", line);
    if (!instead)
        return;
    postmaster_transcribe(&session->transcript, "Replaced-by:", SLICE_LITERAL(""));
    postmaster_transcribe(&session->transcript, "     ", str_slice(instead));
}

void transcript_judge(struct session *session)
{
    int code = session->reply.code;

    /* Syntax errors and codes that RFC 5321 4.2.1 does not know. */
    session->odd |= code < 400 || code > 599 || code == 555 || (code >= 500 && code < 510);
}

/* Nobody is told of trouble with notifications: the next ones would be about them. */
static bool is_told(const struct session *session)
{
    const struct config *config = session->agent->config;
    struct slice domain = slice_of(session->sender);
    struct slice local = slice_take_until(&domain, "@");

    return session->odd && session->agent->tells_postmaster && *session->sender
           && !(slice_is_nocase(local, config->double_bounce_sender)
                && slice_is_nocase(domain, config->myhostname));
}

static void submit(const struct agent *agent, struct slice text)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct submission submission = { 0 };
    struct error error = ERROR_NONE;

    postmaster_fill(&submission, agent->config, arena);

    struct submitter *submitter =
        submitter_new(agent->cleanup, &submission, agent->config->ipc_timeout);

    if (!submitter_add(submitter, text, &error)) {
        submitter_abandon(submitter);
        log_warn("notice to the postmaster: %s", error.text);
    } else if (!own_mail_end(submitter, NULL, &error)) {
        log_warn("notice to the postmaster: %s", error.text);
    }
}

static void tell(const struct session *session)
{
    AUTO_STR struct str text = STR_EMPTY, opening = STR_EMPTY;
    struct postmaster_notice notice = {
        .program = session->agent->lmtp ? "LMTP client" : "SMTP client",
        .peer = session->relay, .aborted = NULL,
        .transcript = str_slice(&session->transcript),
    };

    str_format(&opening, "Unexpected response from %s.", session->relay);
    notice.opening = opening.data;
    postmaster_write(&text, session->agent->config, &notice);
    submit(session->agent, str_slice(&text));
}

void transcript_end(struct session *session)
{
    if (is_told(session))
        tell(session);
    session->odd = false;
    session->sender = session->queue_id = "";   /* they go with their request */
    str_clear(&session->transcript);
}
