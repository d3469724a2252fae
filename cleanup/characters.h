/*
 * Sets of characters: message_strip_characters, message_reject_characters, and the bare CR
 * that cleanup_replace_stray_cr_lf makes a blank.
 */
#pragma once

#include "base/slice.h"
#include "base/str.h"

struct characters {
    bool any;
    bool has[256];
};

/* Read a set as postconf(5) has it: \a \b \f \n \r \t \v, \ddd (octal), \\. */
void characters_read(struct characters *set, const char *text);

/* Index of the first character of the set, or the length. */
size_t characters_find(const struct characters *set, struct slice text);

/* Append the text without what is in the set, and with a blank for each CR if so asked. */
void characters_strip(const struct characters *set, bool replace_cr, struct slice text,
                      struct str *output);
