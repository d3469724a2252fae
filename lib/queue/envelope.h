/*
 * The envelope of a message: everything about it that is not content.
 *
 * All texts live in the arena that the one who filled the envelope named; texts
 * are never NULL ("" stands for absent).
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

/* RFC 3461 NOTIFY, as in the notify_flags attribute; 0 = the client did not ask. */
enum { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

/* RFC 3461 RET, as in the ret_flags attribute. */
enum { RET_FULL = 1, RET_HEADERS = 2 };

/* The last number of the size record: SMTPUTF8 and what else the sender asked. */
enum { SENDOPT_SMTPUTF8 = 1, SENDOPT_SMTPUTF8_HEADER = 2, SENDOPT_SMTPUTF8_SENDER = 4,
       SENDOPT_SMTPUTF8_RECIPIENT = 8 };

struct recipient {
    const char *address;        /* internal form (unquoted), after rewriting */
    const char *original;       /* as it came from the client; "" when the same as address */
    const char *dsn_original;   /* ORCPT, "rfc822;user@domain", xtext decoded; "" without */
    int64_t notify;             /* NOTIFY_ bits */
    int64_t handle;             /* where the queue keeps it (offset of its record); 0: not queued */
};

struct recipient_list {
    struct recipient *items;
    size_t count, capacity;     /* capacity 0: items belong to an arena */
};

/* A named attribute ("A" record): client_name, log_client_address, rewrite_context, ... */
struct attribute {
    const char *name;
    const char *value;
};

struct attribute_list {
    struct attribute *items;
    size_t count, capacity;
};

struct envelope {
    const char *queue_id;
    struct timeval arrival;
    int64_t create_time;            /* seconds; 0: the same as arrival */
    const char *sender;             /* internal form, "" = null sender */
    const char *full_name;          /* F record */
    const char *envelope_id;        /* DSN ENVID, xtext; "" without */
    const char *encoding;           /* "8bit", "7bit" or "" */
    const char *verp_delimiters;    /* V record */
    const char *content_filter;     /* L record: transport:nexthop */
    const char *redirect;           /* > record */
    int64_t return_flags;           /* RET_ bits, 0 = not asked */
    int64_t send_options;           /* SENDOPT_ bits */
    int64_t warn_at;                /* W record: when the sender is told of a delay; 0: not */
    bool warned;                    /* the sender has been told */
    int64_t cleanup_flags;          /* f record */
    int64_t content_size;           /* the size= of log lines: as content_length, but for edits */
    int64_t recipient_count;        /* in the file, done or not; 0: not known */
    int64_t content_offset;         /* where the content records start in the file */
    int64_t content_length;         /* bytes of records between M and X */
    struct attribute_list attributes;
    struct recipient_list recipients;
};

/* The value of an attribute, or "" when there is none. */
const char *envelope_attribute(const struct envelope *envelope, const char *name);

/* Set an attribute; name and value are borrowed from the same arena. */
void envelope_set_attribute(struct envelope *envelope, struct arena *arena, const char *name,
                            const char *value);

/* A new recipient at the end of the list, its texts "". Grows in the arena. */
struct recipient *envelope_add_recipient(struct envelope *envelope, struct arena *arena);

/* An envelope with all texts "". */
void envelope_clear(struct envelope *envelope);
