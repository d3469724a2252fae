/*
 * The second rendering of an event: a JSON object on one line (RFC 8259).
 *
 * Its members are time (UTC), host, program, session (the number in brackets of the classic
 * line), severity and message.  What a classic line says in a fixed form has members of its
 * own: queue_id, and in fields what stands as name=value in it ("to", "relay", "dsn",
 * "status", ...), with the words in parentheses at the end as "detail".
 */
#pragma once

#include "base/str.h"

#include <time.h>

struct json_event {
    struct timespec time;
    const char *host, *program;
    unsigned long session;
    const char *severity;
    unsigned long lost;         /* lines before this one that nobody took */
    struct slice text;
};

void json_line(struct str *line, const struct json_event *event);
