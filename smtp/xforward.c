#include "xforward.h"

#include "base/encoding.h"
#include "base/scope.h"

static const struct {
    const char *name;
    unsigned bit;
    const char *attribute;      /* of the queue file */
    int command;                /* Postfix sends them in two commands */
} rows[] = {
    { "NAME", FORWARD_NAME, "log_client_name", 0 },
    { "ADDR", FORWARD_ADDR, "log_client_address", 0 },
    { "PORT", FORWARD_PORT, "log_client_port", 0 },
    { "PROTO", FORWARD_PROTO, "log_protocol_name", 1 },
    { "HELO", FORWARD_HELO, "log_helo_name", 1 },
    { "IDENT", FORWARD_IDENT, "log_ident", 1 },
    { "SOURCE", FORWARD_SOURCE, "rewrite_context", 1 },
};

unsigned xforward_read(struct slice words)
{
    unsigned found = 0;
    struct slice word;

    while (slice_take_token(&words, " \t", &word))
        for (size_t i = 0; i < COUNT(rows); i++)
            if (slice_is_nocase(word, rows[i].name))
                found |= rows[i].bit;
    return found;
}

static const char *value_of(const struct envelope *envelope, size_t row)
{
    const char *value = envelope_attribute(envelope, rows[row].attribute);

    if (rows[row].bit == FORWARD_SOURCE)
        return strcmp(value, "local") == 0 ? "LOCAL" : "REMOTE";
    return value;
}

bool xforward_write(struct session *session, int command, const struct envelope *envelope)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_text(&line, "XFORWARD");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *value = value_of(envelope, i);

        if (rows[i].command != command || !(session->forwards & rows[i].bit) || !*value)
            continue;
        str_format(&line, " %s=", rows[i].name);
        xtext_encode(&line, slice_of(value));
    }
    if (line.length == sizeof("XFORWARD") - 1)
        return false;
    session_say(session, str_slice(&line));
    return true;
}

const char *xforward_title(int command)
{
    return command == 0 ? "XFORWARD name/address command" : "XFORWARD helo/protocol command";
}
