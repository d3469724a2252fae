#include "message/header.h"

static const struct header_row header_rows[HEADER_COUNT] = {
    [HEADER_OTHER] = { "", 0 },
    [HEADER_APPARENTLY_TO] = { "Apparently-To", HEADER_RECIPIENTS },
    [HEADER_BCC] = { "Bcc", HEADER_RECIPIENTS | HEADER_EXTRACT },
    [HEADER_CC] = { "Cc", HEADER_RECIPIENTS | HEADER_EXTRACT },
    [HEADER_CONTENT_LENGTH] = { "Content-Length", 0 },
    [HEADER_CONTENT_TRANSFER_ENCODING] = { "Content-Transfer-Encoding", HEADER_MIME },
    [HEADER_CONTENT_TYPE] = { "Content-Type", HEADER_MIME },
    [HEADER_DATE] = { "Date", 0 },
    [HEADER_DELIVERED_TO] = { "Delivered-To", 0 },
    [HEADER_DISPOSITION_NOTIFICATION_TO] = { "Disposition-Notification-To", HEADER_SENDERS },
    [HEADER_ERRORS_TO] = { "Errors-To", HEADER_SENDERS },
    [HEADER_FROM] = { "From", HEADER_SENDERS },
    [HEADER_MAIL_FOLLOWUP_TO] = { "Mail-Followup-To", HEADER_SENDERS },
    [HEADER_MESSAGE_ID] = { "Message-Id", 0 },
    [HEADER_RECEIVED] = { "Received", 0 },
    [HEADER_REPLY_TO] = { "Reply-To", HEADER_SENDERS },
    [HEADER_RESENT_BCC] = { "Resent-Bcc", HEADER_RECIPIENTS | HEADER_EXTRACT | HEADER_RESENT },
    [HEADER_RESENT_CC] = { "Resent-Cc", HEADER_RECIPIENTS | HEADER_EXTRACT | HEADER_RESENT },
    [HEADER_RESENT_DATE] = { "Resent-Date", HEADER_RESENT },
    [HEADER_RESENT_FROM] = { "Resent-From", HEADER_SENDERS | HEADER_RESENT },
    [HEADER_RESENT_MESSAGE_ID] = { "Resent-Message-Id", HEADER_RESENT },
    [HEADER_RESENT_REPLY_TO] = { "Resent-Reply-To", HEADER_RECIPIENTS | HEADER_RESENT },
    [HEADER_RESENT_SENDER] = { "Resent-Sender", HEADER_SENDERS | HEADER_RESENT },
    [HEADER_RESENT_TO] = { "Resent-To", HEADER_RECIPIENTS | HEADER_EXTRACT | HEADER_RESENT },
    [HEADER_RETURN_PATH] = { "Return-Path", HEADER_SENDERS },
    [HEADER_RETURN_RECEIPT_TO] = { "Return-Receipt-To", HEADER_SENDERS },
    [HEADER_SENDER] = { "Sender", HEADER_SENDERS },
    [HEADER_SUBJECT] = { "Subject", 0 },
    [HEADER_TO] = { "To", HEADER_RECIPIENTS | HEADER_EXTRACT },
};

/* Length of the name at the front; 0 when no colon follows it. */
static size_t name_length(struct slice line, size_t *colon)
{
    size_t length = 0;

    while (length < line.length && line.data[length] > ' ' && line.data[length] < 127
           && line.data[length] != ':')
        length++;
    *colon = length;
    while (*colon < line.length && (line.data[*colon] == ' ' || line.data[*colon] == '\t'))
        (*colon)++;
    return *colon < line.length && line.data[*colon] == ':' ? length : 0;
}

bool header_begins(struct slice line)
{
    size_t colon;

    return name_length(line, &colon) > 0;
}

enum header_id header_find(struct slice name)
{
    for (enum header_id id = HEADER_OTHER + 1; id < HEADER_COUNT; id++)
        if (slice_is_nocase(name, header_rows[id].name))
            return id;
    return HEADER_OTHER;
}

const char *header_name(enum header_id id)
{
    return header_rows[id].name;
}

unsigned header_flags(enum header_id id)
{
    return header_rows[id].flags;
}

bool header_parse(struct slice line, struct header *header)
{
    size_t colon;
    size_t length = name_length(line, &colon);

    if (length == 0)
        return false;
    header->name = slice_part(line, 0, length);
    header->value = slice_from(line, colon + 1);
    header->id = header_find(header->name);
    header->flags = header_rows[header->id].flags;
    if (slice_starts_nocase(header->name, "content-") && header->id != HEADER_CONTENT_LENGTH)
        header->flags |= HEADER_MIME;
    if (slice_is_nocase(header->name, "mime-version"))
        header->flags |= HEADER_MIME;
    return true;
}

/* Atoms and blanks only (RFC 5322 3.2.3); bytes above 127 are atoms too (RFC 6532). */
static bool is_phrase(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c != ' ' && (c < 33 || c == 127 || strchr("()<>[]:;@\\,.\"", c)))
            return false;
    }
    return true;
}

void header_phrase(struct str *output, struct slice full_name)
{
    if (is_phrase(full_name)) {
        str_add(output, full_name);
        return;
    }
    str_byte(output, '"');
    for (size_t i = 0; i < full_name.length; i++) {
        char c = full_name.data[i];

        if (c == '"' || c == '\\')
            str_byte(output, '\\');
        str_byte(output, c == '\n' || c == '\r' ? ' ' : c);
    }
    str_byte(output, '"');
}

void header_fill_lines(struct str *output, struct slice value)
{
    enum { LINE_LIMIT = 70 };
    size_t column = output->length;

    for (;;) {
        size_t end = slice_find(value, '\n');
        struct slice line = slice_part(value, 0, end);

        str_add(output, line);
        column += line.length;
        if (end == value.length)
            return;
        value = slice_from(value, end + 1);
        if (!slice_starts(value, "\t")) {
            str_byte(output, '\n');
            column = 0;
            continue;
        }
        value = slice_from(value, 1);
        if (column + 1 + slice_find(value, '\n') < LINE_LIMIT) {
            str_byte(output, ' ');
            column++;
        } else {
            str_text(output, "\n\t");
            column = 0;
        }
    }
}
