#include "session.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "limits.h"
#include "log/log.h"
#include "smtp/replies.h"
#include "state.h"
#include "transcript.h"

enum { PENDING_SHOWN = 100 };

/* What a row says of a command, besides who obeys it. */
enum {
    ENDS_GROUP = 1,     /* nothing may follow before the reply (RFC 2920 3.1) */
    IS_JUNK = 2,        /* counts against smtpd_junk_command_limit */
    IN_CLEAR = 4,       /* obeyed before STARTTLS where TLS is demanded (RFC 3207 4) */
};

static const struct command {
    const char *name;
    const char *counted_as;     /* in the disconnect line */
    command_handler *obey;
    unsigned flags;
} commands[] = {
    [COMMAND_HELO]     = { "HELO",     "helo",     obey_helo,     ENDS_GROUP | IS_JUNK | IN_CLEAR },
    [COMMAND_EHLO]     = { "EHLO",     "ehlo",     obey_ehlo,     ENDS_GROUP | IS_JUNK | IN_CLEAR },
    [COMMAND_XCLIENT]  = { "XCLIENT",  "xclient",  obey_xclient,  IN_CLEAR },
    [COMMAND_XFORWARD] = { "XFORWARD", "xforward", obey_xforward, 0 },
    [COMMAND_STARTTLS] = { "STARTTLS", "starttls", obey_starttls, IN_CLEAR },
    [COMMAND_AUTH]     = { "AUTH",     "auth",     obey_auth,     0 },
    [COMMAND_MAIL]     = { "MAIL",     "mail",     obey_mail,     0 },
    [COMMAND_RCPT]     = { "RCPT",     "rcpt",     obey_rcpt,     0 },
    [COMMAND_DATA]     = { "DATA",     "data",     obey_data,     ENDS_GROUP },
    [COMMAND_BDAT]     = { "BDAT",     "bdat",     obey_bdat,     0 },
    [COMMAND_RSET]     = { "RSET",     "rset",     obey_rset,     IS_JUNK },
    [COMMAND_NOOP]     = { "NOOP",     "noop",     obey_noop,     ENDS_GROUP | IS_JUNK | IN_CLEAR },
    [COMMAND_VRFY]     = { "VRFY",     "vrfy",     obey_vrfy,     ENDS_GROUP | IS_JUNK },
    [COMMAND_ETRN]     = { "ETRN",     "etrn",     obey_etrn,     IS_JUNK },
    [COMMAND_QUIT]     = { "QUIT",     "quit",     obey_quit,     IN_CLEAR },
    [COMMAND_UNKNOWN]  = { "UNKNOWN",  "unknown",  NULL,          IN_CLEAR },
};

/* --- Life. ------------------------------------------------------------------------ */

enum session_mode session_mode(const struct session *session)
{
    return session->mode;
}

const struct facts *session_facts(const struct session *session)
{
    return &session->facts;
}

size_t session_line_limit(const struct session *session)
{
    return (size_t)session->server->config->line_length_limit;
}

int session_take_pause(struct session *session)
{
    int pause = session->pause;

    session->pause = 0;
    return pause;
}

void session_welcome(struct session *session)
{
    const struct config *config = session->server->config;
    AUTO_ARENA struct arena *arena = arena_new();
    struct verdict verdict = policy_connect(session->server->policy, &session->facts, arena);

    session->denied = verdict.result == VERDICT_REJECT;
    if (session->denied) {
        reply_refused(session, &verdict);
        session->errors++;
    } else
        reply(session, REPLY_GREETING, config->smtpd_banner);
}

void session_turn_away(struct session *session)
{
    log_info("connect from %s", session->facts.client);
    reply(session, REPLY_LOCAL_ERROR, session->server->config->myhostname);
    session->mode = SESSION_OVER;
}

/* --- Commands. -------------------------------------------------------------------- */

static enum command_id find_command(struct slice word)
{
    for (enum command_id id = 0; id < COMMAND_UNKNOWN; id++)
        if (slice_is_nocase(word, commands[id].name))
            return id;
    return COMMAND_UNKNOWN;
}

/* False when the client has sent more than it may and we no longer talk to it. */
static bool pipelining_is_proper(struct session *session, const struct command *command,
                                 struct slice pending)
{
    if (!pending.length || (session->pipelining && !(command->flags & ENDS_GROUP)))
        return true;

    bool forbidden = session->server->config->smtpd_forbid_unauth_pipelining;

