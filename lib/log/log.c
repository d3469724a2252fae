#include "log/log.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/json.h"
#include "log/socket.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <time.h>

/* The log of the process: written by log_open before there are threads. */
static struct {
    struct log_settings settings;
    char host[256];
    int facility;
    struct log_socket socket;
    atomic_ulong lost;          /* lines that nobody took, and that nobody was told of */
} the_log = { .settings = { .program = "unknown", .standard_error = true },
              .socket = { .fd = -1 } };

static _Thread_local unsigned long session_number;

static const struct {
    const char *prefix, *name, *word;
    int priority;
} severities[] = {
    [LOG_SEVERITY_INFO] = { "", "info", "info", LOG_INFO },
    [LOG_SEVERITY_WARNING] = { "warning: ", "warn", "warning", LOG_WARNING },
    [LOG_SEVERITY_ERROR] = { "error: ", "error", "error", LOG_ERR },
    [LOG_SEVERITY_FATAL] = { "fatal: ", "fatal", "fatal", LOG_CRIT },
    [LOG_SEVERITY_PANIC] = { "panic: ", "panic", "panic", LOG_CRIT },
};

static int facility_code(const char *name)
{
    static const struct {
        const char *name;
        int code;
    } facilities[] = {
        { "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV }, { "cron", LOG_CRON },
        { "daemon", LOG_DAEMON }, { "ftp", LOG_FTP }, { "kern", LOG_KERN }, { "lpr", LOG_LPR },
        { "mail", LOG_MAIL }, { "news", LOG_NEWS }, { "security", LOG_AUTH },
        { "syslog", LOG_SYSLOG }, { "user", LOG_USER }, { "uucp", LOG_UUCP },
        { "local0", LOG_LOCAL0 }, { "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
        { "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 }, { "local5", LOG_LOCAL5 },
        { "local6", LOG_LOCAL6 }, { "local7", LOG_LOCAL7 },
    };

    for (size_t i = 0; i < COUNT(facilities); i++)
        if (name && strcmp(facilities[i].name, name) == 0)
            return facilities[i].code;
    return LOG_MAIL;
}

void log_number(unsigned long number)
{
    session_number = number;
}

bool log_is_verbose(void)
{
    return the_log.settings.verbose > 0;
}

const char *log_severity_name(enum log_severity severity)
{
    return severities[severity].name;
}

static unsigned long line_number(void)
{
    return session_number ? session_number : (unsigned long)getpid();
}

/* "Nov 22 00:57:27", computed once a second for each thread. */
static const char *time_stamp(void)
{
    static _Thread_local time_t last;
    static _Thread_local char text[32];
    time_t now = time(NULL);

    if (now != last) {
        struct tm parts;

        localtime_r(&now, &parts);
        strftime(text, sizeof(text), "%b %e %H:%M:%S", &parts);
        last = now;
    }
    return text;
}

/* Who starts the mail system logs before postlogd can run. */
static bool append_line(struct slice line)
{
    const char *path = the_log.settings.fallback_file;
    AUTO_CLOSE int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    struct iovec parts[] = { { (char *)line.data, line.length }, { (char *)"\n", 1 } };

    return file >= 0 && writev(file, parts, COUNT(parts)) > 0;
}

static void classic_line(struct str *line, enum log_severity severity, unsigned long lost,
                         const char *text)
{
    const struct log_settings *settings = &the_log.settings;

    if (settings->postlog_socket)
        str_format(line, "%s %s ", time_stamp(), the_log.host);
    else
        str_format(line, "<%d>%s ", the_log.facility | severities[severity].priority,
                   time_stamp());
    str_format(line, "%s[%lu]: %s%s", settings->tag, line_number(), severities[severity].prefix,
               text);
    if (lost)
        str_format(line, " [%lu lines before this one were lost]", lost);
}

static void new_line(struct str *line, enum log_severity severity, unsigned long lost,
                     const char *text)
{
    struct json_event event = {
        .host = the_log.host, .program = the_log.settings.tag, .session = line_number(),
        .severity = severities[severity].word, .lost = lost, .text = slice_of(text),
    };

    clock_gettime(CLOCK_REALTIME, &event.time);
    json_line(line, &event);
}

void log_render(struct str *line, enum log_severity severity, unsigned long lost, const char *text)
{
    if (the_log.settings.json && the_log.settings.postlog_socket)
        new_line(line, severity, lost, text);
    else
        classic_line(line, severity, lost, text);
}

static void to_syslog(enum log_severity severity, const char *text)
{
    unsigned long lost = atomic_exchange(&the_log.lost, 0);
    AUTO_STR struct str line = STR_EMPTY;

    log_render(&line, severity, lost, text);
    if (!log_socket_send(&the_log.socket, str_slice(&line)) && !append_line(str_slice(&line)))
        atomic_fetch_add(&the_log.lost, lost + 1);
}

/* Without a line to follow nobody would ever hear of them. */
static void say_what_was_lost(void)
{
    if (atomic_load(&the_log.lost) == 0 || !the_log.settings.syslog)
        return;
    atomic_store(&the_log.socket.wait_at, 0);
    to_syslog(LOG_SEVERITY_WARNING, "this process ends");
}

void log_open(const struct log_settings *settings)
{
    struct log_settings old = the_log.settings;
    struct utsname names;
    static bool opened;

    the_log.settings = *settings;
    the_log.settings.tag = memory_copy(settings->tag);
    the_log.settings.program = memory_copy(settings->program ? settings->program : settings->tag);
    the_log.settings.postlog_socket = memory_copy(settings->postlog_socket);
    the_log.settings.fallback_file = memory_copy(settings->fallback_file);
    the_log.facility = facility_code(settings->facility);
    if (opened) {
        free((void *)old.tag);
        free((void *)old.program);
        free((void *)old.postlog_socket);
        free((void *)old.fallback_file);
    } else {
        atexit(say_what_was_lost);
    }
    opened = true;
    if (uname(&names) == 0) {
        names.nodename[strcspn(names.nodename, ".")] = '\0';
        snprintf(the_log.host, sizeof(the_log.host), "%s", names.nodename);
    }
    if (settings->syslog)
        log_socket_open(&the_log.socket, the_log.settings.postlog_socket
                                             ? the_log.settings.postlog_socket : "/dev/log",
                        settings->never_waits);
    else
        log_socket_close(&the_log.socket);
}

static void to_standard_error(enum log_severity severity, const char *text)
{
    AUTO_STR struct str line = STR_EMPTY;

    str_format(&line, "%s: %s%s\n", the_log.settings.program, severities[severity].prefix, text);

    ssize_t ignored = write(STDERR_FILENO, line.data, line.length);

    (void)ignored;
}

static void write_line(enum log_severity severity, const char *format, va_list args)
{
    int code = errno;
    AUTO_STR struct str raw = STR_EMPTY;
    AUTO_STR struct str text = STR_EMPTY;

    str_vformat(&raw, format, args);
    printable_text(&text, slice_part(str_slice(&raw), 0, LOG_LINE_LIMIT));
    if (the_log.settings.sink)
        the_log.settings.sink(severity, text.data);
    if (the_log.settings.syslog)
        to_syslog(severity, text.data);
    if (the_log.settings.standard_error)
        to_standard_error(severity, text.data);
    errno = code;
}

#define WRITE_LINE(severity, format)            \
    do {                                        \
        va_list args;                           \
                                                \
        va_start(args, format);                 \
        write_line(severity, format, args);     \
        va_end(args);                           \
    } while (0)

void log_debug(const char *format, ...)
{
    if (log_is_verbose())
        WRITE_LINE(LOG_SEVERITY_INFO, format);
}

void log_info(const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_INFO, format);
}

void log_warn(const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_WARNING, format);
}

void log_error(const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_ERROR, format);
}

void log_line(enum log_severity severity, const char *format, ...)
{
    WRITE_LINE(severity, format);
}

void log_fatal(const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_FATAL, format);
    if (the_log.settings.daemon)
        sleep(1);
    exit(1);
}

void log_fatal_status(int status, const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_FATAL, format);
    if (the_log.settings.daemon)
        sleep(1);
    exit(status);
}

static void log_backtrace(void)
{
    void *frames[32];
    int count = backtrace(frames, COUNT(frames));
    char **names = backtrace_symbols(frames, count);

    for (int i = 0; names && i < count; i++)
        log_line(LOG_SEVERITY_PANIC, "frame %d: %s", i, names[i]);
    free(names);
}

void log_panic(const char *format, ...)
{
    WRITE_LINE(LOG_SEVERITY_PANIC, format);
    log_backtrace();
    abort();
}
