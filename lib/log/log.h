/*
 * The log: one line an event, to syslog, to postlogd, to standard error.
 *
 * An event has two renderings: the classic line, and a JSON object (log/json.h).
 * Lines are written by many threads at once; each is one datagram or one
 * write.  A line never blocks for longer than LOG_WAIT_SECONDS (see log/socket.h): what
 * cannot be handed over by then is counted, and the count is logged with the next line that
 * can, at the latest when the process ends.
 * Control characters and malformed UTF-8 in a text become '?'.
 *
 * The process has one log.  It is the one place of state that is not passed
 * as an argument; log_open is called once, before there are threads.
 */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>

enum { LOG_WAIT_SECONDS = 5, LOG_LINE_LIMIT = 2000 };

enum log_severity { LOG_SEVERITY_INFO, LOG_SEVERITY_WARNING, LOG_SEVERITY_ERROR,
                    LOG_SEVERITY_FATAL, LOG_SEVERITY_PANIC };

struct log_settings {
    const char *tag;            /* before "[number]: ", e.g. "postfix/smtpd"; copied */
    const char *program;        /* before ": " on standard error, e.g. "postmap"; copied */
    const char *facility;       /* name of a syslog facility; NULL is "mail" */
    const char *postlog_socket; /* path of public/postlog when maillog_file is set, else NULL */
    const char *fallback_file;  /* written to when nobody takes a line; NULL: none */
    bool never_waits;           /* for who takes a line: master, who starts postlogd */
    bool json;                  /* to postlog_socket and fallback_file as JSON (log/json.h) */
    bool syslog;                /* to /dev/log (or postlog_socket, when that is set) */
    bool standard_error;        /* to descriptor 2 as well */
    bool daemon;                /* log_fatal waits a second, so that a supervisor is not raced */
    int verbose;                /* number of -v: log_debug writes from 1 on */
    void (*sink)(enum log_severity severity, const char *text);  /* for tests; NULL without */
};

/*
 * Open the log, or open it anew.  The sockets are connected here, so that it
 * works after chroot and without further rights.  What cannot be reached is
 * tried again with each line.
 */
void log_open(const struct log_settings *settings);

/*
 * The number in brackets on the lines of this thread from now on; 0 stands for
 * the process id.  It joins the lines of one session, from connect to disconnect.
 */
void log_number(unsigned long number);

/* Lines of debugging: -v.  The arguments are evaluated always. */
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
bool log_is_verbose(void);

void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);   /* "warning: " */
void log_error(const char *format, ...) PRINTF_LIKE(1, 2);  /* "error: " */

/* "fatal: ", then exit(1). */
void log_fatal(const char *format, ...) PRINTF_LIKE(1, 2) NO_RETURN;

/* "fatal: ", then exit(status), for commands with statuses of sysexits.h. */
void log_fatal_status(int status, const char *format, ...) PRINTF_LIKE(2, 3) NO_RETURN;

/* "panic: ", a backtrace, abort(): for a bug. */
void log_panic(const char *format, ...) PRINTF_LIKE(1, 2) NO_RETURN;

/* A line with a severity of choice (postlog(1)); never exits. */
void log_line(enum log_severity severity, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * A line as it would be sent, for who writes the file of the log himself (postlogd, which cannot
 * send to itself).  lost: lines before this one that were.
 */
void log_render(struct str *line, enum log_severity severity, unsigned long lost,
                const char *text);

/* The word of a severity as it stands in a line and after postlog -p: "info", "warn", ... */
const char *log_severity_name(enum log_severity severity);
