/*
 * Access restrictions (SMTPD_ACCESS_README, access(5)): lists compiled once into programs of
 * checks with their arguments and opened tables, and evaluated for a client's facts.
 *
 * A policy is shared by all threads and never changes.  Evaluating may wait, for
 * tables and DNS, within their time-outs.
 */
#pragma once

#include "../facts.h"
#include "../server.h"
#include "base/arena.h"
#include "base/error.h"
#include "smtp/status.h"

struct policy;

enum verdict_result {
    VERDICT_NEXT,       /* no opinion */
    VERDICT_PERMIT,
    VERDICT_REJECT,     /* code, status and text are the reply */
};

/* Why: which check in which list, and for tables what was found where. */
struct evidence {
    const char *list;
    const char *check;
    const char *table, *key, *value;    /* NULL without */
};

struct verdict {
    enum verdict_result result;
    int code;
    char status[STATUS_SIZE];
    const char *text;       /* "<x>: Sender address rejected: ..."; lives in the arena */
    bool hangup;            /* without a reply */
    unsigned blame;         /* NOTIFY_ bits (deliver/postmaster.h); 0 is a matter of policy */
    struct evidence evidence;
};

struct bcc {
    const char *address;    /* internal form */
    const struct bcc *next;
};

/* What access tables want done with the mail; texts live in the mail's arena. */
struct effects {
    bool hold, discard;
    const char *filter, *redirect;      /* NULL without */
    const char *prepend;                /* lines with LF each; NULL without */
    const struct bcc *bcc;
    struct verdict if_permit;           /* deferred at MAIL until a recipient would pass */
};

/*
 * Compile all lists.  False, with Postfix's words, when a table cannot be opened or when no list
 * protects against relaying.  What cannot work at evaluation is a warning and then a
 * "451 4.3.5 Server configuration error" for the client.
 */
struct policy *policy_open(const struct server *server, struct error *error) MUST_USE;
void policy_close(struct policy *policy);

/* Some check asks a server over TCP. */
bool policy_connects_tcp(const struct policy *policy);

/*
 * A policy of NULL permits everything: a user of this host who talks to a session of its own.
 */

/* The moments of a session.  With smtpd_delay_reject the first three wait for the recipient. */
struct verdict policy_connect(struct policy *policy, const struct facts *facts,
                              struct arena *arena);
struct verdict policy_helo(struct policy *policy, const struct facts *facts, struct arena *arena);
struct verdict policy_sender(struct policy *policy, const struct facts *facts,
                             struct arena *arena, struct effects *effects);
struct verdict policy_recipient(struct policy *policy, const struct facts *facts,
                                struct arena *arena, struct effects *effects);
struct verdict policy_data(struct policy *policy, const struct facts *facts, struct arena *arena,
                           struct effects *effects);
struct verdict policy_end_of_data(struct policy *policy, const struct facts *facts,
                                  struct arena *arena, struct effects *effects);
struct verdict policy_etrn(struct policy *policy, const struct facts *facts, struct arena *arena);

/* The client is one of local_header_rewrite_clients. */
bool policy_rewrites_locally(struct policy *policy, const struct facts *facts);
