/*
 * master: holds every socket of master.cf, starts a process when a client comes and
 * none is free, and starts another when it dies, is worn out, or its files change.
 *
 * One event loop, one thread.  The files: table (the lines and their services), listener
 * (sockets), child (processes), serve (when to start one), generation (reload and changed
 * files), copy (the main.cf in service), wakeup, lock.
 */
#pragma once

#include "base/moment.h"
#include "base/vector.h"
#include "config/config.h"
#include "service/control.h"
#include "service/events.h"

#include <sys/types.h>

enum listen_type { LISTEN_INET, LISTEN_UNIX, LISTEN_FIFO, LISTEN_DGRAM, LISTEN_PASS };

/* A line of master.cf with the defaults filled in. */
struct line {
    char *name;
    char *type;                 /* as it stands there: "inet", ... */
    enum listen_type listen;
    bool is_private, unprivileged, chroot;
    int wakeup_seconds;         /* 0: never */
    bool wakeup_if_used;        /* wakeup with a ? behind */
    int process_limit;          /* 0: none */
    char *program;
    char **words;               /* arguments behind the program, NULL at the end */
    size_t word_count;
};

struct line_list {
    struct line *items;
    size_t count, capacity;
};

struct child {
    struct service_entry *service;
    pid_t pid;
    int control;
    struct service_page *page;
    int generation;
    bool ready;                 /* serves, or has served */
    bool prepared;              /* waits for CONTROL_GO */
    bool retired;
    bool told_to_end;           /* by us, so how it ends is nothing to warn of */
    struct child *next;
};

struct service_entry {
    struct master *master;
    struct line line;
    char *path;                 /* of the program */
    struct { int *items; size_t count, capacity; } listeners;
    struct child *children;
    int generation;
    bool watched;               /* the listeners are in the event loop */
    bool replacing;             /* a child of the new generation is under way */
    bool named;                 /* a program we do not need was named once */
    bool used;
    struct event_timer *throttle;
    struct event_timer *wakeup;
    int64_t isolated_until, stressed_until, limit_named_at;
    int wakeups_owed;           /* a wake-up for a process that does not run yet */
    bool dropped;               /* its line has gone; freed when the last child ends */
    bool listed;                /* while a new master.cf is compared */
    struct { char **items; size_t count, capacity; } reads;
};

/* Who is told to end when: stop.c. */
enum stop_step { STOP_WORKERS, STOP_HELPERS, STOP_LOGS };

struct master {
    struct events *events;
    const struct config *config;
    char *config_directory;
    int copy;                   /* main.cf as it was when it was last taken into service */
    bool copy_is_good;          /* every service can be started with it */
    int verbose;
    uid_t owner;
    gid_t owner_group;
    int null;                   /* /dev/null */
    struct { struct service_entry **items; size_t count, capacity; } services;
    struct watcher *watcher;
    bool stopping;
    enum stop_step step;        /* of stopping */
    int exit_status;
};

/* --- table.c */

/* Read DIRECTORY/master.cf with the defaults of the configuration filled in. */
bool lines_read(const struct config *config, const char *directory, struct line_list *lines,
                struct error *error) MUST_USE;
void line_free(struct line *line);

/* --- listener.c */

bool listeners_open(struct service_entry *service, struct error *error) MUST_USE;
void listeners_close(struct service_entry *service);

/* --- child.c */

/* Start one process that may serve that many clients at once. */
struct child *child_start(struct service_entry *service, int slots);
void child_retire(struct child *child);
void children_reap(struct master *master);

/* --- serve.c */

/* Look at a service again: watch its listeners or not. */
void service_look(struct service_entry *service);

/* A process that was woken for clients does not take them: another one has to look. */
void service_hand_on(struct service_entry *service);
void service_throttle(struct service_entry *service);
int service_slots_for_next(const struct service_entry *service);
void service_child_ready(struct child *child);
void service_child_prepared(struct child *child);
void service_child_gone(struct child *child, int status);

/* --- generation.c */

/* Start a new generation of one service; the old one goes when the new one is ready. */
void service_renew(struct service_entry *service);
bool master_load(struct master *master, bool first, struct error *error) MUST_USE;
void service_free(struct service_entry *service);

/* --- stop.c */

/* Tell everybody to end, in an order in which nobody waits in vain; the event loop then stops. */
void stop_begin(struct master *master);

/* After a process has ended: who is next. */
void stop_go_on(struct master *master);

/* False: the mail system ends, and this service is not needed for that. */
bool stop_lets_start(const struct service_entry *service);

/* --- last_lines.c: when postlogd has ended with everybody else. */

void last_lines_take(const struct master *master);

/* --- settle.c: when all processes are gone; waits for the disk. */

void master_settle(const struct master *master);

/* --- copy.c */

/* The bytes of main.cf in memory that nobody can change; -1 with the error. */
int copy_take(const char *directory, struct error *error) MUST_USE;

/*
 * Would every service of these lines start with that main.cf and its own -o?  Everything that is
 * wrong is logged once, as a warning in Postfix's words.
 */
bool copy_is_good(const struct master *master, int copy, const struct line_list *lines);

/* --- wakeup.c */

void wakeup_start(struct service_entry *service);
void wakeup_pay(struct child *child);

/* --- watch.c */

struct watcher *watcher_new(struct master *master);
void watcher_add(struct service_entry *service, const char *path);
void watcher_forget(struct service_entry *service);

/* --- lock.c */

/*
 * The locks that keep a second master, ours or Postfix's, off the queue and the data directory.
 * True when it is ours now; it lasts as long as the process.
 */
bool lock_take(const char *path, pid_t *holder, struct error *error) MUST_USE;
bool lock_is_held(const char *path, pid_t *holder);
