/*
 * Notices to the postmaster: what a session said in which something happened that notify_classes
 * names, sent to error_notice_recipient.  The same for smtpd and for the SMTP client.
 */
#pragma once

#include "config/config.h"
#include "deliver/submission.h"

/* Classes of errors, as in notify_classes. */
enum { NOTIFY_PROTOCOL = 1, NOTIFY_POLICY = 2, NOTIFY_RESOURCE = 4, NOTIFY_SOFTWARE = 8,
       NOTIFY_BOUNCE = 16, NOTIFY_DATA = 32 };

/* The bits of a list; names that are no class of a session's are passed over. */
unsigned postmaster_classes(const char *notify_classes);

/* Add a line to a transcript, "In:  " or "Out: " before it.  Beyond a limit it is left out. */
void postmaster_transcribe(struct str *transcript, const char *who, struct slice line);

struct postmaster_notice {
    const char *program;        /* "SMTP server" */
    const char *peer;           /* "client.example[192.0.2.1]" */
    const char *opening;        /* a sentence above the transcript, or "" */
    const char *aborted;        /* why the session ended before its time, or ""; NULL:
                                   the client does not tell */
    struct slice transcript;
};

/* The message, with its header. */
void postmaster_write(struct str *text, const struct config *config,
                      const struct postmaster_notice *notice);

/* What is told to cleanup of it. */
void postmaster_fill(struct submission *submission, const struct config *config,
                     struct arena *arena);
