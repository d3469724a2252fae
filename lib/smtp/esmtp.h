/*
 * What both sides of SMTP read and write in commands: service extensions
 * (RFC 5321 4.1.1.1) and the parameters of MAIL and RCPT.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* The keywords of EHLO that we know, by the names of discard_ehlo_keywords. */
enum extension {
    EXTENSION_PIPELINING = 1 << 0,
    EXTENSION_SIZE = 1 << 1,
    EXTENSION_VRFY = 1 << 2,
    EXTENSION_ETRN = 1 << 3,
    EXTENSION_STARTTLS = 1 << 4,
    EXTENSION_AUTH = 1 << 5,
    EXTENSION_XVERP = 1 << 6,
    EXTENSION_XCLIENT = 1 << 7,
    EXTENSION_XFORWARD = 1 << 8,
    EXTENSION_ENHANCEDSTATUSCODES = 1 << 9,
    EXTENSION_8BITMIME = 1 << 10,
    EXTENSION_DSN = 1 << 11,
    EXTENSION_SMTPUTF8 = 1 << 12,
    EXTENSION_CHUNKING = 1 << 13,
    EXTENSION_SILENT = 1 << 14,     /* silent-discard: do not log what is discarded */
};

/* The bit of a keyword, whatever its case; 0 for an unknown one. */
unsigned extension_find(struct slice keyword);

/* The bits of a list; a word that is none is passed to unknown (may be NULL). */
unsigned extension_list(struct slice list, void (*unknown)(void *argument, struct slice word),
                        void *argument);

/* A parameter that starts with "KEYWORD=", whatever the case; *value is what follows. */
bool parameter_is(struct slice word, const char *keyword, struct slice *value);

/* NOTIFY=NEVER or a list of SUCCESS, FAILURE, DELAY to NOTIFY_ bits (RFC 3461 4.1) and back. */
bool notify_parse(struct slice value, int64_t *notify) MUST_USE;
void notify_write(struct str *output, int64_t notify);
