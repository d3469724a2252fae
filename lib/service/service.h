/*
 * The skeleton of every daemon (architecture 5.1, 5.7, 5.9, 5.12).
 *
 * main() declares a struct service; service_main reads the command line that
 * master gave and main.cf, opens the log, takes the sockets, calls prepare while
 * still privileged and single-threaded, gives up everything that rights does
 * not name, and then serves until idle, worn out, retired or told to stop.
 * Only this room knows threads, chroot, setuid, seccomp, Landlock and signals.
 */
#pragma once

#include "base/error.h"
#include "base/moment.h"
#include "config/config.h"
#include "ipc/lane.h"
#include "service/events.h"
#include "stream/stream.h"

#include <sys/socket.h>

enum service_pattern {
    /*
     * Many clients that are mostly silent (smtpd): parked in epoll between turns; a pool
     * thread calls greet when a client has come and turn when it has said something.
     */
    SERVICE_SESSIONS,
    /*
     * Few, busy clients of our own (cleanup, bounce, smtp, proxymap): a thread for each
     * connection calls turn again and again until it returns TURN_LEAVE.
     */
    SERVICE_LANES,
    /* As lanes, but one connection at a time, in the main thread, as another user maybe. */
    SERVICE_SINGLE,
    /* A single-threaded event loop of its own (qmgr, anvil, postlogd, showq, pickup). */
    SERVICE_EVENTS,
};

/* What a service may do once confined.  Each is a row in service/rights.c. */
enum service_right {
    RIGHT_READ_TABLES = 1 << 0,     /* files below the configuration and table directories */
    RIGHT_CONNECT_UNIX = 1 << 1,    /* sockets in private/ and public/ */
    RIGHT_CONNECT_TCP = 1 << 2,
    RIGHT_RESOLVE = 1 << 3,         /* DNS: UDP and TCP to name servers, resolv.conf, hosts */
    RIGHT_WRITE_QUEUE = 1 << 4,     /* the queue directories of messages */
    RIGHT_READ_QUEUE = 1 << 5,
    RIGHT_WRITE_LOGS = 1 << 6,      /* bounce/, defer/, trace/ */
    RIGHT_WRITE_DATA = 1 << 7,      /* data_directory */
    RIGHT_NSS = 1 << 8,             /* passwd, group and whatever NSS loads (proxymap, local) */
    RIGHT_BECOME_USERS = 1 << 9,    /* setuid to recipients: local, virtual, pipe, spawn */
    RIGHT_EXECUTE = 1 << 10,        /* run foreign programs */
    RIGHT_WRITE_MAILBOXES = 1 << 11,
    RIGHT_WRITE_MAILLOG = 1 << 12,  /* postlogd: the directory of maillog_file */
    RIGHT_READ_MAILDROP = 1 << 13,  /* pickup: read and remove there */
    RIGHT_WRITE_FLUSH = 1 << 14,
    RIGHT_MEMORY_FILE = 1 << 15,    /* files that live in memory only: a program's input */
};

/* What prepare makes, and every callback gets. */
struct service_context {
    const struct config *config;
    const char *service_name;       /* first column of master.cf, e.g. "relay" */
    const char *program;
    void *state;                    /* the program's own, set by prepare; shared by all threads */
    char **words;                   /* of the master.cf line behind its options: user= argv= */
    int word_count;
    bool stress;                    /* -o stress=yes */
    int verbose;
    void *internal;                 /* the skeleton's */
};

struct client {
    const struct service_context *context;
    struct stream *stream;          /* SERVICE_SESSIONS, buffered; NULL in the lane patterns */
    struct lane *lane;              /* SERVICE_LANES and SERVICE_SINGLE */
    struct sockaddr_storage peer;   /* inet and pass services: the address of the client */
    struct sockaddr_storage local;
    unsigned long number;           /* stands in brackets on its log lines */
    void *session;                  /* the program's, set by greet or turn */
    int64_t deadline;               /* while parked: when expired is called; moment_now() based */
};

enum turn { TURN_STAY, TURN_LEAVE };

struct service {
    const char *name;               /* the program: log tag, used-by name, "smtpd" */
    enum service_pattern pattern;
    unsigned rights;
    /*
     * Serve as mail_owner even where master.cf leaves root: what needs root is done by prepare, or
     * in a process of its own (service/executor.h).
     */
    bool owner;

    /*
     * Privileged and single-threaded: open tables, keys, sockets, directories that the
     * service needs later, and say so (service_reads).  False ends the process with a fatal
     * line; in a reload the old generation stays in service.
     */
    bool (*prepare)(struct service_context *context, struct error *error);

    /* The longest that one step may take; NULL: daemon_timeout. */
    int (*watchdog_seconds)(const struct config *config);

    /* rights as the configuration asks for: given what rights says; may be NULL. */
    unsigned (*adjust_rights)(const struct service_context *context, unsigned rights);

    /* A client has come: make its session, send the greeting. TURN_LEAVE closes. */
    enum turn (*greet)(struct client *client);
    /* It has said something (sessions) or may (lanes): answer. */
    enum turn (*turn)(struct client *client);
    /* client->deadline has passed while it was parked; the client is closed after. */
    void (*expired)(struct client *client);
    /* It is gone: free the session.  Called once for each greet. */
    void (*leave)(struct client *client);
    /*
     * The process was told to stop and this client is parked between turns: say so
     * (421); the client is closed after.
     */
    void (*closing)(struct client *client);

    /* SERVICE_EVENTS: set the loop up (service/events.h); called confined. */
    bool (*start)(struct service_context *context, struct events *events, struct error *error);
    /* SERVICE_EVENTS: a client has connected; fd is now the program's. NULL: none are taken. */
    void (*accepted)(struct service_context *context, struct events *events, int fd);
    /* SERVICE_EVENTS: trigger bytes came, or master's wake-up ('W'). */
    void (*triggered)(struct service_context *context, struct events *events, struct slice bytes);
    /* SERVICE_EVENTS, a unix-dgram service: datagrams wait on its socket. */
    void (*datagrams)(struct service_context *context, int fd);
    /*
     * SERVICE_EVENTS: a process may start before the last generation's has ended, although there
     * is only one of the service; the two see to it that they do not get in each other's way.
     */
    bool overlaps;
    /*
     * SERVICE_EVENTS: finish what must not be lost; called before the process ends, when nothing
     * new is accepted any more.  It may run the loop again, which ends before its time when
     * service_is_stopping has become true.
     */
    void (*stop)(struct service_context *context, struct events *events);
};

int service_main(const struct service *service, int argc, char **argv);

/*
 * For prepare: the process depends on this file; master watches it and starts a new
 * generation when it changes.  Its folder stays readable after confinement.
 */
void service_reads(const struct service_context *context, const char *path);

/* For prepare: RIGHT_WRITE_DATA is to hold for this folder too. */
void service_writes(const struct service_context *context, const char *folder);

/* For prepare: the configuration asks for these rights beside those that the program declares. */
void service_needs(struct service_context *context, unsigned rights);

/* What would be lost if the process were killed now: master says so when that happens. */
void service_holds(const struct service_context *context, unsigned lines);

/* "private/NAME" or "public/NAME" below the queue directory, as it is reached after chroot. */
const char *service_socket(const struct service_context *context, const char *class,
                           const char *name);

/* True once the process was told to end: long waits (retries, polls) look at it. */
bool service_is_stopping(const struct service_context *context);

/* The same, also when that has not been looked at yet; a system call. */
bool service_must_stop(const struct service_context *context);
