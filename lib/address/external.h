/*
 * Reading the external form of an address, where quotes, literals and comments protect
 * what is in them.  For lib/address.
 */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

/* Index of the first (last) c outside of quotes, literals and comments, or the length. */
size_t external_find(struct slice external, char c);
size_t external_find_last(struct slice external, char c);

/* White space that was quoted: a tab or the end of a line stands for a blank. */
static inline char external_quoted_byte(char c)
{
    return c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
}

/* Append a literal with its brackets, without backslashes; what is not closed is. */
void external_unquote_literal(struct str *output, struct slice piece, bool closed);

/*
 * Append the text without quotes and backslashes.  Words next to each other are separated by a
 * blank, a comma is followed by one; other white space goes.  False when a quote, literal or
 * comment is not closed; it then ends with the text.
 */
bool external_unquote(struct str *output, struct slice external);

/* Length of the protected piece at the start: "...", [...], (...), \x; 1 for all else. */
size_t external_piece(struct slice external, bool *closed);
