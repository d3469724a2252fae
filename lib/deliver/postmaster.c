#include "deliver/postmaster.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"
#include "message/date.h"
#include "queue/queue.h"

#include <strings.h>
#include <time.h>

enum {
    TRANSCRIPT_LIMIT = 64 * 1024,   /* what is beyond it is left out */
    LINE_LENGTH = 78, INDENT = 4,
};

unsigned postmaster_classes(const char *notify_classes)
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

void postmaster_transcribe(struct str *transcript, const char *who, struct slice line)
{
    AUTO_STR struct str text = STR_EMPTY;

    if (transcript->length > TRANSCRIPT_LIMIT)
        return;
    str_text(&text, who);
    printable_text(&text, line);
    add_wrapped(transcript, str_slice(&text));
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

static int64_t flags_of(const struct config *config)
{
    struct slice rest = slice_of(config->internal_mail_filter_classes), member;
    int64_t flags = SUBMIT_LOCAL | SUBMIT_MAP | SUBMIT_BOUNCE_UNDO;

    while (slice_take_token(&rest, ", \t\r\n", &member))
        if (slice_is_nocase(member, "notify"))
            flags |= SUBMIT_FILTER | SUBMIT_MILTER;
    return flags;
}

void postmaster_fill(struct submission *submission, const struct config *config,
                     struct arena *arena)
{
    struct envelope *envelope = &submission->envelope;
    AUTO_STR struct str id = STR_EMPTY, received = STR_EMPTY;

    submission->flags = flags_of(config);
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
