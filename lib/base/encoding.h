/*
 * Ways to write bytes as text.
 */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

/* xtext, RFC 3461 section 4.  Decoding is false for what is not xtext. */
void xtext_encode(struct str *output, struct slice bytes);
bool xtext_decode(struct str *output, struct slice text) MUST_USE;

/* base64, RFC 4648 section 4, with padding and without line breaks. */
void base64_encode(struct str *output, struct slice bytes);
bool base64_decode(struct str *output, struct slice text) MUST_USE;

/* Control characters and bytes that are not UTF-8 become '?', for logs and replies. */
void printable_text(struct str *output, struct slice bytes);

/* True when all bytes are ASCII; true when they are well-formed UTF-8 (RFC 3629). */
bool text_is_ascii(struct slice text);
bool text_is_utf8(struct slice text);

/* The code point at the start of text; returns how many bytes it takes, 0 when it is none. */
size_t utf8_decode(struct slice text, uint32_t *code);
