#include "strict.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "log/log.h"

static void log_refusal(const struct intake *intake, const char *what, struct slice line,
                        bool with_session)
{
    const struct envelope *envelope = &intake->submission->envelope;
    const char *origin = envelope_attribute(envelope, "log_message_origin");
    const char *protocol = envelope_attribute(envelope, "log_protocol_name");
    const char *helo = envelope_attribute(envelope, "log_helo_name");
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%s: reject: %s %.*s from %s; from=<%s>", envelope->queue_id, what,
               line.length < 200 ? (int)line.length : 200, line.data,
               *origin ? origin : "local", envelope->sender);
    if (envelope->recipients.count > 0) {
        const struct recipient *first = &envelope->recipients.items[0];

        str_format(&text, " to=<%s>", *first->original ? first->original : first->address);
    }
    if (with_session && *protocol)
        str_format(&text, " proto=%s", protocol);
    if (with_session && *helo)
        str_format(&text, " helo=<%s>", helo);
    log_info("%s%s", text.data, with_session ? ": 5.7.1 disallowed character" : "");
}

/* Of several errors the client hears of the first one in this list. */
enum mime_error { WIDE_HEADER = 1, WIDE_BODY, WRONG_ENCODING };

static void refuse(struct intake *intake, enum mime_error error, struct slice detail)
{
    static const char *const texts[] = {
        [WIDE_HEADER] = "improper use of 8-bit data in message header",
        [WIDE_BODY] = "improper use of 8-bit data in message body",
        [WRONG_ENCODING] = "invalid message/* or multipart/* encoding domain",
    };
    AUTO_STR struct str what = STR_EMPTY;

    if (intake->mime_errors & (1u << error))
        return;
    intake->mime_errors |= 1u << error;
    str_format(&what, "mime-error %s:", texts[error]);
    log_refusal(intake, what.data, detail, false);
    if ((intake->mime_errors & ((1u << error) - 1)) == 0)
        intake->mime_error = arena_format(intake->arena, "5.6.0 %s", texts[error]);
}

static bool is_filtered(const struct intake *intake)
{
    return intake->submission->flags & SUBMIT_FILTER
           && !intake->cleanup->config->disable_mime_input_processing;
}

static bool is_strict(const struct intake *intake, bool parameter)
{
    return is_filtered(intake) && (parameter || intake->cleanup->config->strict_8bitmime);
}

static void read_encoding(struct intake *intake, struct slice value)
{
    static const struct { const char *name; enum part_encoding encoding; } names[] = {
        { "7bit", PART_7BIT }, { "8bit", PART_8BIT }, { "binary", PART_8BIT },
        { "base64", PART_ENCODED }, { "quoted-printable", PART_ENCODED },
    };
    AUTO_STR struct str word = STR_EMPTY;
    struct slice all = slice_trim(value);

    mime_read_encoding(value, &word);
    for (size_t i = 0; i < COUNT(names); i++)
        if (slice_is_nocase(str_slice(&word), names[i].name)) {
            intake->part.encoding = names[i].encoding;
            intake->part.encoding_name = arena_text(intake->arena, str_slice(&word));
        }
    if ((slice_is_nocase(all, "8bit") || slice_is_nocase(all, "binary"))
        && intake->cleanup->config->detect_8bit_encoding_header
        && !intake->cleanup->config->disable_mime_input_processing)
        intake->encoding = "8bit";
}

static void read_type(struct intake *intake, struct slice value)
{
    AUTO_STR struct str type = STR_EMPTY;
    struct slice text;

    mime_content_type(&intake->mime, value);
    mime_read_type(value, &type);
    text = str_slice(&type);
    intake->part.is_multipart = slice_starts_nocase(text, "multipart/");
    intake->part.is_message = slice_is_nocase(text, "message/rfc822");
    intake->part.is_7bit_only = slice_is_nocase(text, "message/partial")
                                || slice_is_nocase(text, "message/external-body");
}

void strict_header(struct intake *intake, const struct header *header, struct slice line)
{
    if (header->id == HEADER_CONTENT_TYPE)
        read_type(intake, header->value);
    if (header->id == HEADER_CONTENT_TRANSFER_ENCODING)
        read_encoding(intake, header->value);
    if (is_strict(intake, intake->cleanup->config->strict_7bit_headers) && !text_is_ascii(line))
        refuse(intake, WIDE_HEADER, line);
}

/* RFC 2045 6.4, RFC 2046 5.2.2 and 5.2.3. */
static bool has_wrong_encoding(const struct intake_part *part)
{
    if (part->is_7bit_only)
        return part->encoding == PART_8BIT;
    return (part->is_multipart || part->is_message) && part->encoding == PART_ENCODED;
}

void strict_part_begins(struct intake *intake)
{
    intake->part = (struct intake_part){ .encoding_name = "7bit" };
}

void strict_headers_end(struct intake *intake)
{
    if (is_filtered(intake) && intake->cleanup->config->strict_mime_encoding_domain
        && has_wrong_encoding(&intake->part))
        refuse(intake, WRONG_ENCODING, slice_of(intake->part.encoding_name));
    mime_headers_end(&intake->mime);
    /* What stands before the first part and behind the last one has no encoding of its own. */
    if (intake->mime.place != MIME_BODY || intake->part.is_multipart)
        strict_part_begins(intake);
}

void strict_body_line(struct intake *intake, struct slice line)
{
    if (is_strict(intake, intake->cleanup->config->strict_8bitmime_body)
        && intake->part.encoding == PART_7BIT && !text_is_ascii(line))
        refuse(intake, WIDE_BODY, line);
}

void strict_line(struct intake *intake, struct slice line)
{
    const struct characters *refused = &intake->cleanup->refused;

    if (!refused->any || !(intake->submission->flags & SUBMIT_FILTER)
        || intake->status != SUBMISSION_QUEUED || intake->has_refused_character
        || characters_find(refused, line) == line.length)
        return;
    intake->has_refused_character = true;
    log_refusal(intake, "content", line, true);
    intake_return(intake, SUBMISSION_REJECTED, "5.7.1 disallowed character");
}

/* Parts matter when there may be some and when something is to be learned from them. */
bool strict_wants_body(const struct intake *intake)
{
    const struct config *config = intake->cleanup->config;
    bool has_parts = intake->mime.boundaries || intake->mime.place != MIME_BODY;

    if (intake->submission->flags & SUBMIT_FILTER && intake->cleanup->refused.any)
        return true;
    if (config->disable_mime_input_processing)
        return false;
    if (intake->header.length > 0)      /* of a part, and it may go on */
        return true;
    if (is_strict(intake, config->strict_8bitmime_body))
        return true;
    return has_parts && (is_strict(intake, config->strict_7bit_headers)
                         || (is_filtered(intake) && config->strict_mime_encoding_domain)
                         || (config->detect_8bit_encoding_header && !intake->encoding[0])
                         || (config->smtputf8_enable && !(intake->submission->envelope.send_options
                                                          & SENDOPT_SMTPUTF8_HEADER)));
}
