/*
 * The process of a service, as the rooms of the skeleton see it.
 */
#pragma once

#include "service/control.h"
#include "service/service.h"

#include <sys/types.h>

enum listener_type { LISTENER_INET, LISTENER_UNIX, LISTENER_FIFO, LISTENER_DGRAM, LISTENER_PASS };

enum { LISTENER_LIMIT = 256, SLOT_LIMIT = 4096 };

/* The command line, see control.h. */
struct options {
    const char *service_name;
    enum listener_type type;
    int listener_count;         /* from FIRST_LISTENER_FD on */
    int slots;                  /* clients at once, at most */
    bool unprivileged;          /* give up root for mail_owner */
    bool chroot;
    bool stress;
    bool debugged;              /* -D */
    int verbose;
    struct config_override *overrides;
    size_t override_count;
    const char **rewrite_settings;      /* "SERVICE:name=value" of trivial-rewrite's lines */
    size_t rewrite_count;
    char **words;               /* what follows the options: flags= user= argv= */
    int word_count;
};

/* Parameters that the skeleton itself reads. */
struct service_settings {
    const char *queue_directory, *data_directory, *config_directory, *mail_owner;
    const char *confinement, *maillog_file;
    int max_idle_seconds, max_use, watchdog_seconds;
};

struct process {
    const struct service *service;
    struct service_context context;
    struct options options;
    struct service_settings settings;
    int control;                /* -1: runs without master */
    struct service_page *page;
    int signals;                /* signalfd */
    int listeners[LISTENER_LIMIT];      /* count of them in options */
    atomic_bool retiring;       /* takes no more clients, ends when the last has gone */
    bool look_again;            /* master says that clients wait */
    atomic_bool stopping;       /* was told to end now: parked clients are sent away */
    atomic_bool has_barked;     /* the watchdog has said so and ends the process */
    _Atomic int64_t working_since;      /* for the watchdog; 0: nothing is under way */
    uid_t owner;                /* mail_owner */
    gid_t owner_group;
    unsigned needs;             /* rights that the configuration asks for (service_needs) */
    struct str reads;           /* folders to read, each with a NUL behind */
    struct str writes;          /* folders of caches outside data_directory, likewise */
};

/* Take the command line apart; a wrong one is fatal. */
void options_read(struct options *options, int argc, char **argv);

/*
 * Read main.cf once more when addresses are rewritten and resolved by other settings than the
 * process's own: then *config is another one, with its rewriter.  False: they are wrong.
 */
bool rewriter_settle(const struct options *options, const struct config_request *request,
                     const struct config **config, struct error *error) MUST_USE;

/*
 * Take a client off a listener.  False when there was none.  fd is -1 for a pass service whose
 * peer handed nothing over.
 */
struct arrival {
    int fd;
    struct sockaddr_storage peer, local;
};
bool accept_client(const struct process *process, int listener, struct arrival *arrival);

/*
 * Take in what master says: a retirement, wake-ups (counted in *wakeups, may be NULL).
 * Sets stopping when master has gone.
 */
void process_hear(struct process *process, int *wakeups);

/*
 * Let go of the listeners, whose service master may have closed.  Their numbers stay taken, so
 * that a thread on its way to accept finds nothing there.
 */
void process_close_listeners(const struct process *process);

/* Does somebody wait at the listener of this number? */
bool process_client_waits(const struct process *process, int index);

/* This process accepts no more for now: have master find another one for those who wait. */
void process_hand_on(const struct process *process);

/* Take in signals: SIGTERM is stopping. */
void process_signalled(struct process *process);

/* Serve, each until the process should end. */
void serve_pool(struct process *process);       /* sessions and lanes */
void serve_single(struct process *process);
void serve_events(struct process *process);

/*
 * End the process when what lies between begin and end takes longer than daemon_timeout.  To be
 * started before confinement, from the main thread.
 */
void watchdog_start(struct process *process);
void watchdog_begin(struct process *process);
void watchdog_end(struct process *process);

/* With -D: run debugger_command and wait for it; it may leave a debugger behind. */
void debugger_run(const struct process *process);

/* Give up what the rights do not name.  Fatal when something cannot be given up. */
void confine(struct process *process);

/* A client is there, or has gone: the page and the counters. True: the last slot was taken. */
bool page_take(struct process *process);
void page_give(struct process *process);
