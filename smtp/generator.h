/*
 * Sessions that send generated mail to a server (smtp-source(1)).
 */
#pragma once

#include <stdbool.h>

struct generator {
    int family, tries, window;
    int sessions, messages, recipients;
    int length;                     /* of the body, in bytes */
    int wait, random_wait;          /* seconds between messages */
    const char *sender, *recipient, *hostname;
    const char *subject, *file;     /* may be NULL */
    bool keep_going, count, keep_session, lmtp, number_recipients, old, verbose;
};

/* Send all messages to "host:port" or "unix:path".  Ends the process when the server fails. */
bool generator_run(const struct generator *generator, const char *destination);
