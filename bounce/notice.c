#include "notice.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "deliver/own_mail.h"
#include "message/date.h"

#include <strings.h>

/* RFC 822 knows no characters beyond ASCII outside of quotes: what is rfc822 is quoted so. */
static void quote_sender(struct str *output, struct slice sender)
{
    struct slice local = address_split(sender).local;

    if (text_is_ascii(local)) {
        address_quote(output, sender);
        return;
    }
    str_byte(output, '"');
    for (size_t i = 0; i < local.length; i++) {
        if (strchr("\"\\\r", local.data[i]) || (unsigned char)local.data[i] >= 0x80)
            str_byte(output, '\\');
        str_byte(output, local.data[i]);
    }
    str_byte(output, '"');
    str_add(output, slice_from(sender, local.length));
}

void notice_sender(struct str *output, const struct config *config,
                   const struct envelope *envelope)
{
    if (*envelope->sender)
        quote_sender(output, slice_of(envelope->sender));
    else
        str_format(output, "MAILER-DAEMON@%s", config->myhostname);
}

static bool is_utf8(const struct notice *notice)
{
    return notice->envelope->send_options & SENDOPT_SMTPUTF8;
}

const char *notice_encoding(const struct notice *notice)
{
    const char *given = notice->envelope->encoding;

    /* Any part may hold UTF-8 where mail may. */
    return notice->config->smtputf8_enable ? "8bit" : given;
}

static void write_encoding(const struct notice *notice, struct str *output)
{
    const char *encoding = notice_encoding(notice);

    if (*encoding)
        str_format(output, "Content-Transfer-Encoding: %s\n", encoding);
}

static void write_boundary(const struct notice *notice, struct str *output)
{
    str_format(output, "%s.%lld/%s", notice->envelope->queue_id, (long long)notice->now,
               notice->config->myhostname);
}

static void write_separator(const struct notice *notice, struct str *output, const char *end)
{
    str_text(output, "\n--");
    write_boundary(notice, output);
    str_format(output, "%s\n", end);
}

/* header_from_format has its say in what no template file says. */
static const char *from_of(const struct notice *notice)
{
    const char *from = notice->notice_template->from;
    bool obsolete = strcasecmp(notice->config->header_from_format, "obsolete") == 0;

    return obsolete && strcmp(from, "Mail Delivery System <MAILER-DAEMON>") == 0
               ? "MAILER-DAEMON (Mail Delivery System)" : from;
}

static void write_headers(const struct notice *notice, struct str *output)
{
    const struct notice_template *texts = notice->notice_template;

    str_text(output, "Date: ");
    message_date(output, notice->now);
    str_format(output, "\nFrom: %s\nSubject: %s\nTo: %s\n", from_of(notice),
               notice->postmaster && *texts->postmaster_subject ? texts->postmaster_subject
                                                                : texts->subject,
               notice->to);
    if (*notice->thread)
        str_format(output, "References: %s\nIn-Reply-To: %s\n", notice->thread, notice->thread);
    str_format(output, "Auto-Submitted: %s\nMIME-Version: 1.0\n",
               notice->postmaster ? "auto-generated" : "auto-replied");
    str_text(output, "Content-Type: multipart/report; report-type=delivery-status;\n"
                     "\tboundary=\"");
    write_boundary(notice, output);
    str_text(output, "\"\n");
    write_encoding(notice, output);
    str_text(output, "\nThis is a MIME-encapsulated message.\n");
}

/* --- part 1: for people ------------------------------------------------------------------ */

static void write_recipient_text(const struct bounce_append *record, struct str *output)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_byte(&text, '<');
    address_quote(&text, slice_of(record->recipient));
    str_byte(&text, '>');
    if (*record->original && strcmp(record->original, record->recipient) != 0) {
        str_text(&text, " (expanded from <");
        address_quote(&text, slice_of(record->original));
        str_text(&text, ">)");
    }
    str_format(&text, ": %s", record->reason);
    str_byte(output, '\n');
    own_mail_wrap(output, "", str_slice(&text));
}

static bool write_notification(const struct notice *notice, struct str *output,
                               struct error *error)
{
    bool wide = strcmp(notice_encoding(notice), "8bit") == 0;

    write_separator(notice, output, "");
    str_text(output, "Content-Description: Notification\n");
    str_format(output, "Content-Type: text/plain; charset=%s\n",
               wide && strcmp(notice->notice_template->charset, "us-ascii") == 0
                   ? "utf-8" : notice->notice_template->charset);
    if (wide)
        str_text(output, "Content-Transfer-Encoding: 8bit\n");
    str_byte(output, '\n');
    if (!notice->postmaster &&
        !notice_expand(notice->config, notice->notice_template, output, error))
        return false;
    for (size_t i = 0; i < notice->records->count; i++)
        write_recipient_text(&notice->records->items[i], output);
    return true;
}

/* --- part 2: for programs ---------------------------------------------------------------- */

