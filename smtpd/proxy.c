#include "proxy.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "filter.h"
#include "log/log.h"
#include "smtp/reply.h"
#include "state.h"

struct proxy {
    struct filter filter;
    bool started;               /* the filter has taken MAIL, or need not yet */
    bool waits;                 /* speed_adjust */
    struct str mail;            /* the command MAIL */
    struct str recipients;      /* with waits: commands RCPT, with LF each */
    struct str content;         /* with waits */
};

bool proxy_is_used(const struct session *session)
{
    return *session->server->config->smtpd_proxy_filter && !session->server->alone;
}

void proxy_remember(struct session *session)
{
    const struct config *config = session->server->config;
    struct proxy *proxy = memory_new(1, sizeof(*proxy));

    proxy->filter = (struct filter){ .name = config->smtpd_proxy_filter,
                                     .timeout_seconds = config->smtpd_proxy_timeout,
                                     .reply = STR_EMPTY };
    proxy->waits = session->server->proxy_waits;
    proxy->mail = proxy->recipients = proxy->content = STR_EMPTY;
    str_set(&proxy->mail, session->line);
    session->mail->proxy = proxy;
}

/* --- What the client is told. ---------------------------------------------------------- */

/* The status that all lines of a reply share; false when they do not. */
static bool find_status(struct slice lines, char status[STATUS_SIZE])
{
    struct slice text;

    status[0] = '\0';
    while (smtp_reply_next(&lines, &text)) {
        char found[STATUS_SIZE];

        if (!status_take(&text, found) || (*status && strcmp(found, status) != 0))
            return false;
        memcpy(status, found, sizeof(found));
    }
    return *status != '\0';
}

/* The filter's reply becomes ours: soft_bounce and footers are for it too. */
static void pass_on(struct session *session, const struct filter *filter)
{
    AUTO_STR struct str lines = STR_EMPTY, text = STR_EMPTY;
    char status[STATUS_SIZE], ignored[STATUS_SIZE];
    struct slice rest = str_slice(&filter->reply), line;
    uint64_t code = 451;

    (void)slice_number(slice_part(rest, 0, 3), 599, &code);
    while (rest.length) {
        str_add(&lines, slice_trim_end(slice_take_until(&rest, "\n")));
        str_text(&lines, rest.length ? "\n" : "");
    }
    if (!find_status(str_slice(&lines), status))
        status[0] = '\0';
    for (rest = str_slice(&lines); smtp_reply_next(&rest, &line);) {
        if (*status)
            (void)status_take(&line, ignored);
        str_add(&text, line);
        str_text(&text, rest.length ? "\n" : "");
    }
    reply(session, (int)code, status, "%s", text.data);
    if (code == 421)
        session->mode = SESSION_OVER;
}

static void log_answer(struct session *session, const char *verb, const struct filter *filter)
{
    AUTO_STR struct str shown = STR_EMPTY;
    const struct recipient_list *recipients = &session->mail->submission.envelope.recipients;
    const char *recipient = session->facts.recipient;

    printable_text(&shown, str_slice(&filter->reply));
    if (recipients->count)
        session->facts.recipient = recipients->items[0].address;
    session->facts.stage = "END-OF-MESSAGE";
    facts_log_answer(&session->facts, verb, str_slice(&shown));
    session->facts.recipient = recipient;
}

void proxy_log_refusal(struct session *session)
{
    log_answer(session, "proxy-reject", &session->mail->proxy->filter);
}

/* --- The envelope. ------------------------------------------------------------------------ */

static bool open_filter(struct session *session, struct proxy *proxy)
{
    if (!filter_open(&proxy->filter, session))
        return false;
    if (filter_command(&proxy->filter, '2', str_slice(&proxy->mail)))
        return true;
    filter_close(&proxy->filter);
    return false;
}

bool proxy_start(struct session *session)
{
    struct proxy *proxy = session->mail->proxy;

    if (proxy->started)
        return true;
    if (!proxy->waits && !open_filter(session, proxy)) {
        pass_on(session, &proxy->filter);
        return false;
    }
    proxy->started = true;
    log_client(session);
    return true;
}

bool proxy_recipient(struct session *session)
{
    struct proxy *proxy = session->mail->proxy;

    if (!proxy_start(session))
        return false;
    if (proxy->waits) {
        str_add(&proxy->recipients, session->line);
        str_byte(&proxy->recipients, '\n');
        return true;
    }
    if (filter_command(&proxy->filter, '2', session->line))
        return true;
    pass_on(session, &proxy->filter);
    return false;
}

/* --- The content. -------------------------------------------------------------------------- */

bool proxy_data(struct session *session, const char *header)
{
    struct proxy *proxy = session->mail->proxy;

    if (!proxy->waits) {
        if (!filter_command(&proxy->filter, '3', SLICE_LITERAL("DATA"))) {
            pass_on(session, &proxy->filter);
            return false;
        }
        proxy->filter.in_content = true;
    }
    proxy_add(proxy, slice_of(header));
    return true;
}

void proxy_add(struct proxy *proxy, struct slice content)
{
    if (proxy->waits)
        str_add(&proxy->content, content);
    else
        filter_add(&proxy->filter, content);
}

/* What has waited; a recipient that the filter refuses is the end of the whole mail. */
static bool play_back(struct session *session, struct proxy *proxy)
{
    struct slice rest = str_slice(&proxy->recipients);

    if (!open_filter(session, proxy))
        return false;
    while (rest.length)
        if (!filter_command(&proxy->filter, '2', slice_take_until(&rest, "\n")))
            return false;
    if (!filter_command(&proxy->filter, '3', SLICE_LITERAL("DATA")))
        return false;
    proxy->filter.in_content = true;
    filter_add(&proxy->filter, str_slice(&proxy->content));
    return true;
}

bool proxy_finish(struct session *session)
{
    struct proxy *proxy = session->mail->proxy;
    struct filter *filter = &proxy->filter;
    bool taken = (!proxy->waits || play_back(session, proxy)) && filter_end(filter) &&
                 filter->reply.data[0] == '2';

    log_answer(session, taken ? "proxy-accept" : "proxy-reject", filter);
    if (taken)
        session_forgive(session);
    pass_on(session, filter);
    return taken;
}

void proxy_abandon(struct proxy *proxy)
{
    if (!proxy)
        return;
    filter_close(&proxy->filter);
    str_free(&proxy->content);
}

void proxy_close(struct proxy *proxy)
{
    if (!proxy)
        return;
    filter_close(&proxy->filter);
    str_free(&proxy->filter.reply);
    str_free(&proxy->mail);
    str_free(&proxy->recipients);
    str_free(&proxy->content);
    free(proxy);
}
