#include "base/str.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 64 };

void str_free(struct str *str)
{
    if (str->capacity)
        free(str->data);
    *str = STR_EMPTY;
}

void str_cut(struct str *str, size_t length)
{
    if (length >= str->length)
        return;
    str->length = length;
    str->data[length] = '\0';
}

void str_clear(struct str *str)
{
    str_cut(str, 0);
}

char *str_reserve(struct str *str, size_t extra)
{
    if (extra > SIZE_MAX / 2 - str->length)
        memory_exhausted();

    size_t needed = str->length + extra + 1;

    if (needed > str->capacity) {
        size_t capacity = str->capacity ? str->capacity : SMALLEST;

        while (capacity < needed)
            capacity *= 2;
        str->data = memory_resize(str->capacity ? str->data : NULL, capacity, 1);
        str->capacity = capacity;
        str->data[str->length] = '\0';
    }
    return str->data + str->length;
}

void str_added(struct str *str, size_t count)
{
    str->length += count;
    if (str->capacity)
        str->data[str->length] = '\0';
}

void str_bytes(struct str *str, const void *data, size_t length)
{
    if (!length)
        return;
    memcpy(str_reserve(str, length), data, length);
    str_added(str, length);
}

void str_text(struct str *str, const char *text)
{
    str_bytes(str, text, strlen(text));
}

void str_add(struct str *str, struct slice slice)
{
    str_bytes(str, slice.data, slice.length);
}

void str_vformat(struct str *str, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);

    size_t room = str->capacity ? str->capacity - str->length : 0;
    int length = vsnprintf(room ? str->data + str->length : NULL, room, format, args);

    if (length > 0 && (size_t)length >= room)
        vsnprintf(str_reserve(str, (size_t)length), (size_t)length + 1, format, again);
    va_end(again);
    if (length > 0)
        str_added(str, (size_t)length);
}

void str_format(struct str *str, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    str_vformat(str, format, args);
    va_end(args);
}

void str_set(struct str *str, struct slice slice)
{
    str_clear(str);
    str_add(str, slice);
}

void str_drop(struct str *str, size_t count)
{
    if (count > str->length)
        count = str->length;
    if (!count)
        return;
    memmove(str->data, str->data + count, str->length - count);
    str_cut(str, str->length - count);
}

void str_lower(struct str *str)
{
    for (size_t i = 0; i < str->length; i++)
        str->data[i] = byte_lower(str->data[i]);
}

char *str_take(struct str *str)
{
    char *taken = str->capacity ? str->data : memory_text("", 0);

    *str = STR_EMPTY;
    return taken;
}
