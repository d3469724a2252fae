/*
 * A message that passes through a program (RFC 5322, 2045, 2046): it goes in as the records of
 * a queue file, and comes out as logical headers and lines of bodies, each with its place in
 * the MIME structure.  On the way 8-bit bodies may be turned into 7 bits (RFC 6152 3).
 */
#pragma once

#include "message/mime.h"

enum pass_option {
    PASS_DOWNGRADE = 1,     /* 8-bit and binary bodies leave as quoted-printable */
    PASS_FLAT = 2,          /* headers and one body: the MIME structure is not looked at */
};

/* Told of what comes out, in order. */
struct pass_hooks {
    /* A logical header, its continuation lines joined with LF. */
    void (*header)(void *argument, enum mime_place place, struct slice line);
    /* The headers of a place have ended; the empty line, if there is one, comes as body. */
    void (*headers_end)(void *argument, enum mime_place place);
    /* A line of a body, a boundary, an empty line; without ends the line goes on. */
    void (*body)(void *argument, struct slice bytes, bool ends);
};

struct pass;

/* hooks are borrowed. */
struct pass *pass_new(const struct config *config, unsigned options,
                      const struct pass_hooks *hooks, void *argument);
void pass_free(struct pass *pass);

/* The next record: a line, or (without ends) a part of one. */
void pass_add(struct pass *pass, struct slice bytes, bool ends);

/* The message is over: what was held back comes out. */
void pass_end(struct pass *pass);
