#include "stream/stream.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT_FIRST = 8 * 1024,     /* holds a command group or a small mail: one read */
    INPUT_STEP = 64 * 1024,     /* what a busy stream reads at once */
    OUTPUT_LIMIT = 64 * 1024,
    SLACK_MILLISECONDS = 1000,  /* a wait may end that late before it is worth a system call */
    LEAST_SLACK_MILLISECONDS = 5,
};

struct stream {
    int fd;
    int error;
    int64_t deadline;
    int patience;                       /* seconds for each read, each write; 0: none */
    int64_t receive_span, send_span;    /* what the socket's time-outs were last set to; 0: none */
    struct stream_transport transport;
    void *argument;
    char *input;
    size_t size, start, end;            /* of input: bytes owned; what is buffered */
    size_t searched;                    /* no LF among that many bytes from start */
    struct str output;
    bool ended;                         /* stream_wait saw the end of the input: end_result */
    enum stream_result end_result;
    bool broken;                        /* a write failed: error says why */
    enum stream_result broken_result;
};

/* --- The plain transport: a socket with time-outs. ------------------------------- */

static int64_t slack_of(int64_t left)
{
    int64_t slack = left / 16;

    if (slack > SLACK_MILLISECONDS)
        return SLACK_MILLISECONDS;
    return slack < LEAST_SLACK_MILLISECONDS ? LEAST_SLACK_MILLISECONDS : slack;
}

/*
 * Make the socket give up when the deadline passes; mostly it does already.  A time-out that is too
 * short only wakes us to look again, so it will do for the first attempt (the bytes have come, or
 * come at once), and later when it is not much shorter.
 */
static bool arm(int fd, int option, int64_t *span, int64_t left, bool again)
{
    if (*span && *span <= left + slack_of(left) && (!again || *span >= left / 8))
        return true;

    struct timeval timeout = { left / 1000, left % 1000 * 1000 };

    if (setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof(timeout)) < 0)
        return false;
    *span = left;
    return true;
}

static bool must_wait(int code)
{
    return code == EAGAIN || code == EWOULDBLOCK;
}

static ssize_t socket_read(void *argument, void *buffer, size_t size, int64_t deadline)
{
    struct stream *stream = argument;

    for (bool again = false;; again = true) {
        int64_t left = deadline ? moment_left(deadline) : 0;

        if (left && !arm(stream->fd, SO_RCVTIMEO, &stream->receive_span, left, again))
            return -1;

        ssize_t count = recv(stream->fd, buffer, size, left ? 0 : MSG_DONTWAIT);

        if (count >= 0 || (errno != EINTR && !must_wait(errno)) || !left)
            return count;
    }
}

