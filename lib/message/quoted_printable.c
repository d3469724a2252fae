#include "message/quoted_printable.h"

/* As Postfix breaks lines: a byte may take three places, and the "=" one. */
enum { SOFT_LIMIT = 72 };

void quoted_printable_begin(struct quoted_printable *encoder, quoted_line *give, void *argument)
{
    *encoder = (struct quoted_printable){ .line = STR_EMPTY, .give = give, .argument = argument };
}

static void give_line(struct quoted_printable *encoder)
{
    encoder->give(encoder->argument, str_slice(&encoder->line));
    str_clear(&encoder->line);
}

static void break_softly(struct quoted_printable *encoder)
{
    if (encoder->line.length <= SOFT_LIMIT)
        return;
    str_byte(&encoder->line, '=');
    give_line(encoder);
}

static void encode(struct str *output, char c)
{
    static const char digits[] = "0123456789ABCDEF";

    str_byte(output, '=');
    str_byte(output, digits[(unsigned char)c >> 4]);
    str_byte(output, digits[(unsigned char)c & 15]);
}

static bool is_plain(char c)
{
    return c == '\t' || (c >= ' ' && c < 127 && c != '=');
}

/* White space before a line end would be lost on the way. */
static void protect_end(struct str *line)
{
    if (line->length == 0)
        return;

    char last = line->data[line->length - 1];

    if (last != ' ' && last != '\t')
        return;
    str_cut(line, line->length - 1);
    encode(line, last);
}

void quoted_printable_add(struct quoted_printable *encoder, struct slice bytes, bool ends)
{
    for (size_t i = 0; i < bytes.length; i++) {
        break_softly(encoder);
        if (is_plain(bytes.data[i]))
            str_byte(&encoder->line, bytes.data[i]);
        else
            encode(&encoder->line, bytes.data[i]);
    }
    if (!ends)
        return;
    protect_end(&encoder->line);
    give_line(encoder);
}

void quoted_printable_end(struct quoted_printable *encoder)
{
    if (encoder->line.length > 0) {
        protect_end(&encoder->line);
        give_line(encoder);
    }
    str_free(&encoder->line);
}