    if (!session->facts.improper_pipelining) {
        AUTO_STR struct str shown = STR_EMPTY;

        text_escape(&shown, slice_part(pending, 0, PENDING_SHOWN));
        log_info("improper command pipelining after %s from %s: %s", command->name,
                 session->facts.client, shown.data);
    }
    session->facts.improper_pipelining = true;
    if (forbidden) {
        reply(session, REPLY_EARLY_TALKER);
        session->mode = SESSION_OVER;
    }
    return !forbidden;
}

void session_greet_again(struct session *session)
{
    static const struct command connect = { "XCLIENT", NULL, NULL, ENDS_GROUP };

    if (pipelining_is_proper(session, &connect, session->pending))
        session_welcome(session);
}

void session_greet(struct session *session, struct slice pending)
{
    static const struct command connect = { "CONNECT", NULL, NULL, ENDS_GROUP };

    log_info("connect from %s", session->facts.client);
    if (session->server->encryption.wrapped) {
        log_warn("Wrapper-mode request dropped from %s for service %s. TLS context initialization "
                 "failed. For details see earlier warnings in your logs.", session->facts.client,
                 session->server->service_name);
        session->mode = SESSION_CUT;
        return;
    }
    if (pipelining_is_proper(session, &connect, pending) && limits_connect(session))
        session_welcome(session);
}

/* A client that speaks HTTP, or sends a header, is not worth a conversation. */
static bool is_header(struct slice word)
{
    size_t colon = slice_find(word, ':');

    return colon > 0 && colon < word.length;
}

static bool command_is_forbidden(struct session *session, struct slice word)
{
    struct error error;

    if (is_header(word))
        return true;
    return session->server->forbidden_commands &&
           match_list_get(session->server->forbidden_commands, word, &error) == MATCH_YES;
}

static bool obey_unknown(struct session *session, struct slice word, struct slice line)
{
    if (command_is_forbidden(session, word)) {
        AUTO_STR struct str shown = STR_EMPTY;

        text_escape(&shown, slice_part(line, 0, PENDING_SHOWN));
        log_warn("non-SMTP command from %s: %s", session->facts.client,
                 shown.data);
        reply(session, REPLY_GOODBYE);
        session->mode = SESSION_OVER;
        return false;
    }
    reply(session, REPLY_UNKNOWN);
    return false;
}

static void count(struct session *session, enum command_id id, bool good)
{
    session->counts[id].total++;
    if (good)
        session->counts[id].good++;
    else
        session->errors++;
    if (id < COMMAND_UNKNOWN && (commands[id].flags & IS_JUNK) &&
        session->junk++ > session->server->config->smtpd_junk_command_limit)
        session->errors++;
}

void judge_errors(struct session *session)
{
    if (session->mode != SESSION_COMMAND ||
        session->errors < session->server->config->smtpd_hard_error_limit)
        return;
    reply(session, REPLY_MANY_ERRORS, session->server->config->myhostname);
    log_info("too many errors after %s from %s", session->place, session->facts.client);
    session->mode = SESSION_OVER;
}

static void warn_cut(const struct session *session, struct slice line)
{
    AUTO_STR struct str shown = STR_EMPTY;

    printable_text(&shown, slice_part(line, 0, 30));
    log_warn("%s: request longer than %d: %s...", session->facts.client,
             session->server->config->line_length_limit, shown.data);
}

/* The administrator's own idea of what the client should have said. */
static bool filter_command(struct session *session, struct slice *line, struct str *replaced)
{
    struct error error = ERROR_NONE;

    if (table_list_is_empty(session->server->command_filter))
        return true;
    switch (table_list_get(session->server->command_filter, *line, replaced, NULL, &error)) {
    case TABLE_FOUND:
        log_info("%s: replacing command \"%.*s\" with \"%s\"", session->facts.client,
                 SLICE_ARGS(slice_part(*line, 0, PENDING_SHOWN)), replaced->data);
        *line = str_slice(replaced);
        return true;
    case TABLE_TROUBLE:
        log_warn("%s: smtpd_command_filter: %s", session->facts.client, error.text);
        reply(session, REPLY_LOCAL_TROUBLE, session->server->config->myhostname);
        session->mode = SESSION_OVER;
        return false;
    default:
        return true;
    }
}

static struct slice first_word(struct slice line)
{
    return slice_take_word(&line);
}

