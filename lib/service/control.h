/*
 * What master and each of its processes agree on: descriptors, the page, and the
 * messages of the control socket (SOCK_SEQPACKET, a message each).
 *
 * The command line that master gives: PROGRAM -n SERVICE -t TYPE -s LISTENERS -k SLOTS
 * [-u] [-c] [-r REWRITE:name=value], then the words of the master.cf line; -r for each -o of each
 * trivial-rewrite line.  MAIL_CONFIG is the directory of
 * main.cf.
 */
#pragma once

#include "base/slice.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    CONTROL_FD = 3,         /* of a process: its control socket to master */
    PAGE_FD = 4,            /* its page */
    COPY_FD = 5,            /* the main.cf that master serves from (master/copy.c) */
    FIRST_LISTENER_FD = 6,
    CONTROL_LIMIT = 4096,   /* bytes of the longest message */
};

/* The first byte of a message. */
enum control_message {
    /* From a process. */
    CONTROL_READS = 'F',        /* and a path: start a new generation when it changes */
    CONTROL_PREPARED = 'P',     /* waits for CONTROL_GO: there may be only one of it */
    CONTROL_READY = 'R',        /* serves from now on */
    CONTROL_FULL = 'L',         /* its last free slot is taken, or it takes no more clients */
    CONTROL_CROWDED = 'C',      /* takes no more clients for now, and one waits */
    /* From master. */
    CONTROL_GO = 'G',
    CONTROL_RETIRE = 'T',       /* take no more clients, end when the last has gone */
    CONTROL_WAKEUP = 'W',
    CONTROL_LOOK = 'A',         /* a client waits at a listener */
};

/*
 * One writer, the process; master reads it as a hint and never waits for it
 * (architecture 5.12).
 */
struct service_page {
    atomic_uint slots;          /* clients that can be served at once */
    atomic_uint busy;           /* of them taken */
    atomic_uint retiring;       /* no more clients are taken */
    atomic_uint endless;        /* an event loop: takes clients as they come */
    atomic_uint held;           /* lines of the log that end with the process */
    atomic_ulong served;        /* clients, or arrivals of datagrams or trigger bytes, so far */
};

/* Master's side: a page for a process that does not run yet; fills *fd (to be closed). */
struct service_page *page_new(int *fd);
void page_free(struct service_page *page);

/* The process's side; a page of its own when it runs without master. */
struct service_page *page_open(int fd);

/* Say something; nobody there is no error. */
void control_say(int fd, enum control_message message, struct slice text);
