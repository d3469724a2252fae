#include "envelope.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"

enum { SENDOPT_SMTPUTF8_PARTS =
           SENDOPT_SMTPUTF8_HEADER | SENDOPT_SMTPUTF8_SENDER | SENDOPT_SMTPUTF8_RECIPIENT };

bool envelope_fits(const struct session *session, const struct delivery_request *request,
                   struct arena *arena, struct failure *failure)
{
    const struct envelope *envelope = &request->envelope;

    if (session->size_limit > 0 && envelope->content_size > session->size_limit) {
        *failure = failure_of(arena, "5.3.4",
                              "message size %lld exceeds size limit %lld of server %s",
                              (long long)envelope->content_size,
                              (long long)session->size_limit, session->name);
        return false;
    }
    if ((envelope->send_options & SENDOPT_SMTPUTF8)
        && (envelope->send_options & SENDOPT_SMTPUTF8_PARTS)
        && !(session->extensions & EXTENSION_SMTPUTF8)) {
        *failure = failure_of(arena, "5.6.7",
                              "SMTPUTF8 is required, but was not offered by host %s",
                              session->name);
        return false;
    }
    return true;
}

static void write_path(struct str *output, const struct agent *agent, const char *address)
{
    str_byte(output, '<');
    if (agent->config->smtp_quote_rfc821_envelope)
        address_quote(output, slice_of(address));
    else
        str_text(output, address);
    str_byte(output, '>');
}

void envelope_write_mail(struct session *session, const struct agent *agent,
                         const struct delivery_request *request)
{
    const struct envelope *envelope = &request->envelope;
    AUTO_STR struct str line = STR_EMPTY;

    str_text(&line, "MAIL FROM:");
    write_path(&line, agent, envelope->sender);
    /* As Postfix does: to a server of 7 bits the text may go encoded, in another size. */
    if ((session->extensions & EXTENSION_SIZE) && (session->extensions & EXTENSION_8BITMIME))
        str_format(&line, " SIZE=%lld", (long long)envelope->content_size);
    if ((session->extensions & EXTENSION_8BITMIME) && strcmp(envelope->encoding, "8bit") == 0)
        str_text(&line, " BODY=8BITMIME");
    else if ((session->extensions & EXTENSION_8BITMIME) && strcmp(envelope->encoding, "7bit") == 0)
        str_text(&line, " BODY=7BIT");
    if ((session->extensions & EXTENSION_SMTPUTF8) && envelope->send_options)
        str_text(&line, " SMTPUTF8");
    if (session->extensions & EXTENSION_DSN) {
        if (*envelope->envelope_id) {
            str_text(&line, " ENVID=");
            xtext_encode(&line, slice_of(envelope->envelope_id));
        }
        if (envelope->return_flags)
            str_format(&line, " RET=%s", envelope->return_flags & RET_FULL ? "FULL" : "HDRS");
    }
    str_text(&line, "\r\n");
    stream_write(session->stream, str_slice(&line));
}

/* Characters beyond ASCII and those of xtext as \x{HEX} (utf-8-addr-xtext, RFC 6533 3). */
static void unitext_encode(struct str *line, struct slice text)
{
    for (size_t i = 0; i < text.length;) {
        unsigned char lead = (unsigned char)text.data[i];
        size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        unsigned code = length == 1 ? lead : lead & (0x7fu >> length);

        for (size_t more = 1; more < length && i + more < text.length; more++)
            code = code << 6 | ((unsigned char)text.data[i + more] & 0x3f);
        if (length > 1 || lead <= ' ' || lead == 0x7f || strchr("+=\\", lead))
            str_format(line, "\\x{%02X}", code);
        else
            str_byte(line, (char)lead);
        i += length;
    }
}

/* "rfc822;address" with the address as xtext (RFC 3461 4.2). */
static void write_original(struct str *line, const struct recipient *recipient)
{
    struct slice address = slice_of(recipient->dsn_original);
    struct slice type = slice_take_until(&address, ";");
    AUTO_STR struct str quoted = STR_EMPTY;

    if (*recipient->dsn_original) {
        str_format(line, " ORCPT=%.*s;", SLICE_ARGS(type));
        if (slice_is_nocase(type, "utf-8") && text_is_utf8(address))
            unitext_encode(line, address);
        else
            xtext_encode(line, address);
    } else if (*recipient->original && text_is_ascii(slice_of(recipient->original))) {
        address_quote(&quoted, slice_of(recipient->original));
        str_text(line, " ORCPT=rfc822;");
        xtext_encode(line, str_slice(&quoted));
    }
}

void envelope_write_rcpt(struct session *session, const struct agent *agent,
                         const struct recipient *recipient)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_text(&line, "RCPT TO:");
    write_path(&line, agent, recipient->address);
    if (session->extensions & EXTENSION_DSN) {
        write_original(&line, recipient);
        if (recipient->notify) {
            str_text(&line, " NOTIFY=");
            notify_write(&line, recipient->notify);
        }
    }
    str_text(&line, "\r\n");
    stream_write(session->stream, str_slice(&line));
}
