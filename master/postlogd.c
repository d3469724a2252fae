#include "base/memory.h"
#include "log_file.h"
#include "service/service.h"

#include <fcntl.h>
#include <sys/socket.h>

enum {
    BATCH = 32,
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
    struct log_file *file;
    bool waits;             /* the socket's time-out is set */
    char bytes[BATCH][LOG_DATAGRAM_LIMIT];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

static void point_to_bytes(struct collector *collector)
{
    for (size_t i = 0; i < BATCH; i++) {
        collector->parts[i] = (struct iovec){ collector->bytes[i], LOG_DATAGRAM_LIMIT };
        collector->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &collector->parts[i],
                                                          .msg_iovlen = 1 };
    }
}

static bool prepare(struct service_context *context, struct error *error)
{
    const struct config *config = context->config;
    struct collector *collector = memory_new(1, sizeof(*collector));

    point_to_bytes(collector);
    collector->file = log_file_open(config, error);
    if (!collector->file)
        return false;
    context->state = collector;
    return true;
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
    for (int i = 0; i < count; i++)
        log_file_add(collector->file, slice_bytes(collector->bytes[i],
                                                  collector->messages[i].msg_len));
}

static bool is_time_to_write(const struct collector *collector, int64_t first_at)
{
    return log_file_bytes(collector->file) >= OUTPUT_BYTES ||
           moment_now() - first_at >= DELAY_MILLISECONDS;
}

/* What would be lost with this process: that and what it is being given. */
static int receive(struct service_context *context, int fd)
{
    struct collector *collector = context->state;

    service_holds(context, log_file_lines(collector->file) + BATCH);
    return recvmmsg(fd, collector->messages, BATCH, MSG_WAITFORONE, NULL);
}

static void take_lines(struct service_context *context, int fd)
{
    struct collector *collector = context->state;
    int64_t began = moment_now(), first_at = began;

    set_waiting(collector, fd);
    while (moment_now() - began < STAY_MILLISECONDS) {
        int count = receive(context, fd);

        if (count <= 0)
            break;
        if (log_file_lines(collector->file) == 0)
            first_at = moment_now();
        collect(collector, count);
        if (is_time_to_write(collector, first_at))
            log_file_write(collector->file);
    }
    log_file_write(collector->file);
    service_holds(context, 0);
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
