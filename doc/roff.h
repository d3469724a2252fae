/*
 * Text that is put into manual pages.
 */
#pragma once

#include <stdio.h>

/* Running text in which roff shall see nothing of its own. */
static inline void roff_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text == '\n' ? ' ' : *text);
}
