/*
 * One recipient of a request on its way through aliases and .forward files: what it has led
 * to so far.
 */
#pragma once

#include "agent.h"
#include "base/hash.h"
#include "deliver/request.h"
#include "queue/queue.h"

/* The address of this host that is being expanded, taken apart. */
struct place {
    const char *delivered;          /* what Delivered-To: says */
    const char *led_here;           /* the same of the place before; NULL for the first */
    const char *owner;              /* who is told of failures; NULL: the message's sender */
    const char *sender;             /* the owner of a list on the way: it takes the place of the
                                       sender, and the original recipient ends; NULL without */
    struct slice local, user, extension, delimiter;     /* folded */
};

struct job {
    const struct agent *agent;
    const struct delivery_request *request;
    const struct recipient *recipient;
    int file;                       /* the queue file, borrowed */
    struct content *content;        /* borrowed; whoever reads rewinds it first */
    struct arena *arena;
    const struct hash *visited;     /* addresses of Delivered-To: headers, folded */
    struct hash *seen;              /* what was delivered to already; NULL until there is any */
    struct vector_of_members *forwarded;
    enum delivery_status status;    /* the worst so far */
    bool expanded;                  /* an alias took over: who asked for success was told */
    bool reported;                  /* something has been logged for the recipient */
    struct place place;
};

/* Where an address comes from. */
struct origin {
    const struct origin *parent;
    const char *alias;              /* the alias that is being expanded; NULL in .forward, top */
    const char *class;              /* "alias", "include", "forward" (allow_mail_to_files) */
    const struct identity *owner;   /* of the .forward, whose rights commands and files get */
    uid_t list_owner;               /* without: who owns the alias table or :include: file */
    bool no_alias;                  /* \user */
    bool no_forward;
    bool submit;                    /* users of this host too get it as a new message */
    const char *sender;             /* of that message; NULL: the sender's own */
    int depth;
};

struct member {
    const char *address;            /* internal form, rewritten */
    const char *sender;             /* NULL: the sender's own */
    const char *delivered;          /* what led to it: Delivered-To: of the new message */
};

struct vector_of_members {
    struct member *items;
    size_t count, capacity;
};

/* Report the fate of the address member (internal form). */
void job_report(struct job *job, const char *member, const struct outcome *outcome);
void job_sent(struct job *job, const char *member, const char *reason);
void job_fail(struct job *job, const char *member, const char *dsn, const char *format, ...)
    PRINTF_LIKE(4, 5);

/*
 * What the sender wishes to hear of after success was told here: where that was all, nothing, for
 * no wish would mean failures.
 */
int64_t job_further_notify(const struct job *job);

/* Whether nothing is to be delivered: only what would come of it is asked for. */
bool job_is_probe(const struct job *job);

/* The message's sender, or the owner of a list who took over. */
const char *job_sender(const struct job *job);

/* Another agent has reported the recipient. */
void job_passed(struct job *job, enum delivery_status status);

/* The standard form of an address, and a name folded; in the arena. */
const char *job_rewrite(struct job *job, const char *address);
const char *job_fold(struct job *job, struct slice text);

/* False when the key was there before: a duplicate. */
bool job_first_time(struct job *job, const char *kind, const char *target, uid_t uid);

/* The headers that a delivery puts on top; file says whether prepend_delivered_header of the class
 * ("command", "file", "forward") asks for Delivered-To. */
void job_headers(const struct job *job, const char *class, struct str *headers);

struct mailbox_message job_message(const struct job *job, const struct str *headers);
