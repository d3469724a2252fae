/*
 * master.cf: a service on each logical line (man 5 master).
 *
 * One parser for the program master and for postconf, who complain in different words:
 * Postfix's master stops at what it cannot serve, postconf shows as much as it can.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

enum master_field {
    MASTER_NAME,
    MASTER_TYPE,
    MASTER_PRIVATE,
    MASTER_UNPRIVILEGED,
    MASTER_CHROOT,
    MASTER_WAKEUP,
    MASTER_PROCESS_LIMIT,
    MASTER_COMMAND,
    MASTER_FIELDS,
};

enum master_type { MASTER_INET, MASTER_UNIX, MASTER_DATAGRAM, MASTER_FIFO, MASTER_PASS };

/* A yes-or-no field: "-" leaves it to the default, which may depend on compatibility_level. */
enum master_choice { MASTER_DEFAULT, MASTER_NO, MASTER_YES };

struct master_service {
    const char *fields[MASTER_FIELDS];  /* as they stand in the file, "-" too */
    const char **arguments;             /* behind the command; { } around one is taken off */
    size_t argument_count;
    int line;                           /* the first of its lines */

    const char *name;
    enum master_type type;
    enum master_choice private, unprivileged, chroot;
    int wakeup_seconds;                 /* 0: never */
    bool wakeup_conditional;            /* "60?": not before it was used */
    int process_limit;                  /* -1: default_process_limit; 0: none */
    const char *command;
};

enum master_cf_reader {
    MASTER_CF_SERVE,    /* errors in the words of master; of equal services the last counts */
    MASTER_CF_SHOW,     /* errors in the words of postconf; every service is kept */
};

struct master_cf;

/* Something that is wrong but does not stop the reader. */
typedef void master_cf_warn(void *argument, const char *text);

/* Read the file at path (DIRECTORY/master.cf).  Warnings go to warn, which may be NULL. */
bool master_cf_read(const char *path, enum master_cf_reader reader, master_cf_warn *warn,
                    void *argument, struct master_cf **master_cf, struct error *error) MUST_USE;

/* The same from memory; path is for messages. */
bool master_cf_parse(struct slice text, const char *path, enum master_cf_reader reader,
                     master_cf_warn *warn, void *argument, struct master_cf **master_cf,
                     struct error *error) MUST_USE;

/* NULL is fine.  The services go with it. */
void master_cf_free(struct master_cf *master_cf);

size_t master_cf_count(const struct master_cf *master_cf);
const struct master_service *master_cf_at(const struct master_cf *master_cf, size_t index);

/* "inet", "unix", "unix-dgram", "fifo", "pass". */
const char *master_type_name(enum master_type type);

/*
 * The settings of -o among the arguments: start with *index = 0.  *setting is "name=value" or
 * what else stands behind -o.  False when there are no more.
 */
bool master_service_setting(const struct master_service *service, size_t *index,
                            const char **setting);
