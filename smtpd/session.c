#include "session.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "footer.h"
#include "limits.h"
#include "log/log.h"
#include "smtp/replies.h"
#include "state.h"
#include "transcript.h"

enum { REFUSAL_LIMIT = 500, PENDING_SHOWN = 100 };

/* What a row says of a command, besides who obeys it. */
enum {
    ENDS_GROUP = 1,     /* nothing may follow before the reply (RFC 2920 3.1) */
    IS_JUNK = 2,        /* counts against smtpd_junk_command_limit */
};

static const struct command {
    const char *name;
    const char *counted_as;     /* in the disconnect line */
    command_handler *obey;
    unsigned flags;
} commands[] = {
    [COMMAND_HELO]     = { "HELO",     "helo",     obey_helo,     ENDS_GROUP | IS_JUNK },
    [COMMAND_EHLO]     = { "EHLO",     "ehlo",     obey_ehlo,     ENDS_GROUP | IS_JUNK },
    [COMMAND_XCLIENT]  = { "XCLIENT",  "xclient",  obey_xclient,  0 },
    [COMMAND_XFORWARD] = { "XFORWARD", "xforward", obey_xforward, 0 },
    [COMMAND_STARTTLS] = { "STARTTLS", "starttls", obey_starttls, 0 },
    [COMMAND_AUTH]     = { "AUTH",     "auth",     obey_auth,     0 },
    [COMMAND_MAIL]     = { "MAIL",     "mail",     obey_mail,     0 },
    [COMMAND_RCPT]     = { "RCPT",     "rcpt",     obey_rcpt,     0 },
    [COMMAND_DATA]     = { "DATA",     "data",     obey_data,     ENDS_GROUP },
    [COMMAND_BDAT]     = { "BDAT",     "bdat",     obey_bdat,     0 },
    [COMMAND_RSET]     = { "RSET",     "rset",     obey_rset,     IS_JUNK },
    [COMMAND_NOOP]     = { "NOOP",     "noop",     obey_noop,     ENDS_GROUP | IS_JUNK },
    [COMMAND_VRFY]     = { "VRFY",     "vrfy",     obey_vrfy,     ENDS_GROUP | IS_JUNK },
    [COMMAND_ETRN]     = { "ETRN",     "etrn",     obey_etrn,     IS_JUNK },
    [COMMAND_QUIT]     = { "QUIT",     "quit",     obey_quit,     0 },
    [COMMAND_UNKNOWN]  = { "UNKNOWN",  "unknown",  NULL,          0 },
};

/* --- Replies. --------------------------------------------------------------------- */

/* Code and status stand on every line (RFC 2034 4). */
static void add_reply_lines(struct str *output, char class, int detail, const char *status,
                            struct slice text)
{
    do {
        size_t end = slice_find(text, '\n');

        str_format(output, "%c%02d%c", class, detail, end < text.length ? '-' : ' ');
        if (*status)
            str_format(output, "%c%s ", class == '3' ? '2' : class, status + 1);
        printable_text(output, slice_part(text, 0, end));
        str_text(output, "\r\n");
        text = slice_from(text, end + 1);
    } while (text.length);
}

static bool server_has_footers(const struct server *server)
{
    return *server->config->smtpd_reject_footer || !table_list_is_empty(server->footers);
}

static void add_footer(struct session *session, char class, int detail, const char *status,
                       struct str *text)
{
    AUTO_STR struct str whole = STR_EMPTY;

    str_format(&whole, "%c%02d ", class, detail);
    if (*status)
        str_format(&whole, "%c%s ", class, status + 1);
    str_add(&whole, str_slice(text));
    footer_add(session->server, &session->facts, str_slice(&whole), text);
}

void reply(struct session *session, int code, const char *status, const char *format, ...)
{
    const struct config *config = session->server->config;
    AUTO_STR struct str text = STR_EMPTY;
    char class = (char)('0' + code / 100);
    va_list args;

    if (class == '5' && config->soft_bounce)
        class = '4';
    va_start(args, format);
    str_vformat(&text, format, args);
    va_end(args);
    if (class >= '4' && server_has_footers(session->server))
        add_footer(session, class, code % 100, status, &text);
    size_t before = session->output->length;

    add_reply_lines(session->output, class, code % 100, status, str_slice(&text));
    transcript_reply(session, code, slice_from(str_slice(session->output), before));
    if (session->errors >= config->smtpd_soft_error_limit)
        session->pause += config->smtpd_error_sleep_time;
}

void reply_refused(struct session *session, const struct verdict *verdict)
{
    AUTO_STR struct str text = STR_EMPTY;
    bool soft = session->server->config->soft_bounce && verdict->code / 100 == 5;

    if (verdict->hangup) {
        facts_log(&session->facts, "hangup", slice_of(verdict->text));
        session->mode = SESSION_CUT;
        return;
    }
    session->refusing = true;
    reply(session, verdict->code, verdict->status, "%.*s", REFUSAL_LIMIT, verdict->text);
    session->refusing = false;
    str_format(&text, "%d %c%s %s", soft ? verdict->code - 100 : verdict->code,
               soft ? '4' : verdict->status[0], verdict->status + 1, verdict->text);
    facts_log(&session->facts, "reject", str_slice(&text));
    if (verdict->code == 421 || verdict->code == 521)
        session->mode = SESSION_OVER;
}

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

void session_obey(struct session *session, struct slice line, struct slice pending, bool cut)
{
    AUTO_STR struct str replaced = STR_EMPTY;

    transcript_command(session, line);
    if (cut)
        warn_cut(session, line);
    if (!filter_command(session, &line, &replaced))
        return;

    struct slice rest = slice_trim(line);
    struct slice word = slice_take_word(&rest);

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
    } else {
        enum command_id id = find_command(word);
        const struct command *command = &commands[id];
        bool good = false;

        if (!session->denied || id == COMMAND_UNKNOWN)
            session->place = command->name;
        session->facts.stage = command->name;
        if (session->denied && id != COMMAND_QUIT &&
            !(id == COMMAND_UNKNOWN && command_is_forbidden(session, word)))
            reply(session, REPLY_ACCESS_DENIED, session->facts.client);
        else if (!command->obey)
            good = obey_unknown(session, word, slice_trim(line));
        else if (pipelining_is_proper(session, command, pending)) {
            session->pending = pending;
            session->line = line;
            good = command->obey(session, slice_trim_start(rest));
        }
        count(session, id, good);
    }
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
