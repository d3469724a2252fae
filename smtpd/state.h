/*
 * The inside of a session, for the files of this folder that obey its commands.
 */
#pragma once

#include "policy/policy.h"
#include "proxy.h"
#include "session.h"

#include "base/arena.h"

/* In the order of the disconnect line. */
enum command_id {
    COMMAND_HELO, COMMAND_EHLO, COMMAND_XCLIENT, COMMAND_XFORWARD, COMMAND_STARTTLS, COMMAND_AUTH,
    COMMAND_MAIL, COMMAND_RCPT, COMMAND_DATA, COMMAND_BDAT, COMMAND_RSET, COMMAND_NOOP,
    COMMAND_VRFY, COMMAND_ETRN, COMMAND_QUIT, COMMAND_UNKNOWN, COMMAND_COUNT
};

/* How a chunked transfer stands (RFC 3030). */
enum chunking {
    CHUNKING_NONE,
    CHUNKING_ACTIVE,    /* a first chunk was taken */
    CHUNKING_SKIP,      /* an error was answered: chunks are thrown away until the last */
};

/* A mail transaction, from MAIL to its end; lives in its own arena. */
struct mail {
    struct arena *arena;
    struct submission submission;
    struct effects effects;
    void *submitter;                /* content is under way */
    struct proxy *proxy;            /* NULL: the mail goes to cleanup */
    size_t refused_recipients;      /* over smtpd_recipient_limit */
    int64_t received_bytes;         /* content so far, line ends counted as two */
    bool too_large, broken;         /* what stands in the way of its acceptance */
    bool bare_lf;
    bool smtputf8;
    size_t column;                  /* of the chunks: bytes since the last line end or break */
    char last_byte;                 /* of the chunks, to see line ends across them */
};

/* What XFORWARD said of the client behind a proxy; "" stands for unknown. */
struct upstream {
    bool has_client;                /* else the client's own facts are logged */
    bool told;                      /* XFORWARD has said something, be it wrong */
    const char *name, *address, *port, *protocol, *helo, *ident;
    int family;                     /* of address */
    enum { SOURCE_UNKNOWN, SOURCE_LOCAL, SOURCE_REMOTE } source;
};

#define UPSTREAM_NONE ((struct upstream){ false, false, "", "", "", "", "", "", 0, SOURCE_UNKNOWN })

/* A session's place once cleanup has answered. */
#define PLACE_END_OF_MAIL "END-OF-MESSAGE"

struct session {
    const struct server *server;
    struct str *output;
    struct arena *arena;            /* of the connection */
    struct facts facts;
    struct upstream upstream;
    struct sockaddr_storage peer;
    bool xclient_allowed, xforward_allowed;
    const char *anvil_ident;        /* NULL: nobody counts what this client does */
    unsigned discarded;             /* EXTENSION_ bits that this client does not get */
    bool verp_allowed;
    bool denied;                    /* refused at connect time: commands are not obeyed */
    enum session_mode mode;
    enum command_id last_command;   /* for "lost connection after" */
    const char *place;              /* the same in words */
    bool pipelining;                /* we have announced it */
    bool strict_lines;              /* a bare LF ends no content */
    bool last_line_crlf, line_open; /* of the content */
    enum chunking chunking;
    bool chunk_last;
    int64_t chunk_size, chunk_left;
    struct slice line;              /* the command that is obeyed now */
    struct slice pending;           /* what follows the command that is obeyed now */
    int errors, junk, pause;
    struct { unsigned good, total; } counts[COMMAND_COUNT];
    struct mail *mail;
    struct str transcript;          /* of the conversation, for the postmaster */
    int transcript_lines;           /* not counting those of folding */
    int verbosity;                  /* above 0: the conversation is logged */
    bool secrets_follow;            /* what is no command may be the rest of AUTH */
    unsigned noted;                 /* NOTIFY_ bits of what has happened (transcript.h) */
    unsigned blame;                 /* NOTIFY_ bits of the reply; 0: what its code means */
    const char *aborted;            /* how the session ended; "" when it was with QUIT */
};

/* Append "code status text", made printable; counts for the pause of clients in error. */
void reply(struct session *session, int code, const char *status, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* After each answer: whoever has made too many errors is sent away. */
void judge_errors(struct session *session);

/* Who has brought a good mail has made no errors. */
void session_forgive(struct session *session);

/* Log a rejection that stands in the output as its reply, and say it. */
void reply_refused(struct session *session, const struct verdict *verdict);

/*
 * Whom the facts describe has changed: the text of log lines, and what that client may do.
 */
void session_identify(struct session *session);

/*
 * Ask the client restrictions and append the greeting, or the refusal; again for another client,
 * who may not have spoken yet.
 */
void session_welcome(struct session *session);
void session_greet_again(struct session *session);

/* Control characters and what is special in headers become '?'. */
void neutral_text(struct str *output, struct slice text);
const char *neutral_name(struct arena *arena, struct slice name);

/* Lines of the answer to EHLO. */
void announce_xclient(const struct session *session);
void announce_xforward(const struct session *session);

/* Append "name[address]" of XFORWARD, or the name alone when that is all. */
void upstream_origin(const struct session *session, struct str *output);

/* Each obeys a command and returns whether it succeeded. */
typedef bool command_handler(struct session *session, struct slice arguments);
command_handler obey_helo, obey_ehlo, obey_mail, obey_rcpt, obey_data, obey_bdat, obey_rset,
    obey_noop, obey_vrfy, obey_etrn, obey_quit, obey_starttls, obey_auth, obey_xclient,
    obey_xforward;

/* Start and forget a transaction. */
struct mail *mail_new(struct session *session);
void mail_reset(struct session *session);
/* One that is not the session's yet. */
void mail_free(struct mail *mail);

/*
 * The envelope is complete: give cleanup, or the filter, what it needs and start the content.
 * False when the filter does not want it and the client knows.
 */
bool mail_submit(struct session *session);
void mail_add(struct session *session, struct slice content);
/* Nothing of the content is to be queued; the envelope stays. */
void mail_give_up(struct session *session);
/* Wait for cleanup and append its answer; the transaction is over.  bytes < 0: DATA. */
bool mail_finish(struct session *session, int64_t bytes);

/* The body of our Received: header, without the name. */
const char *received_text(const struct session *session);

/*
 * The word of a path in a command, up to the blank behind it, for warnings;
 * quotes and angle brackets protect blanks.
 */
struct slice path_word(struct slice text);

/* The parameter at the front of *arguments, which is such a word too; "" when there is none. */
struct slice take_option(struct slice *arguments);

/* An address whose routing leads to what is no host name is bad syntax too. */
bool path_has_good_route(const struct server *server, struct slice address, bool utf8);

/* "FROM:<a@b>" or "FROM: <a@b>": take the keyword; false when it is not there. */
bool take_keyword(struct slice *arguments, const char *keyword);

/* Take the path off *arguments; the parameters stay.  flags: PATH_ of address/address.h. */
bool take_path(const struct session *session, struct slice *arguments, unsigned flags,
               struct str *address);
unsigned path_flags(const struct session *session, bool utf8);

/* Give the mail its queue id, and log who has brought it. */
void name_mail(struct session *session);
void log_client(const struct session *session);

/* Incomplete addresses in the mail's headers are completed with our names. */
bool mail_is_local(const struct session *session);

/* Warn of a path that is wrong; of the word of MAIL and RCPT only if it has an end. */
void warn_bad_path(const struct session *session, const char *command, struct slice path);
void warn_bad_word(const struct session *session, const char *command, struct slice path);
