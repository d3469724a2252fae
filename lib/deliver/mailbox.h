/*
 * Mailboxes on this host: a file of messages (mbox) or a folder of them (Maildir).
 *
 * The caller has become the recipient (effective user and groups) before; nothing here
 * changes identity.  After true the message is on disk.  After false nothing of it remains, and
 * the trouble says whether to try again.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

struct content;     /* queue/queue.h */

/* What is delivered: the headers that the delivery adds, then the content of a queue file. */
struct mailbox_message {
    struct content *content;    /* borrowed; read from its start */
    struct slice headers;       /* whole lines with LF: Return-Path:, Delivered-To: ... */
    const char *sender;         /* for the From_ line of an mbox; "" is MAILER-DAEMON */
};

enum mailbox_lock { MAILBOX_FCNTL = 1, MAILBOX_FLOCK = 2, MAILBOX_DOTLOCK = 4 };

struct mailbox_settings {
    unsigned locks;             /* MAILBOX_ bits of mailbox_delivery_lock */
    int lock_attempts, lock_delay_seconds, stale_lock_seconds;
    int64_t size_limit;         /* mailbox_size_limit; 0: none */
};

/* An mbox. */
struct mailbox_file {
    const char *path;
    uid_t owner;            /* (uid_t)-1: anybody's (strict_mailbox_ownership = no) */
    bool anything;          /* named in an alias or .forward: a device may be there, no program */
    const char *status;     /* when nothing better is known: "5.2.0" */
};

struct mailbox_trouble {
    const char *dsn;            /* "4.2.0", "5.2.2" */
    bool not_owned, not_regular;    /* what is in the way is no mailbox of this owner */
    int64_t offset;             /* after true: where the message begins in an mbox */
    struct error error;         /* "unable to create lock file /x.lock: File exists" */
};

/* What errno says about trying again (RFC 3463): space comes back, a quota is the owner's. */
const char *mailbox_status(int code, const char *otherwise);

/* "fcntl, dotlock" to bits; false for another word. */
bool mailbox_locks_parse(struct slice list, unsigned *locks, struct error *error) MUST_USE;

/*
 * Append to an mbox, made with mode 0600 when it is not there.  It must be a plain file of one
 * link that belongs to its owner; a symbolic link to it counts only when root has put it into a
 * folder of root's.  Waits for locks.
 */
bool mailbox_append(const struct mailbox_file *file, const struct mailbox_message *message,
                    const struct mailbox_settings *settings,
                    struct mailbox_trouble *trouble) MUST_USE;

/*
 * Put a file into a Maildir; path ends in "/".  Its folders are made with mode 0700.  status is
 * that of failures about which nothing better is known.
 */
bool maildir_deliver(const char *path, const char *status, const struct mailbox_message *message,
                     const struct mailbox_settings *settings,
                     struct mailbox_trouble *trouble) MUST_USE;
