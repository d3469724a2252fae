#include "facts.h"

#include "address/address.h"
#include "base/scope.h"
#include "log/log.h"

static void add_address(struct str *line, const struct facts *facts, const char *label,
                        const char *internal, const char **separator)
{
    if (!internal)
        return;
    str_format(line, "%s%s=<", *separator, label);
    if (facts->internal_addresses)
        str_text(line, internal);
    else
        address_quote(line, slice_of(internal));
    str_byte(line, '>');
    *separator = " ";
}

static void add_envelope(struct str *line, const struct facts *facts)
{
    const char *separator = "; ";

    add_address(line, facts, "from", facts->sender, &separator);
    add_address(line, facts, "to", facts->recipient, &separator);
    if (*facts->protocol) {
        str_format(line, "%sproto=%s", separator, facts->protocol);
        separator = " ";
    }
    if (facts->helo)
        str_format(line, "%shelo=<%s>", separator, facts->helo);
}

void facts_log(const struct facts *facts, const char *verb, struct slice text)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s: %s from %s: ", *facts->queue_id ? facts->queue_id : "NOQUEUE",
               verb, facts->stage, facts->client);
    str_add(&line, text);
    add_envelope(&line, facts);
    log_info("%s", line.data);
}

void facts_log_answer(const struct facts *facts, const char *verb, struct slice text)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s: %.*s", verb, facts->stage, SLICE_ARGS(text));
    add_envelope(&line, facts);
    log_info("%s", line.data);
}

void text_escape(struct str *output, struct slice bytes)
{
    static const char plain[] = "\a\b\f\n\r\t\v", names[] = "abfnrtv";

    for (size_t i = 0; i < bytes.length; i++) {
        char c = bytes.data[i];
        const char *known = c ? strchr(plain, c) : NULL;

        if (known)
            str_format(output, "\\%c", names[known - plain]);
        else if (c == '\\')
            str_text(output, "\\\\");
        else if (c < ' ' || c == 127)
            str_format(output, "\\%03o", (unsigned char)c);
        else
            str_byte(output, c);
    }
}