/* Mostly the bytes fit into the socket's buffer, so no time-out is set before it is needed. */
static ssize_t socket_write(void *argument, const void *buffer, size_t size, int64_t deadline)
{
    struct stream *stream = argument;
    ssize_t count = send(stream->fd, buffer, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    while (count < 0 && (errno == EINTR || must_wait(errno))) {
        int64_t left = moment_left(deadline);

        if (!left) {
            errno = EAGAIN;
            return -1;
        }
        if (!arm(stream->fd, SO_SNDTIMEO, &stream->send_span, left, true))
            return -1;
        count = send(stream->fd, buffer, size, MSG_NOSIGNAL);
    }
    return count;
}

static bool socket_pending(UNUSED void *argument)
{
    return false;
}

static void socket_close(UNUSED void *argument)
{
}

static const struct stream_transport socket_transport = {
    socket_read, socket_write, socket_close, socket_pending,
};

/* --- Life. ------------------------------------------------------------------------ */

struct stream *stream_new(int fd)
{
    struct stream *stream = memory_new(1, sizeof(*stream));

    stream->fd = fd;
    stream->output = STR_EMPTY;
    stream->transport = socket_transport;
    stream->argument = stream;
    stream->deadline = INT64_MAX / 2;
    return stream;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    stream->transport.close(stream->argument);
    if (stream->fd >= 0)
        close(stream->fd);
    str_free(&stream->output);
    free(stream->input);
    free(stream);
}

void stream_set_transport(struct stream *stream, const struct stream_transport *transport,
                          void *argument)
{
    stream->transport = transport ? *transport : socket_transport;
    stream->argument = transport ? argument : stream;
}

int stream_descriptor(const struct stream *stream)
{
    return stream->fd;
}

int stream_errno(const struct stream *stream)
{
    return stream->error;
}

void stream_set_deadline(struct stream *stream, int64_t deadline)
{
    stream->deadline = deadline;
    stream->patience = 0;
}

void stream_set_patience(struct stream *stream, int seconds)
{
    stream->patience = seconds;
}

/* Of a read or write that begins now. */
static int64_t current_deadline(const struct stream *stream)
{
    return stream->patience ? moment_after(stream->patience) : stream->deadline;
}

void stream_rest(struct stream *stream)
{
    if (stream->start == stream->end) {
        free(stream->input);
        stream->input = NULL;
        stream->size = stream->start = stream->end = stream->searched = 0;
    }
    if (!stream->output.length)
        str_free(&stream->output);
}

/* --- Reading. --------------------------------------------------------------------- */

static enum stream_result trouble(struct stream *stream, ssize_t count)
{
    stream->error = count == 0 ? 0 : errno;
    if (count == 0)
        return STREAM_CLOSED;
    if (must_wait(stream->error) || stream->error == ETIMEDOUT)
        return STREAM_TIMEOUT;
    if (stream->error == EPIPE || stream->error == ECONNRESET)
        return STREAM_CLOSED;
    return STREAM_FAILED;
}

/* Room for wanted bytes from start on, and for at least one more byte than there is. */
static void make_room(struct stream *stream, size_t wanted)
{
    if (stream->start == stream->end)
        stream->start = stream->end = stream->searched = 0;
    if (stream->end < stream->size && stream->start + wanted <= stream->size)
        return;

    size_t held = stream->end - stream->start;

    if (stream->start) {
        memmove(stream->input, stream->input + stream->start, held);
        stream->start = 0;
        stream->end = held;
    }

    size_t size = stream->size ? stream->size : INPUT_FIRST;

    if (held == stream->size && stream->size)
        size = stream->size < INPUT_STEP ? INPUT_STEP : stream->size * 2;
    while (size < wanted)
        size *= 2;
    if (size == stream->size)
        return;
    stream->input = memory_resize(stream->input, size, 1);
    stream->size = size;
}

/* Read once more; deadline 0 does not wait. */
static enum stream_result read_more(struct stream *stream, size_t wanted, int64_t deadline)
{
    if (stream->ended)
        return stream->end_result;
    make_room(stream, wanted);

    ssize_t count = stream->transport.read(stream->argument, stream->input + stream->end,
                                           stream->size - stream->end, deadline);

    if (count <= 0)
        return trouble(stream, count);
    stream->end += (size_t)count;
    /* Whoever fills a buffer has more to say: the next read is a large one. */
    if (stream->end == stream->size && stream->size < INPUT_STEP) {
        stream->input = memory_resize(stream->input, INPUT_STEP, 1);
        stream->size = INPUT_STEP;
    }
    return STREAM_OK;
}

static struct slice consume(struct stream *stream, size_t count)
{
    struct slice bytes = { stream->input + stream->start, count };

    stream->start += count;
    stream->searched = 0;
    return bytes;
}

/* The LF that ends the buffered line; false when there is none yet. */
static bool find_end(struct stream *stream, size_t *length)
{
    size_t held = stream->end - stream->start;

    if (stream->searched >= held)
        return false;

    const char *from = stream->input + stream->start + stream->searched;
    const char *end = memchr(from, '\n', held - stream->searched);

    if (!end) {
        stream->searched = held;
        return false;
    }
    *length = (size_t)(end - (stream->input + stream->start));
    return true;
}

static bool line_is_too_long(const struct stream *stream, size_t limit)
{
    size_t held = stream->end - stream->start;

    /* A CR at the limit may be half of the line end. */
    return held > limit + 1 ||
           (held == limit + 1 && stream->input[stream->start + limit] != '\r');
}

static enum stream_result give_part(struct stream *stream, size_t limit, struct slice *line)
{
    *line = consume(stream, limit);
    return STREAM_TOO_LONG;
}

enum stream_result stream_line(struct stream *stream, size_t limit, struct slice *line,
                               bool *crlf)
{
    size_t length;

    while (!find_end(stream, &length)) {
        if (line_is_too_long(stream, limit))
            return give_part(stream, limit, line);

        enum stream_result result = read_more(stream, limit + 2, current_deadline(stream));

        if (result != STREAM_OK)
            return result;
    }

    bool has_cr = length && stream->input[stream->start + length - 1] == '\r';

    if (length - has_cr > limit) {
        stream->searched = 0;
        return give_part(stream, limit, line);
    }
    *line = consume(stream, length + 1);
    line->length -= 1 + (size_t)has_cr;
    if (crlf)
        *crlf = has_cr;
    return STREAM_OK;
}

enum stream_result stream_read(struct stream *stream, size_t limit, struct slice *bytes)
{
    if (stream->start == stream->end) {
        enum stream_result result = read_more(stream, 1, current_deadline(stream));

        if (result != STREAM_OK)
            return result;
    }

    size_t held = stream->end - stream->start;

    *bytes = consume(stream, held < limit ? held : limit);
    return STREAM_OK;
}

enum stream_result stream_read_until(struct stream *stream, size_t length, struct str *bytes)
{
    while (bytes->length < length) {
        struct slice part;
        enum stream_result result = stream_read(stream, length - bytes->length, &part);

        if (result != STREAM_OK)
            return result;
        str_add(bytes, part);
    }
    return STREAM_OK;
}

bool stream_has_line(const struct stream *stream)
{
    size_t held = stream->end - stream->start;

    return held && memchr(stream->input + stream->start, '\n', held) != NULL;
}

size_t stream_buffered(const struct stream *stream)
{
    return stream->end - stream->start;
}

struct slice stream_peek(const struct stream *stream)
{
    return slice_bytes(stream->input ? stream->input + stream->start : NULL,
                       stream->end - stream->start);
}

enum stream_result stream_fill(struct stream *stream)
{
    do {
        enum stream_result result = read_more(stream, 1, 0);

        if (result == STREAM_TIMEOUT)
            return STREAM_OK;
        if (result != STREAM_OK)
            return result;
    } while (stream->transport.pending(stream->argument));
    return STREAM_OK;
}

bool stream_wait(struct stream *stream, int milliseconds)
{
    enum stream_result result = read_more(stream, 1, moment_now() + milliseconds);

    if (result == STREAM_TIMEOUT)
        return false;
    if (result == STREAM_OK)
        result = stream->transport.pending(stream->argument) ? stream_fill(stream) : STREAM_OK;
    stream->ended = result != STREAM_OK;
    stream->end_result = result;
    return true;
}

void stream_drain(struct stream *stream)
{
    stream->start = stream->end = stream->searched = 0;
}

/* --- Writing. --------------------------------------------------------------------- */

static void break_output(struct stream *stream, ssize_t count)
{
    stream->broken = true;
    stream->broken_result = trouble(stream, count);
    str_clear(&stream->output);
}

static void write_out(struct stream *stream)
{
    size_t written = 0;

    while (written < stream->output.length && !stream->broken) {
        ssize_t count = stream->transport.write(stream->argument, stream->output.data + written,
                                                stream->output.length - written,
                                                current_deadline(stream));

        if (count <= 0)
            break_output(stream, count);
        else
            written += (size_t)count;
    }
    str_clear(&stream->output);
}

void stream_write(struct stream *stream, struct slice bytes)
{
    if (stream->broken)
        return;
    str_add(&stream->output, bytes);
    if (stream->output.length >= OUTPUT_LIMIT)
        write_out(stream);
}

void stream_format(struct stream *stream, const char *format, ...)
{
    va_list args;

    if (stream->broken)
        return;
    va_start(args, format);
    str_vformat(&stream->output, format, args);
    va_end(args);
    if (stream->output.length >= OUTPUT_LIMIT)
        write_out(stream);
}

enum stream_result stream_flush(struct stream *stream)
{
    if (stream->output.length)
        write_out(stream);
    return stream->broken ? stream->broken_result : STREAM_OK;
}
