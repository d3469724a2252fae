#include "transcript.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"
#include "message/date.h"
#include "queue/queue.h"

#include <strings.h>
#include <time.h>

enum {
    TRANSCRIPT_LIMIT = 64 * 1024,   /* what is beyond it is left out */
    LINE_LENGTH = 78, INDENT = 4,
};

unsigned transcript_classes(const char *notify_classes)
{
    static const struct { const char *name; unsigned bit; } classes[] = {
        { "protocol", NOTIFY_PROTOCOL }, { "policy", NOTIFY_POLICY },
        { "resource", NOTIFY_RESOURCE }, { "software", NOTIFY_SOFTWARE },
    };
    struct slice rest = slice_of(notify_classes), member;
    unsigned bits = 0;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        for (size_t i = 0; i < COUNT(classes); i++)
            bits |= slice_is_nocase(member, classes[i].name) ? classes[i].bit : 0;
    return bits;
}

/* --- remembering ----------------------------------------------------------------------- */

/* Long lines go on in the next one, broken at a blank where there is one. */
static void add_wrapped(struct str *output, struct slice text)
{
    size_t room = LINE_LENGTH, indent = 0;

    while (text.length > 0) {
        size_t end = text.length;

        if (text.length > room) {
            end = room;
            while (end > 0 && text.data[end] != ' ')
                end--;
            if (end == 0)       /* a word that fits nowhere */
                end = room + slice_find(slice_from(text, room), ' ');
        }
        str_format(output, " %*s", (int)indent, "");
        str_add(output, slice_trim_end(slice_part(text, 0, end)));
        str_byte(output, '\n');
        text = slice_trim_start(slice_from(text, end));
        indent = INDENT;
        room = LINE_LENGTH - INDENT;
    }
}

static void remember(struct session *session, const char *who, struct slice line)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (!session->server->notified || session->transcript.length > TRANSCRIPT_LIMIT)
        return;
    str_text(&text, who);
    printable_text(&text, line);
    add_wrapped(&session->transcript, str_slice(&text));
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

static void write_notice(const struct session *session, const char *aborted, struct str *text)
{
    const struct config *config = session->server->config;
    bool obsolete = strcasecmp(config->header_from_format, "obsolete") == 0;
    AUTO_STR struct str recipient = STR_EMPTY;

    address_quote(&recipient, slice_of(config->error_notice_recipient));
    str_text(text, "Date: ");
    message_date(text, time(NULL));
    if (obsolete)
        str_format(text, "\nFrom: MAILER-DAEMON (Mail Delivery System)\nTo: %s (Postmaster)\n",
                   recipient.data);
    else
        str_format(text, "\nFrom: Mail Delivery System <MAILER-DAEMON>\nTo: Postmaster <%s>\n",
                   recipient.data);
    str_format(text, "Subject: %s SMTP server: errors from %s\n\n", config->mail_name,
               session->facts.client);
    str_text(text, "Transcript of session follows.\n\n");
    str_add(text, str_slice(&session->transcript));
    str_byte(text, '\n');
    if (*aborted)
        str_format(text, "Session aborted, reason: %s\n", aborted);
    str_text(text, "\nFor other details, see the local mail logfile\n");
}

static int64_t flags_of(const struct config *config)
{
    struct slice rest = slice_of(config->internal_mail_filter_classes), member;
    int64_t flags = SUBMIT_LOCAL | SUBMIT_MAP | SUBMIT_BOUNCE_UNDO;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (slice_is_nocase(member, "notify"))
            flags |= SUBMIT_FILTER | SUBMIT_MILTER;
    return flags;
}

static void fill_envelope(const struct config *config, struct arena *arena,
                          struct submission *submission)
{
    struct envelope *envelope = &submission->envelope;
    AUTO_STR struct str id = STR_EMPTY, received = STR_EMPTY;

    envelope_clear(envelope);
    queue_id_new(&id, config->enable_long_queue_ids);
    envelope->queue_id = arena_text(arena, str_slice(&id));
    envelope->arrival = wall_now();
    envelope->sender = arena_format(arena, "%s@%s", config->double_bounce_sender,
                                    config->myhostname);
    envelope_set_attribute(envelope, arena, "rewrite_context", "local");
    envelope_add_recipient(envelope, arena)->address = config->error_notice_recipient;
    str_format(&received, "by %s (%s)\n\tid %s; ", config->myhostname, config->mail_name,
               id.data);
    message_date(&received, envelope->arrival.tv_sec);
    submission->received = arena_text(arena, str_slice(&received));
    submission->prepended = "";
}

void transcript_send(struct session *session, const char *aborted)
{
    const struct server *server = session->server;
    AUTO_ARENA struct arena *arena = arena_new();
    AUTO_STR struct str text = STR_EMPTY;
    struct submission submission = { .flags = flags_of(server->config) };
    struct submission_reply reply = { .queue_id = "", .text = "" };
    struct error error = ERROR_NONE;

    if (!(session->noted & server->notified))
        return;
    session->noted = 0;
    write_notice(session, aborted, &text);
    fill_envelope(server->config, arena, &submission);

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