/* RFC 3464 section 2.2.1: as the sender meant it, without the xtext of the wire. */
static void add_envelope_id(struct str *output, const char *envelope_id)
{
    if (!*envelope_id)
        return;
    str_text(output, "Original-Envelope-Id: ");
    printable_text(output, slice_of(envelope_id));  /* no line ends of the client's */
    str_byte(output, '\n');
}

static void write_message_fields(const struct notice *notice, struct str *output)
{
    const struct envelope *envelope = notice->envelope;

    str_format(output, "Reporting-MTA: dns; %s\n", notice->config->myhostname);
    add_envelope_id(output, envelope->envelope_id);
    str_format(output, "X-%s-Queue-ID: %s\n", notice->config->mail_name, envelope->queue_id);
    str_format(output, "X-%s-Sender: rfc822; ", notice->config->mail_name);
    notice_sender(output, notice->config, envelope);
    str_text(output, "\nArrival-Date: ");
    message_date(output, envelope->arrival.tv_sec);
    str_byte(output, '\n');
}

static void write_diagnostic(const struct notice *notice, const struct bounce_append *record,
                             struct str *output)
{
    AUTO_STR struct str line = STR_EMPTY;

    if (*record->diagnostic_type && *record->diagnostic_text)
        str_format(&line, "Diagnostic-Code: %s; %s", record->diagnostic_type,
                   record->diagnostic_text);
    else
        str_format(&line, "Diagnostic-Code: X-%s; %s", notice->config->mail_name,
                   record->reason);
    own_mail_wrap(output, "", str_slice(&line));
}

static void write_status(const struct notice *notice, const struct bounce_append *record,
                         struct str *output)
{
    const char *status = *record->dsn ? record->dsn : "4.0.0";

    /* A delay that has become a failure is told as one; the status says what it was. */
    str_format(output, "Action: %s\nStatus: %s\n",
               notice->kind == NOTICE_FAILURE ? "failed" : record->action, status);
}

static void write_recipient_fields(const struct notice *notice,
                                   const struct bounce_append *record, struct str *output)
{
    bool wide = is_utf8(notice) && !text_is_ascii(slice_of(record->recipient));

    str_format(output, "\nFinal-Recipient: %s; ", wide ? "utf-8" : "rfc822");
    address_quote(output, slice_of(record->recipient));
    str_byte(output, '\n');
    if (*record->dsn_original) {
        str_format(output, "Original-Recipient: %s\n", record->dsn_original);
    } else if (*record->original) {
        str_text(output, "Original-Recipient: rfc822; ");
        address_quote(output, slice_of(record->original));
        str_byte(output, '\n');
    }
    write_status(notice, record, output);
    if (*record->remote_mta)
        str_format(output, "Remote-MTA: %s; %s\n",
                   *record->remote_mta_type ? record->remote_mta_type : "dns",
                   record->remote_mta);
    write_diagnostic(notice, record, output);
    if (notice->kind == NOTICE_DELAY) {
        str_text(output, "Will-Retry-Until: ");
        message_date(output, notice->envelope->arrival.tv_sec +
                                 notice->config->maximal_queue_lifetime);
        str_byte(output, '\n');
    }
}

static void write_report(const struct notice *notice, struct str *output)
{
    write_separator(notice, output, "");
    str_format(output, "Content-Description: Delivery report\nContent-Type: message/%s\n%s\n",
               is_utf8(notice) ? "global-delivery-status" : "delivery-status",
               is_utf8(notice) ? "Content-Transfer-Encoding: 8bit\n" : "");
    write_message_fields(notice, output);
    for (size_t i = 0; i < notice->records->count; i++)
        write_recipient_fields(notice, &notice->records->items[i], output);
}

/* --- part 3: what it is about ------------------------------------------------------------- */

static const char *returned_type(const struct notice *notice)
{
    if (is_utf8(notice))
        return notice->whole ? "message/global" : "message/global-headers";
    return notice->whole ? "message/rfc822" : "text/rfc822-headers";
}

static void write_returned_headers(const struct notice *notice, struct str *output)
{
    bool failed = notice->kind == NOTICE_FAILURE || notice->kind == NOTICE_DELAY;

    write_separator(notice, output, "");
    str_format(output, "Content-Description: %sMessage%s\n", failed ? "Undelivered " : "",
               notice->whole ? "" : " Headers");
    str_format(output, "Content-Type: %s\n", returned_type(notice));
    if (strcmp(notice_encoding(notice), "8bit") == 0)
        write_encoding(notice, output);
    str_text(output, "\nReturn-Path: <");
    notice_sender(output, notice->config, notice->envelope);
    str_text(output, ">\n");
}

bool notice_write_head(const struct notice *notice, struct str *output, struct error *error)
{
    write_headers(notice, output);
    if (!write_notification(notice, output, error))
        return false;
    write_report(notice, output);
    write_returned_headers(notice, output);
    return true;
}

void notice_write_tail(const struct notice *notice, struct str *output)
{
    write_separator(notice, output, "--");
}
