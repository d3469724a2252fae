#include "address/address.h"

#include "base/encoding.h"
#include "base/scope.h"

#include <idn2.h>

enum { NAME_LIMIT = 255, LABEL_LIMIT = 63 };

static bool is_label(struct slice label)
{
    if (!label.length || label.length > LABEL_LIMIT)
        return false;
    if (label.data[0] == '-' || label.data[label.length - 1] == '-')
        return false;
    for (size_t i = 0; i < label.length; i++)
        if (!byte_is_alnum(label.data[i]) && label.data[i] != '-' && label.data[i] != '_')
            return false;
    return true;
}

static bool is_numeric(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!byte_is_digit(text.data[i]) && text.data[i] != '.')
            return false;
    return true;
}

static bool is_ascii_name(struct slice text)
{
    if (!text.length || text.length > NAME_LIMIT || is_numeric(text))
        return false;
    for (;;) {
        size_t dot = slice_find(text, '.');

        if (!is_label(slice_part(text, 0, dot)))
            return false;
        if (dot == text.length)
            return true;
        text = slice_from(text, dot + 1);
    }
}

bool address_is_host_name(struct slice text)
{
    if (text_is_ascii(text))
        return is_ascii_name(text);
    if (!text_is_utf8(text) || memchr(text.data, '\0', text.length))
        return false;

    AUTO_STR struct str name = STR_EMPTY;
    char *ascii = NULL;

    str_add(&name, text);

    bool good = idn2_to_ascii_8z(name.data, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK
        && is_ascii_name(slice_of(ascii));

    idn2_free(ascii);
    return good;
}
