#include "ipc/lane.h"

#include "base/memory.h"
#include "base/scope.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    LENGTH_BYTES = 4,
    BUFFER_BYTES = 72 * 1024,       /* content of 64 KB and its envelope come in one recv */
    PASSED_LIMIT = 2,               /* of the frame under way, and of the one behind it */
};

/* Longer than any real wait: no time-out needs to be armed for it. */
static const int64_t endless_milliseconds = INT64_C(1000) * 86400 * 365;

struct passed {
    int fd;             /* -1: none */
    size_t offset;      /* of its frame in the buffer */
};

struct lane {
    int fd;
    int64_t read_armed;         /* SO_RCVTIMEO and SO_SNDTIMEO in milliseconds; 0: none */
    int64_t write_armed;
    char *buffer;
    size_t capacity, start, end;
    struct passed passed[PASSED_LIMIT];
    atomic_bool busy;
};

struct lane *lane_new(int fd)
{
    struct lane *lane = memory_new(1, sizeof(*lane));

    lane->fd = fd;
    for (size_t i = 0; i < PASSED_LIMIT; i++)
        lane->passed[i].fd = -1;
    return lane;
}

static bool set_address(const char *path, struct sockaddr_un *address, struct error *error)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address->sun_path))
        return error_code(error, ENAMETOOLONG, "connect to %s: the name is too long", path);
    memcpy(address->sun_path, path, strlen(path));
    return true;
}

/*
 * Arm a socket time-out, only when the one that stands would be much too long or wake us
 * all the time: equal waits, one after the other, then cost no system call.
 */
static void arm(int fd, int option, int64_t *armed, int64_t left)
{
    if (left >= endless_milliseconds)
        return;
    if (*armed > 0 && *armed <= left + left / 8 && *armed >= left / 8)
        return;

    int64_t wait = left > 0 ? left : 1;
    struct timeval time = { wait / 1000, (wait % 1000) * 1000 };

    setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
    *armed = wait;
}

struct lane *lane_open(const char *path, int64_t deadline, struct error *error)
{
    struct sockaddr_un address;

    if (!set_address(path, &address, error))
        return NULL;

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        error_system(error, "connect to %s: socket", path);
        return NULL;
    }

    struct lane *lane = lane_new(fd);

    /* A connect waits only while the backlog of the listener is full, which is rare. */
    arm(fd, SO_SNDTIMEO, &lane->write_armed, moment_left(deadline));
    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN)
            errno = ETIMEDOUT;
        error_system(error, "connect to %s", path);
        lane_close(lane);
        return NULL;
    }
    return lane;
}

static void drop_passed(struct lane *lane)
{
    for (size_t i = 0; i < PASSED_LIMIT; i++)
        if (lane->passed[i].fd >= 0)
            close(take_fd(&lane->passed[i].fd));
}

void lane_close(struct lane *lane)
{
    if (!lane)
        return;
    drop_passed(lane);
    close(lane->fd);
    free(lane->buffer);
    free(lane);
}

int lane_descriptor(const struct lane *lane)
{
    return lane->fd;
}

bool lane_is_busy(const struct lane *lane)
{
    return atomic_load(&lane->busy);
}

void lane_rest(struct lane *lane)
{
    if (lane->start == lane->end)
        atomic_store(&lane->busy, false);
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * 4)];
};

static void attach(struct msghdr *message, union control *control, int fd)
{
    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(sizeof(fd));
    control->header.cmsg_level = SOL_SOCKET;
    control->header.cmsg_type = SCM_RIGHTS;
    control->header.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&control->header), &fd, sizeof(fd));
}

/* The first try does not wait and needs no time-out: it nearly always succeeds. */
static ssize_t send_some(struct lane *lane, struct slice rest, int fd, int flags)
{
    struct iovec part = { (char *)rest.data, rest.length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control;

    if (fd >= 0)
        attach(&message, &control, fd);
    return sendmsg(lane->fd, &message, MSG_NOSIGNAL | flags);
}

bool lane_send(struct lane *lane, const struct str *output, int fd, int64_t deadline,
               struct error *error)
{
    struct slice rest = str_slice(output);
    int flags = MSG_DONTWAIT;

    while (rest.length > 0) {
        ssize_t sent = send_some(lane, rest, fd, flags);

        if (sent > 0) {
            rest = slice_from(rest, (size_t)sent);
            fd = -1;
        } else if (errno == EAGAIN) {
            int64_t left = moment_left(deadline);

            if (left == 0)
                return error_code(error, ETIMEDOUT, "send: time limit exceeded");
            arm(lane->fd, SO_SNDTIMEO, &lane->write_armed, left);
            flags = 0;
        } else if (errno != EINTR) {
            return error_system(error, "send");
        }
    }
    return true;
}

static uint32_t frame_length(const char *data)
{
    uint32_t wire;

    memcpy(&wire, data, sizeof(wire));
    return be32toh(wire);
}

/* Length and frame of what begins at offset, as far as it is known; 0: not yet. */
static size_t frame_span(const struct lane *lane, size_t offset)
{
    if (lane->end - offset < LENGTH_BYTES)
        return 0;
    return LENGTH_BYTES + frame_length(lane->buffer + offset);
}

/* The kernel ends a recv behind the bytes that a descriptor came with. */
static size_t last_frame_start(const struct lane *lane)
{
    size_t offset = lane->start;

    for (;;) {
        size_t span = frame_span(lane, offset);

        if (span == 0 || span >= lane->end - offset)
            return offset;
        offset += span;
    }
}

static void keep_passed(struct lane *lane, int fd)
{
    for (size_t i = 0; i < PASSED_LIMIT; i++)
        if (lane->passed[i].fd < 0) {
            lane->passed[i] = (struct passed){ fd, last_frame_start(lane) };
            return;
        }
    close(fd);
}

static void keep_descriptors(struct lane *lane, struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;

        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
            keep_passed(lane, fd);
        }
    }
}

