#include "deliver/postmaster.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "deliver/own_mail.h"
#include "message/date.h"

#include <strings.h>
#include <time.h>

enum { TRANSCRIPT_LIMIT = 64 * 1024 };      /* what is beyond it is left out */

unsigned postmaster_classes(const char *notify_classes)
{
    static const struct { const char *name; unsigned bit; } classes[] = {
        { "protocol", NOTIFY_PROTOCOL }, { "policy", NOTIFY_POLICY },
        { "resource", NOTIFY_RESOURCE }, { "software", NOTIFY_SOFTWARE },
        { "bounce", NOTIFY_BOUNCE }, { "data", NOTIFY_DATA },
    };
    struct slice rest = slice_of(notify_classes), member;
    unsigned bits = 0;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        for (size_t i = 0; i < COUNT(classes); i++)
            bits |= slice_is_nocase(member, classes[i].name) ? classes[i].bit : 0;
    return bits;
}

void postmaster_transcribe(struct str *transcript, const char *who, struct slice line)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (transcript->length > TRANSCRIPT_LIMIT)
        return;
    str_text(&text, who);
    printable_text(&text, line);
    own_mail_wrap(transcript, " ", str_slice(&text));
}

static void write_header(struct str *text, const struct config *config,
                         const struct postmaster_notice *notice)
{
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
    str_format(text, "Subject: %s %s: errors from %s\n\n", config->mail_name, notice->program,
               notice->peer);
}

void postmaster_write(struct str *text, const struct config *config,
                      const struct postmaster_notice *notice)
{
    write_header(text, config, notice);
    if (*notice->opening)
        str_format(text, "%s\n\n", notice->opening);
    str_text(text, "Transcript of session follows.\n\n");
    str_add(text, notice->transcript);
    str_byte(text, '\n');
    if (notice->aborted && *notice->aborted)
        str_format(text, "Session aborted, reason: %s\n", notice->aborted);
    if (notice->aborted)
        str_byte(text, '\n');
    str_text(text, "For other details, see the local mail logfile\n");
}

void postmaster_fill(struct submission *submission, const struct config *config,
                     struct arena *arena)
{
    submission->flags = own_mail_flags(config, "notify");
    own_mail_begin(submission, config, arena_format(arena, "%s@%s", config->double_bounce_sender,
                                                    config->myhostname),
                   config->error_notice_recipient, arena);
}
