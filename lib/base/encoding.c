#include "base/encoding.h"

static const char hex_digits[] = "0123456789ABCDEF";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void xtext_encode(struct str *output, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c > ' ' && c < 127 && c != '+' && c != '=') {
            str_byte(output, (char)c);
        } else {
            str_byte(output, '+');
            str_byte(output, hex_digits[c >> 4]);
            str_byte(output, hex_digits[c & 15]);
        }
    }
}

static int hex_value(char c)
{
    if (byte_is_digit(c))
        return c - '0';
    c = byte_upper(c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool xtext_decode(struct str *output, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];

        if (c != '+') {
            str_byte(output, c);
            continue;
        }

        int high = i + 2 < text.length ? hex_value(text.data[i + 1]) : -1;
        int low = i + 2 < text.length ? hex_value(text.data[i + 2]) : -1;

        if (high < 0 || low < 0)
            return false;
        str_byte(output, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

void base64_encode(struct str *output, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t count = bytes.length - i < 3 ? bytes.length - i : 3;
        uint32_t group = 0;

        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < count ? (unsigned char)bytes.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            str_byte(output, k <= count ? base64_digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static bool decode_group(struct str *output, const char *group, bool last)
{
    uint32_t bits = 0;
    size_t count = 4;

    while (last && count > 2 && group[count - 1] == '=')
        count--;
    for (size_t i = 0; i < 4; i++) {
        const char *digit = i < count && group[i] ? strchr(base64_digits, group[i]) : base64_digits;

        if (!digit || (i < count && !group[i]))
            return false;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
    }
    for (size_t i = 0; i + 1 < count; i++)
        str_byte(output, (char)(bits >> (16 - 8 * i)));
    return true;
}

bool base64_decode(struct str *output, struct slice text)
{
    if (text.length % 4)
        return false;
    for (size_t i = 0; i < text.length; i += 4)
        if (!decode_group(output, text.data + i, i + 4 == text.length))
            return false;
    return true;
}

/* Length of the well-formed UTF-8 sequence at the start, 0 when there is none. */
static size_t sequence_length(struct slice text)
{
    unsigned char first = (unsigned char)text.data[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3
                  : first < 0xf5 ? 4 : 0;

    if (length > text.length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text.data[i] & 0xc0) != 0x80)
            return 0;
    if (length >= 3) {
        unsigned char second = (unsigned char)text.data[1];

        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f))
            return 0;
    }
    return length;
}

/* How many bytes at the start are printable ASCII. */
static size_t printable_length(struct slice text)
{
    size_t length = 0;

    while (length < text.length && text.data[length] >= ' ' && text.data[length] < 127)
        length++;
    return length;
}

void printable_text(struct str *output, struct slice bytes)
{
    for (;;) {
        size_t plain = printable_length(bytes);

        str_bytes(output, bytes.data, plain);
        bytes = slice_from(bytes, plain);
        if (!bytes.length)
            return;

        size_t length = sequence_length(bytes);

        if (length > 1)
            str_bytes(output, bytes.data, length);
        else
            str_byte(output, '?');
        bytes = slice_from(bytes, length ? length : 1);
    }
}

/* How many bytes at the start are ASCII, eight looked at together. */
static size_t ascii_length(struct slice text)
{
    size_t length = 0;

    for (; text.length - length >= sizeof(uint64_t); length += sizeof(uint64_t)) {
        uint64_t bytes;

        memcpy(&bytes, text.data + length, sizeof(bytes));
        if (bytes & UINT64_C(0x8080808080808080))
            break;
    }
    while (length < text.length && !((unsigned char)text.data[length] & 0x80))
        length++;
    return length;
}

bool text_is_ascii(struct slice text)
{
    return ascii_length(text) == text.length;
}

bool text_is_utf8(struct slice text)
{
    for (;;) {
        text = slice_from(text, ascii_length(text));
        if (!text.length)
            return true;

        size_t length = sequence_length(text);

        if (!length)
            return false;
        text = slice_from(text, length);
    }
}

size_t utf8_decode(struct slice text, uint32_t *code)
{
    static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    size_t length = text.length ? sequence_length(text) : 0;

    if (!length)
        return 0;
    *code = (unsigned char)text.data[0] & lead[length];
    for (size_t i = 1; i < length; i++)
        *code = *code << 6 | ((unsigned char)text.data[i] & 0x3f);
    return length;
}
