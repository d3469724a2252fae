#include "expansion.h"

#include "address/address.h"
#include "base/scope.h"
#include "facts.h"

#include <time.h>

/* --- The filter. ------------------------------------------------------------------ */

/* "\n" and "\40" in the parameter stand for a byte. */
static unsigned char take_escaped(struct slice *rest)
{
    static const char names[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    char c = rest->data[0];
    const char *known = memchr(names, c, sizeof(names) - 1);
    unsigned value = 0;
    size_t digits = 0;

    while (digits < 3 && digits < rest->length && rest->data[digits] >= '0' &&
           rest->data[digits] <= '7')
        value = value * 8 + (unsigned)(rest->data[digits++] - '0');
    *rest = slice_from(*rest, digits ? digits : 1);
    return digits ? (unsigned char)value
                  : known ? (unsigned char)bytes[known - names] : (unsigned char)c;
}

void expansion_read_filter(struct server *server, struct slice value)
{
    while (value.length) {
        unsigned char byte = (unsigned char)value.data[0];

        value = slice_from(value, 1);
        if (byte == '\\' && value.length)
            byte = take_escaped(&value);
        server->expansion_allows[byte] = true;
    }
    if (server->config->smtputf8_enable)
        memset(server->expansion_allows + 128, true, 128);
}

void expansion_add(const struct server *server, struct str *output, const char *text)
{
    for (; *text; text++)
        str_byte(output, server->expansion_allows[(unsigned char)*text] ? *text : '_');
}

/* --- Names. ----------------------------------------------------------------------- */

static void add_local_time(struct str *value)
{
    char text[32];
    struct tm local;
    time_t now = wall_now().tv_sec;

    localtime_r(&now, &local);
    strftime(text, sizeof(text), "%b %d %H:%M:%S", &local);
    str_text(value, text);
}

static void add_part(const struct server *server, struct str *value, const char *address,
                     bool domain)
{
    AUTO_STR struct str part = STR_EMPTY;
    struct address_parts parts = address_split(slice_of(address));

    str_add(&part, domain ? parts.domain : parts.local);
    expansion_add(server, value, part.data);
}

bool expansion_fact(const struct server *server, const struct facts *facts, struct slice name,
                    struct str *value)
{
    const struct { const char *name, *value; } rows[] = {
        { "client", facts->client },
        { "client_address", facts->address },
        { "client_name", facts->name },
        { "client_port", facts->port },
        { "reverse_client_name", facts->reverse_name },
        { "helo_name", facts->helo },
        { "sender", facts->sender && !*facts->sender ? "<>" : facts->sender },
        { "recipient", facts->recipient },
        { "mail_name", server->config->mail_name },
        { "server_name", server->config->myhostname },
    };
    static const struct { const char *name; bool recipient, domain; } parts[] = {
        { "sender_name", false, false }, { "sender_domain", false, true },
        { "recipient_name", true, false }, { "recipient_domain", true, true },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (slice_is(name, rows[i].name)) {
            expansion_add(server, value, rows[i].value ? rows[i].value : "");
            return true;
        }
    for (size_t i = 0; i < COUNT(parts); i++)
        if (slice_is(name, parts[i].name)) {
            const char *address = parts[i].recipient ? facts->recipient : facts->sender;

            add_part(server, value, address ? address : "", parts[i].domain);
            return true;
        }
    if (!slice_is(name, "localtime"))
        return false;
    add_local_time(value);
    return true;
}