/* The command that the line begins with, or that it should. */
static void obey_command(struct session *session, struct slice line, struct slice pending)
{
    struct slice rest = slice_trim(line);
    struct slice word = slice_take_word(&rest);
    enum command_id id = find_command(word);
    const struct command *command = &commands[id];
    bool good = false;

    if (!session->denied || id == COMMAND_UNKNOWN)
        session->place = command->name;
    session->facts.stage = command->name;
    if (session->denied && id != COMMAND_QUIT &&
        !(id == COMMAND_UNKNOWN && command_is_forbidden(session, word)))
        reply(session, REPLY_ACCESS_DENIED, session->facts.client);
    else if (session->server->encryption.demanded && !(command->flags & IN_CLEAR))
        reply(session, REPLY_NEED_TLS);
    else if (!command->obey)
        good = obey_unknown(session, word, slice_trim(line));
    else if (pipelining_is_proper(session, command, pending)) {
        session->pending = pending;
        session->line = line;
        good = command->obey(session, slice_trim_start(rest));
    }
    count(session, id, good);
}

void session_obey(struct session *session, struct slice line, struct slice pending, bool cut)
{
    AUTO_STR struct str replaced = STR_EMPTY;

    transcript_command(session, line, find_command(first_word(line)) != COMMAND_UNKNOWN);
    if (cut)
        warn_cut(session, line);
    if (!filter_command(session, &line, &replaced))
        return;

    struct slice word = first_word(line);

    if (session->server->config->smtputf8_enable && !text_is_utf8(line)) {
        reply(session, REPLY_BAD_UTF8);
        session->errors++;
    } else if (!word.length) {
        reply(session, REPLY_BAD_SYNTAX);
        session->errors++;
    } else if (match_list_get(session->server->noop_commands, word, &(struct error){ 0 }) ==
               MATCH_YES) {
        reply(session, REPLY_OK);
        session->junk++;
    } else
        obey_command(session, line, pending);
    judge_errors(session);
}

/* --- The end. --------------------------------------------------------------------- */

static void log_abnormal(struct session *session, const char *what)
{
    AUTO_STR struct str place = STR_EMPTY;

    /* The command was good when it was answered; what should have followed never came. */
    if (session->mode == SESSION_CONTENT)
        session->counts[COMMAND_DATA].good--;
    else if (session->mode == SESSION_CHUNK && session->chunking == CHUNKING_ACTIVE)
        session->counts[COMMAND_BDAT].good--;

    str_text(&place, session->place);
    if (session->mail && (session->mode == SESSION_CONTENT ||
                          (session->chunking == CHUNKING_ACTIVE &&
                           strcmp(session->place, "BDAT") == 0)))
        str_format(&place, " (%lld bytes)", (long long)session->mail->received_bytes);
    log_info("%s after %s from %s", what, place.data, session->facts.client);
}

/* Whoever hangs up when its mail was taken has only been impolite. */
void session_lost(struct session *session)
{
    if (strcmp(session->place, PLACE_END_OF_MAIL) != 0)
        log_abnormal(session, "lost connection");
    session->aborted = "lost connection";
    session->mode = SESSION_CUT;
}

void session_expired(struct session *session)
{
    log_abnormal(session, "timeout");
    session->aborted = "timeout";
    reply(session, REPLY_TIMEOUT, session->server->config->myhostname);
    session->mode = SESSION_OVER;
}

void session_closing(struct session *session)
{
    reply(session, REPLY_SHUTDOWN, session->server->config->myhostname);
    session->mode = SESSION_OVER;
}

void session_forgive(struct session *session)
{
    session->errors = session->junk = 0;
    session->noted = 0;
}

static void add_count(struct str *line, const char *name, unsigned good, unsigned total)
{
    str_format(line, " %s=%u", name, good);
    if (good != total)
        str_format(line, "/%u", total);
}

void session_log_end(struct session *session)
{
    AUTO_STR struct str line = STR_EMPTY;
    unsigned good = 0, total = 0;

    for (enum command_id id = 0; id < COMMAND_COUNT; id++) {
        if (session->counts[id].total)
            add_count(&line, commands[id].counted_as, session->counts[id].good,
                      session->counts[id].total);
        good += session->counts[id].good;
        total += session->counts[id].total;
    }
    if (total)
        add_count(&line, "commands", good, total);
    else
        str_text(&line, " commands=0/0");
    transcript_send(session, session->aborted);
    log_info("disconnect from %s%s", session->facts.client, line.data);
}
