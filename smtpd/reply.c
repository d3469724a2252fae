/*
 * What a session answers: the lines of a reply, with the administrator's footer, and the
 * refusals of restrictions, which are logged too.
 */
#include "state.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "deliver/postmaster.h"
#include "footer.h"
#include "transcript.h"

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
    session->blame = verdict->blame ? verdict->blame : NOTIFY_POLICY;
    reply(session, verdict->code, verdict->status, "%s", verdict->text);
    session->blame = 0;
    str_format(&text, "%d %c%s %s", soft ? verdict->code - 100 : verdict->code,
               soft ? '4' : verdict->status[0], verdict->status + 1, verdict->text);
    facts_log(&session->facts, "reject", str_slice(&text));
    if (verdict->code == 421 || verdict->code == 521)
        session->mode = SESSION_OVER;
}
