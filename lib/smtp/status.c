#include "smtp/status.h"

/* One to three digits at position. */
static size_t number_length(struct slice text, size_t position)
{
    size_t length = 0;

    while (position + length < text.length && length < 3 &&
           byte_is_digit(text.data[position + length]))
        length++;
    return length;
}

size_t status_length(struct slice text)
{
    if (text.length < 5 || text.data[1] != '.' ||
        (text.data[0] != '2' && text.data[0] != '4' && text.data[0] != '5'))
        return 0;

    size_t subject = number_length(text, 2);

    if (!subject || 2 + subject >= text.length || text.data[2 + subject] != '.')
        return 0;

    size_t detail = number_length(text, 3 + subject);
    size_t length = 3 + subject + detail;

    if (!detail || (length < text.length && !byte_is_space(text.data[length])))
        return 0;
    return length;
}

bool status_take(struct slice *text, char status[STATUS_SIZE])
{
    size_t length = status_length(*text);

    if (!length)
        return false;
    memcpy(status, text->data, length);
    status[length] = '\0';
    *text = slice_trim_start(slice_from(*text, length));
    return true;
}
