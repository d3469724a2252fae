#include "envelope.h"

#include "address/address.h"
#include "base/encoding.h"
#include "base/scope.h"

enum { SENDOPT_SMTPUTF8_PARTS =
           SENDOPT_SMTPUTF8_HEADER | SENDOPT_SMTPUTF8_SENDER | SENDOPT_SMTPUTF8_RECIPIENT };

/* Some recipient's address has more than ASCII. */
static bool has_utf8_recipient(const struct delivery_request *request)
{
    const struct recipient_list *recipients = &request->envelope.recipients;
    bool found = false;

    for (size_t i = 0; !found && i < recipients->count; i++)
        found = !text_is_ascii(slice_of(recipients->items[i].address));
    return found;
}

static bool needs_smtputf8(const struct delivery_request *request)
{
    return request->envelope.send_options & SENDOPT_SMTPUTF8_PARTS || has_utf8_recipient(request);
}

bool envelope_fits(struct session *session, const struct delivery_request *request,
                   struct arena *arena, struct failure *failure)
{
    const struct envelope *envelope = &request->envelope;

    if ((envelope->send_options & SENDOPT_SMTPUTF8) && needs_smtputf8(request)
        && !(session->extensions & EXTENSION_SMTPUTF8)) {
        *failure = failure_of(arena, "5.6.7",
                              "SMTPUTF8 is required, but was not offered by host %s",
                              session->name);
        return false;
    }
    if (session->size_limit > 0 && envelope->content_size > session->size_limit) {
        session->broken = true;     /* Postfix leaves without a word */
        *failure = failure_of(arena, "5.3.4",
                              "message size %lld exceeds size limit %lld of server %s",
                              (long long)envelope->content_size,
                              (long long)session->size_limit, session->name);
        return false;
    }
    return true;
}

bool envelope_needs_downgrade(const struct session *session, const struct envelope *envelope)
{
    return !(session->extensions & EXTENSION_8BITMIME)
           && !session->agent->config->disable_mime_output_conversion
           && strcmp(envelope->encoding, "7bit") != 0;
}

/* As smtp_generic_maps have it.  What they cannot say now was asked by envelope_fits before. */
static const char *outside_form(const struct agent *agent, const char *address,
                                struct arena *arena)
{
    const char *mapped;

    return tables_generic(&agent->tables, address, arena, &mapped) ? mapped : address;
}

static void write_path(struct str *output, const struct agent *agent, const char *internal,
                       struct arena *arena)
{
    const char *address = outside_form(agent, internal, arena);

    str_byte(output, '<');
    if (agent->config->smtp_quote_rfc821_envelope)
        address_quote(output, slice_of(address));
    else
        str_text(output, address);
    str_byte(output, '>');
}

static void write_encoding(struct str *line, const struct session *session,
                           const struct envelope *envelope)
{
    if (!(session->extensions & EXTENSION_8BITMIME))
        return;
    if (strcmp(envelope->encoding, "8bit") == 0)
        str_text(line, " BODY=8BITMIME");
    else if (strcmp(envelope->encoding, "7bit") == 0)
        str_text(line, " BODY=7BIT");
}

void envelope_write_mail(struct session *session, const struct agent *agent,
                         const struct delivery_request *request, struct arena *arena)
{
    const struct envelope *envelope = &request->envelope;
    AUTO_STR struct str line = STR_EMPTY;

    str_text(&line, "MAIL FROM:");
    write_path(&line, agent, envelope->sender, arena);
    if ((session->extensions & EXTENSION_SIZE) && !envelope_needs_downgrade(session, envelope))
        str_format(&line, " SIZE=%lld", (long long)envelope->content_size);
    write_encoding(&line, session, envelope);
    if (session->extensions & EXTENSION_DSN) {
        if (*envelope->envelope_id) {
            str_text(&line, " ENVID=");
            xtext_encode(&line, slice_of(envelope->envelope_id));
        }
        if (envelope->return_flags)
            str_format(&line, " RET=%s", envelope->return_flags & RET_FULL ? "FULL" : "HDRS");
    }
    if ((session->extensions & EXTENSION_SMTPUTF8)
        && (envelope->send_options & SENDOPT_SMTPUTF8))
        str_text(&line, " SMTPUTF8");
    session_say(session, str_slice(&line));
}

/* RFC 6533 3: an address of type utf-8, for a server that may know nothing of UTF-8. */
static void write_utf8_address(struct str *line, struct slice address)
{
    for (size_t i = 0; i < address.length;) {
        uint32_t code;
        size_t length = utf8_decode(slice_from(address, i), &code);

        if (length == 0) {
            code = (unsigned char)address.data[i];
            length = 1;
        }
        if (code > ' ' && code < 127 && !strchr("\\+=", (int)code))
            str_byte(line, (char)code);
        else
            str_format(line, "\\x{%02X}", code);
        i += length;
    }
}

/* "rfc822;address" with the address as xtext (RFC 3461 4.2). */
static void write_original(struct str *line, const struct recipient *recipient, bool utf8)
{
    struct slice address = slice_of(recipient->dsn_original);
    struct slice type = slice_take_until(&address, ";");
    AUTO_STR struct str quoted = STR_EMPTY;

    if (*recipient->dsn_original) {
        str_format(line, " ORCPT=%.*s;", SLICE_ARGS(type));
        if (slice_is_nocase(type, "utf-8"))
            write_utf8_address(line, address);
        else
            xtext_encode(line, address);
    } else if (*recipient->original) {
        address_quote(&quoted, slice_of(recipient->original));
        if (utf8 && !text_is_ascii(str_slice(&quoted))) {
            str_text(line, " ORCPT=utf-8;");
            write_utf8_address(line, str_slice(&quoted));
        } else {
            str_text(line, " ORCPT=rfc822;");
            xtext_encode(line, str_slice(&quoted));
        }
    }
}

/* A recipient's address has more than ASCII, or the message was said to. */
static bool is_utf8(const struct delivery_request *request)
{
    return request->envelope.send_options || has_utf8_recipient(request);
}

void envelope_write_rcpt(struct session *session, const struct agent *agent,
                         const struct delivery_request *request, size_t index,
                         struct arena *arena)
{
    const struct recipient *recipient = &request->envelope.recipients.items[index];
    AUTO_STR struct str line = STR_EMPTY;

    str_text(&line, "RCPT TO:");
    write_path(&line, agent, recipient->address, arena);
    if (session->extensions & EXTENSION_DSN) {
        write_original(&line, recipient, is_utf8(request));
        if (recipient->notify) {
            str_text(&line, " NOTIFY=");
            notify_write(&line, recipient->notify);
        }
    }
    session_say(session, str_slice(&line));
}