/* Room for the rest of the frame that begins at start. */
static void make_room(struct lane *lane)
{
    size_t used = lane->end - lane->start;

    if (lane->start > 0 && used > 0)
        memmove(lane->buffer, lane->buffer + lane->start, used);
    for (size_t i = 0; i < PASSED_LIMIT; i++)
        lane->passed[i].offset -= lane->passed[i].fd >= 0 ? lane->start : 0;
    lane->start = 0;
    lane->end = used;

    size_t wanted = frame_span(lane, 0);

    if (wanted < BUFFER_BYTES)
        wanted = BUFFER_BYTES;
    if (lane->capacity < wanted || (used == 0 && lane->capacity > BUFFER_BYTES)) {
        lane->buffer = memory_resize(lane->buffer, wanted, 1);
        lane->capacity = wanted;
    }
}

static ssize_t receive_some(struct lane *lane)
{
    struct iovec part = { lane->buffer + lane->end, lane->capacity - lane->end };
    union control control;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof(control.bytes) };
    ssize_t got = recvmsg(lane->fd, &message, MSG_CMSG_CLOEXEC);

    if (got > 0) {
        lane->end += (size_t)got;
        atomic_store_explicit(&lane->busy, true, memory_order_relaxed);
        keep_descriptors(lane, &message);
    }
    return got;
}

static bool receive_more(struct lane *lane, int64_t deadline, struct error *error)
{
    make_room(lane);
    for (;;) {
        int64_t left = moment_left(deadline);

        if (left == 0)
            return error_code(error, ETIMEDOUT, "receive: time limit exceeded");
        arm(lane->fd, SO_RCVTIMEO, &lane->read_armed, left);

        ssize_t got = receive_some(lane);

        if (got > 0)
            return true;
        if (got == 0 && lane->end > 0)
            return error_code(error, EPROTO, "receive: the connection ended within a frame");
        if (got == 0)
            return error_code(error, EPIPE, "receive: the other side has closed the connection");
        if (errno == ECONNRESET)
            return error_code(error, EPIPE, "receive: the other side has closed the connection");
        if (errno != EAGAIN && errno != EINTR)
            return error_system(error, "receive");
    }
}

static int passed_with(struct lane *lane, size_t offset)
{
    for (size_t i = 0; i < PASSED_LIMIT; i++)
        if (lane->passed[i].fd >= 0 && lane->passed[i].offset == offset)
            return take_fd(&lane->passed[i].fd);
    return -1;
}

bool lane_receive(struct lane *lane, struct slice *frame, int *fd, int64_t deadline,
                  struct error *error)
{
    if (fd)
        *fd = -1;
    for (;;) {
        size_t span = frame_span(lane, lane->start);

        if (span > FRAME_LIMIT || (span > 0 && span < LENGTH_BYTES + sizeof(uint16_t)))
            return error_code(error, EPROTO, "receive: a frame of %zu bytes", span);
        if (span > 0 && span <= lane->end - lane->start) {
            int came = passed_with(lane, lane->start);

            if (fd)
                *fd = came;
            else if (came >= 0)
                close(came);
            *frame = slice_bytes(lane->buffer + lane->start + LENGTH_BYTES, span - LENGTH_BYTES);
            lane->start += span;
            return true;
        }
        if (!receive_more(lane, deadline, error))
            return false;
    }
}

bool lane_call(struct lane *lane, const struct frame_type *request_type, const void *request,
               const struct frame_type *reply_type, struct arena *arena, void *reply,
               int64_t deadline, struct error *error)
{
    AUTO_STR struct str output = STR_EMPTY;
    struct slice frame = { NULL, 0 };

    frame_write(&output, request_type, request);
    if (!lane_send(lane, &output, -1, deadline, error) ||
        !lane_receive(lane, &frame, NULL, deadline, error))
        return false;
    /* The lane may serve another thread at once: the answer must not stand in its buffer. */
    frame.data = arena_text(arena, frame);
    return frame_read(frame, reply_type, arena, reply, error);
}
