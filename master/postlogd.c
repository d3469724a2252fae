#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
    BATCH = 32,
    LINE_BYTES = 4096,
    OUTPUT_BYTES = 64 * 1024,       /* written at the latest when there is as much */
    PAUSE_MILLISECONDS = 5,         /* or when nothing has come for that long */
    DELAY_MILLISECONDS = 50,        /* or when the first of the lines is as old */
    STAY_MILLISECONDS = 500,        /* then look whether master has something to say */
};

/*
 * What comes in a row goes to the file with one write.  Nobody who logs waits for that: the
 * socket is emptied all the time.
 */
struct collector {
    int file;
    bool waits;             /* the socket's time-out is set */
    char bytes[BATCH][LINE_BYTES];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    struct str output;
};

static bool has_allowed_name(const struct config *config)
{
    struct slice rest = slice_of(config->maillog_file_prefixes), prefix;

    while (config_list_next(&rest, false, &prefix))
        if (strncmp(config->maillog_file, prefix.data, prefix.length) == 0)
            return true;
    return false;
}

static mode_t file_mode(const struct config *config)
{
    char *end;
    unsigned long mode = strtoul(config->maillog_file_permissions, &end, 8);

    if (*end != '\0' || end == config->maillog_file_permissions || mode > 0777)
        log_fatal("bad value of maillog_file_permissions: %s", config->maillog_file_permissions);
    return (mode_t)mode;
}

static int open_file(const struct config *config)
{
    if (strcmp(config->maillog_file, "/dev/stdout") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

    int file = open(config->maillog_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (file >= 0 && fchmod(file, file_mode(config)) < 0)
        log_warn("set the mode of %s: %m", config->maillog_file);
    return file;
}

static void point_to_bytes(struct collector *collector)
{
    for (size_t i = 0; i < BATCH; i++) {
        collector->parts[i] = (struct iovec){ collector->bytes[i], LINE_BYTES };
        collector->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &collector->parts[i],
                                                          .msg_iovlen = 1 };
    }
}

static bool prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct collector *collector = memory_new(1, sizeof(*collector));

    collector->output = STR_EMPTY;
    point_to_bytes(collector);
    if (!*config->maillog_file)
        return error_set(error, "maillog_file is empty: there is no file to write to");
    if (!has_allowed_name(config))
        return error_set(error, "maillog_file value '%s' does not match any prefix in "
                         "maillog_file_prefixes", config->maillog_file);
    collector->file = open_file(config);
    if (collector->file < 0)
        return error_system(error, "open logfile '%s'", config->maillog_file);
    context->state = collector;
    return true;
}

static void write_out(struct collector *collector)
{
    struct slice rest = str_slice(&collector->output);

    while (rest.length > 0) {
        ssize_t count = write(collector->file, rest.data, rest.length);

        if (count > 0)
            rest = slice_from(rest, (size_t)count);
        else if (errno != EINTR)
            break;      /* the disk is full: there is nobody left to tell */
    }
    str_clear(&collector->output);
}

/* Reading waits a moment for the next line; once is enough. */
static void set_waiting(struct collector *collector, int fd)
{
    struct timeval pause = { 0, PAUSE_MILLISECONDS * 1000 };

    if (collector->waits)
        return;
    collector->waits = true;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

static void collect(struct collector *collector, int count)
{
    for (int i = 0; i < count; i++) {
        struct slice line = slice_bytes(collector->bytes[i], collector->messages[i].msg_len);

        while (line.length > 0 && (line.data[line.length - 1] == '\n' ||
                                   line.data[line.length - 1] == '\0'))
            line.length--;
        str_add(&collector->output, line);
        str_byte(&collector->output, '\n');
    }
}

static bool is_time_to_write(const struct collector *collector, int64_t first_at)
{
    return collector->output.length >= OUTPUT_BYTES ||
           moment_now() - first_at >= DELAY_MILLISECONDS;
}

static void take_lines(struct service_context *context, int fd)
{
    struct collector *collector = context->state;
    int64_t began = moment_now(), first_at = began;

    set_waiting(collector, fd);
    while (moment_now() - began < STAY_MILLISECONDS) {
        int count = recvmmsg(fd, collector->messages, BATCH, MSG_WAITFORONE, NULL);

        if (count <= 0)
            break;
        if (collector->output.length == 0)
            first_at = moment_now();
        collect(collector, count);
        if (is_time_to_write(collector, first_at))
            write_out(collector);
    }
    write_out(collector);
}

static int watchdog_seconds(const struct config *config)
{
    return config->postlogd_watchdog_timeout;
}

int main(int argc, char **argv)
{
    static const struct service postlogd = {
        .name = "postlogd",
        .pattern = SERVICE_EVENTS,
        .rights = RIGHT_WRITE_MAILLOG,
        .prepare = prepare,
        .watchdog_seconds = watchdog_seconds,
        .datagrams = take_lines,
    };

    return service_main(&postlogd, argc, argv);
}
