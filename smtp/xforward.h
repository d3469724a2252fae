/*
 * XFORWARD: the server is told whose mail this is, for its log (XFORWARD_README).
 */
#pragma once

#include "session.h"

enum {
    FORWARD_NAME = 1, FORWARD_ADDR = 2, FORWARD_PORT = 4, FORWARD_PROTO = 8, FORWARD_HELO = 16,
    FORWARD_IDENT = 32, FORWARD_SOURCE = 64,
};

/* The FORWARD_ bits of the words behind the keyword in a server's EHLO reply. */
unsigned xforward_read(struct slice words);

enum { XFORWARD_COMMANDS = 2 };

/* "XFORWARD name/address command": what a server's reply was to. */
const char *xforward_title(int command);

/*
 * One of the commands for a message, appended to the stream.  False when there is nothing in
 * it that the server wants to know.
 */
bool xforward_write(struct session *session, int command, const struct envelope *envelope);
