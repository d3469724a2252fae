#include "characters.h"

#include "base/encoding.h"

static unsigned char read_octal(struct slice *text)
{
    unsigned value = 0;

    for (int i = 0; i < 3 && text->length && text->data[0] >= '0' && text->data[0] <= '7'; i++) {
        value = value * 8 + (unsigned)(text->data[0] - '0');
        *text = slice_from(*text, 1);
    }
    return (unsigned char)value;
}

/* What stands behind a backslash. */
static unsigned char read_escape(struct slice *text)
{
    static const char names[] = "abfnrtv", values[] = "\a\b\f\n\r\t\v";
    char c = text->data[0];
    const char *found = strchr(names, c);

    if (c >= '0' && c <= '7')
        return read_octal(text);
    *text = slice_from(*text, 1);
    return (unsigned char)(c && found ? values[found - names] : c);
}

void characters_read(struct characters *set, const char *text)
{
    struct slice rest = slice_of(text);

    *set = (struct characters){ .any = rest.length > 0 };
    while (rest.length) {
        unsigned char c = (unsigned char)rest.data[0];

        rest = slice_from(rest, 1);
        if (c == '\\' && rest.length)
            c = read_escape(&rest);
        set->has[c] = true;
    }
}

size_t characters_find(const struct characters *set, struct slice text)
{
    size_t i = 0;

    while (i < text.length && !set->has[(unsigned char)text.data[i]])
        i++;
    return i;
}

void characters_strip(const struct characters *set, bool replace_cr, struct slice text,
                      struct str *output)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = replace_cr && text.data[i] == '\r' ? ' ' : text.data[i];

        if (!set->has[(unsigned char)c])
            str_byte(output, c);
    }
}
