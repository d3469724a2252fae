#include "base/memory.h"
#include "base/scope.h"
#include "log_file.h"
#include "service/service.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 32,
    OUTPUT_BYTES = 64 * 1024,       /* written at the latest when there is as much */
    LONGEST_PAUSE = 5000,           /* microseconds; or when nothing has come for that long */
    FIRST_PAUSE = 1000,
    SHORTEST_PAUSE = 100,
    DELAY_MILLISECONDS = 50,        /* or when the first of the lines is as old */
    LEAST_ROOM = 10,                /* lines that the socket holds, as Linux has it */
    MOST_ROOM = 128,                /* a sender's own buffer bounds it too */
    STAY_MILLISECONDS = 500,        /* then look whether master has something to say */
};

/*
 * What comes in a row goes to the file with one write.  Between two looks at the socket the process
 * sleeps, so that not every line wakes it: as long as the socket is hardly ever half full, for
 * whoever finds it full waits for us.
 */
struct collector {
    struct log_file *file;
    int room;               /* lines that the socket holds */
    long pause;             /* microseconds to sleep between two looks */
    char bytes[BATCH][LOG_DATAGRAM_LIMIT];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

/* How many lines may wait in a socket: the host's setting, from before the jail. */
static int find_room(void)
{
    AUTO_CLOSE int file = open("/proc/sys/net/unix/max_dgram_qlen", O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    ssize_t count = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
    long room = count > 0 ? strtol(text, NULL, 10) : LEAST_ROOM;

    if (room > MOST_ROOM)
        return MOST_ROOM;
    return room < LEAST_ROOM ? LEAST_ROOM : (int)room;
}

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

    collector->room = find_room();
    point_to_bytes(collector);
    collector->file = log_file_open(config, error);
    if (!collector->file)
        return false;
    context->state = collector;
    return true;
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

/* All that has come; how many lines that was.  Held is what would be lost with this process. */
static int empty_socket(struct service_context *context, int fd)
{
    struct collector *collector = context->state;
    int all = 0, count;

    do {
        service_holds(context, log_file_lines(collector->file) + BATCH);
        count = recvmmsg(fd, collector->messages, BATCH, MSG_DONTWAIT, NULL);
        if (count > 0) {
            collect(collector, count);
            all += count;
        }
    } while (count == BATCH && log_file_bytes(collector->file) < OUTPUT_BYTES);
    service_holds(context, log_file_lines(collector->file));
    return all;
}

/* Less when the socket was more than half full, and longer when it was nearly empty. */
static long next_pause(const struct collector *collector, int count)
{
    long pause = collector->pause;

    if (count >= collector->room)
        pause /= 4;
    else if (count > collector->room / 2)
        pause /= 2;
    else if (count < collector->room / 4)
        pause *= 2;
    if (pause > LONGEST_PAUSE)
        return LONGEST_PAUSE;
    return pause < SHORTEST_PAUSE ? SHORTEST_PAUSE : pause;
}

static void sleep_a_moment(long microseconds)
{
    struct timespec span = { 0, microseconds * 1000 };

    nanosleep(&span, NULL);
}

static void write_out(struct service_context *context)
{
    struct collector *collector = context->state;

    log_file_write(collector->file);
    service_holds(context, 0);
}

static void take_lines(struct service_context *context, int fd)
{
    struct collector *collector = context->state;
    int64_t began = moment_now(), first_at = began;

    collector->pause = FIRST_PAUSE;
    while (moment_now() - began < STAY_MILLISECONDS) {
        bool first = log_file_lines(collector->file) == 0;
        int count = empty_socket(context, fd);

        if (count == 0 && collector->pause == LONGEST_PAUSE)
            break;
        if (first)
            first_at = moment_now();
        if (is_time_to_write(collector, first_at))
            write_out(context);
        sleep_a_moment(collector->pause);
        collector->pause = next_pause(collector, count);
    }
    write_out(context);
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
