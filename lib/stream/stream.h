/*
 * Buffered byte streams with absolute deadlines, over a descriptor or TLS.
 *
 * A stream blocks until its deadline; SO_RCVTIMEO and SO_SNDTIMEO are re-armed with
 * what remains, so a slow client cannot stretch a wait.  Buffers are taken when there is
 * something in them and given back by stream_rest, so that a parked session owns none.
 * A stream belongs to one thread at a time.
 */
#pragma once

#include "base/moment.h"
#include "base/str.h"

#include <sys/types.h>

enum stream_result {
    STREAM_OK,
    STREAM_CLOSED,      /* the other side ended the connection */
    STREAM_TIMEOUT,     /* the deadline passed */
    STREAM_FAILED,      /* another error; stream_errno says which */
    STREAM_TOO_LONG,    /* a line without end within the limit: what there is was consumed */
};

struct stream;

/* Around a connected descriptor, which the stream now owns. */
struct stream *stream_new(int fd);

/* Closes without flushing. NULL is fine. */
void stream_close(struct stream *stream);

int stream_descriptor(const struct stream *stream);
int stream_errno(const struct stream *stream);

/* Every read and write from now on ends at the deadline (base/moment.h). */
void stream_set_deadline(struct stream *stream, int64_t deadline);

/*
 * Instead of a deadline: each single read and write from now on, until a deadline is set, may wait
 * that long, whatever came before it.  A peer that trickles bytes can then stretch a wait.
 */
void stream_set_patience(struct stream *stream, int seconds);

/*
 * The next line, without its line end, which is LF or CR LF; *crlf (may be NULL) says which.
 * Valid until the next call.  A line longer than limit is given in parts with
 * STREAM_TOO_LONG until its last, which is STREAM_OK.
 */
enum stream_result stream_line(struct stream *stream, size_t limit, struct slice *line,
                               bool *crlf);

/* Up to limit bytes, at least one. */
enum stream_result stream_read(struct stream *stream, size_t limit, struct slice *bytes);

/* Append to bytes until they are length bytes long. */
enum stream_result stream_read_until(struct stream *stream, size_t length, struct str *bytes);

/* True when a whole line or count bytes stand in the buffer already: no wait, no system call. */
bool stream_has_line(const struct stream *stream);
size_t stream_buffered(const struct stream *stream);

/* What is buffered for reading, without consuming it. */
struct slice stream_peek(const struct stream *stream);

/* Read whatever has come, without waiting; used when epoll said so. STREAM_OK also for nothing. */
enum stream_result stream_fill(struct stream *stream);

/*
 * Wait that long for the other side and read what it says.  False when it says nothing; its end and
 * a failure are true, and what every later read returns.
 */
bool stream_wait(struct stream *stream, int milliseconds);

/* Throw away what is buffered for reading (STARTTLS). */
void stream_drain(struct stream *stream);

/* Append to the output buffer; written when 64 KB stand there. Errors show at the flush. */
void stream_write(struct stream *stream, struct slice bytes);
void stream_format(struct stream *stream, const char *format, ...) PRINTF_LIKE(2, 3);

enum stream_result stream_flush(struct stream *stream);

/* Give back the buffers that are empty. */
void stream_rest(struct stream *stream);

/* The transport under a stream, for TLS: both return bytes, 0 at the end, -1 with errno. */
struct stream_transport {
    ssize_t (*read)(void *argument, void *buffer, size_t size, int64_t deadline);
    ssize_t (*write)(void *argument, const void *buffer, size_t size, int64_t deadline);
    void (*close)(void *argument);
    bool (*pending)(void *argument);    /* bytes that wait below the descriptor */
};
void stream_set_transport(struct stream *stream, const struct stream_transport *transport,
                          void *argument);
