/*
 * What the postfix command's parts share: the configuration, and what to do.
 */
#pragma once

#include "base/error.h"
#include "config/config.h"

#include <sys/types.h>

struct command_context {
    const struct config *config;
    const char *directory;      /* of main.cf */
    int verbose;
    uid_t owner;
    gid_t owner_group, submit_group;
};

/* The command, its name and what else stood behind it; the exit status. */
struct command {
    const char *name;
    int (*run)(const struct command_context *context);
    bool needs_running;         /* fatal when the mail system is not running */
};

/* --- life.c */

/* The process id of the running master, 0 when there is none. */
pid_t master_pid(void);

int life_start(const struct command_context *context);
int life_start_foreground(const struct command_context *context);
int life_stop(const struct command_context *context);
int life_quick_stop(const struct command_context *context);
int life_abort(const struct command_context *context);
int life_reload(const struct command_context *context);
int life_status(const struct command_context *context);
int life_flush(const struct command_context *context);

/* --- folders.c */

/* Create what is missing; name what has a wrong owner or mode. */
void folders_check(const struct command_context *context);

/* Warn when the queue is on a file system without a journal (doc/queue.md). */
void journal_check(const struct command_context *context);

/* Give every folder the owner and mode it should have. */
int folders_set(const struct command_context *context);

/* --- suite.c */

/* Fatal when daemon_directory holds the programs of another mail system. */
void suite_check(const struct command_context *context);

/* --- served.c */

/* Name what main.cf sets that has no effect here. */
void served_warn(const struct command_context *context);

/*
 * The same, what main.cf misspells, and warnings about master.cf.  With -v print what each
 * service of master.cf may do.
 */
void served_check(const struct command_context *context);

/* --- tables.c */

/* Name each table of main.cf that is missing, older than its source or of an unknown type. */
void tables_check(const struct command_context *context);

/* --- upgrade.c */

/* Add to main.cf and master.cf what those of an older release lack; says what on stdout. */
int upgrade_configuration(const struct command_context *context);

/* --- logrotate.c */

int log_rotate(const struct command_context *context);
