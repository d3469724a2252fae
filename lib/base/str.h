/*
 * A growable string that owns its bytes.
 *
 * data is always a valid C string, also before the first append, so it may
 * be printed at any time.  Appending never fails: running out of memory ends
 * the process (see base/memory.h).
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

#include <stdarg.h>

struct str {
    char *data;
    size_t length;
    size_t capacity;    /* bytes owned; 0 while data is the shared empty string */
};

#define STR_EMPTY ((struct str){ (char *)"", 0, 0 })

static inline struct slice str_slice(const struct str *str)
{
    return (struct slice){ str->data, str->length };
}

/* Give the bytes back; the string is empty and usable again. */
void str_free(struct str *str);

/* Make it empty and keep the memory. */
void str_clear(struct str *str);

/* Make it length bytes long, which it must already be at least. */
void str_cut(struct str *str, size_t length);

/* Room for extra more bytes; returns where they go.  str_added tells how many came. */
char *str_reserve(struct str *str, size_t extra);
void str_added(struct str *str, size_t count);

void str_text(struct str *str, const char *text);
void str_add(struct str *str, struct slice slice);
void str_bytes(struct str *str, const void *data, size_t length);

static inline void str_byte(struct str *str, char c)
{
    if (str->length + 1 >= str->capacity) {
        str_bytes(str, &c, 1);
        return;
    }
    str->data[str->length++] = c;
    str->data[str->length] = '\0';
}

void str_format(struct str *str, const char *format, ...) PRINTF_LIKE(2, 3);
void str_vformat(struct str *str, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* Replace the content. */
void str_set(struct str *str, struct slice slice);

/* Remove the first count bytes. */
void str_drop(struct str *str, size_t count);

/* ASCII letters to lower case, in place. */
void str_lower(struct str *str);

/* Take the bytes out as a C string that the caller now owns; the string is empty again. */
char *str_take(struct str *str) MUST_USE;
