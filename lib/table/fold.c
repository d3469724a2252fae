#include "table/fold.h"

#include "base/compiler.h"
#include "base/encoding.h"
#include "table/fold_rows.h"

/* text is well-formed UTF-8, so the bytes that the first one promises are there. */
static uint32_t take_code_point(struct slice *rest)
{
    unsigned char first = (unsigned char)rest->data[0];
    size_t count = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t point = count == 1 ? first : first & (0x7f >> count);

    for (size_t i = 1; i < count; i++)
        point = point << 6 | ((unsigned char)rest->data[i] & 0x3f);
    *rest = slice_from(*rest, count);
    return point;
}

static void append_code_point(struct str *output, uint32_t point)
{
    if (point < 0x80) {
        str_byte(output, (char)point);
        return;
    }
    if (point < 0x800) {
        str_byte(output, (char)(0xc0 | point >> 6));
    } else {
        if (point < 0x10000) {
            str_byte(output, (char)(0xe0 | point >> 12));
        } else {
            str_byte(output, (char)(0xf0 | point >> 18));
            str_byte(output, (char)(0x80 | (point >> 12 & 0x3f)));
        }
        str_byte(output, (char)(0x80 | (point >> 6 & 0x3f)));
    }
    str_byte(output, (char)(0x80 | (point & 0x3f)));
}

static const char *expansion_of(uint32_t point)
{
    for (size_t i = 0; i < COUNT(fold_expansions); i++)
        if (fold_expansions[i].from == point)
            return fold_expansions[i].to;
    return NULL;
}

static uint32_t folded(uint32_t point)
{
    for (size_t i = 0; i < COUNT(fold_ranges) && fold_ranges[i].first <= point; i++) {
        const struct fold_range *range = &fold_ranges[i];

        if (point <= range->last && (point - range->first) % (uint32_t)range->step == 0)
            return (uint32_t)((int32_t)point + range->distance);
    }
    return point;
}

void fold_ascii(struct str *output, struct slice text)
{
    size_t start = output->length;

    str_add(output, text);
    for (size_t i = start; i < output->length; i++)
        output->data[i] = byte_lower(output->data[i]);
}

void fold_text(struct str *output, struct slice text)
{
    if (text_is_ascii(text) || !text_is_utf8(text)) {
        fold_ascii(output, text);
        return;
    }
    while (text.length) {
        uint32_t point = take_code_point(&text);
        const char *expansion = expansion_of(point);

        if (point < 0x80)
            str_byte(output, byte_lower((char)point));
        else if (expansion)
            str_text(output, expansion);
        else
            append_code_point(output, folded(point));
    }
}
