/*
 * A lane: a connection over a Unix socket that carries many frames, one after
 * the other, each way; and descriptors beside them.
 *
 * One sendmsg for a frame, one recv into the lane's buffer while it fits.
 * Descriptors block, with time-outs; deadlines are absolute (base/moment.h).
 * A lane belongs to one thread at a time.  SIGPIPE never comes (MSG_NOSIGNAL).
 */
#pragma once

#include "base/moment.h"
#include "ipc/frame.h"

struct lane;

/* Connect to a service's socket; waits until the deadline. error->code is errno's. */
struct lane *lane_open(const char *path, int64_t deadline, struct error *error) MUST_USE;

/* Around a connected descriptor, which the lane now owns. */
struct lane *lane_new(int fd);

/* NULL is fine. */
void lane_close(struct lane *lane);

int lane_descriptor(const struct lane *lane);

/*
 * Send frames that stand in output, with descriptor fd beside the first byte (-1: none);
 * output is a single frame when there is one.  error->code: ETIMEDOUT, EPIPE, ...
 */
bool lane_send(struct lane *lane, const struct str *output, int fd, int64_t deadline,
               struct error *error) MUST_USE;

/*
 * Receive the next frame; *frame (without its length) is valid until the next call.
 * A descriptor that came is put into *fd and owned by the caller, else *fd is -1; with fd
 * NULL it is closed.  error->code: ETIMEDOUT at the deadline, EPIPE when the other side
 * has closed between frames, EPROTO when it did so within one or sent rubbish.
 */
bool lane_receive(struct lane *lane, struct slice *frame, int *fd, int64_t deadline,
                  struct error *error) MUST_USE;

/*
 * True from the first byte of a request on until lane_rest says that it was answered and nothing
 * more stands in the buffer; may be asked by another thread.
 */
bool lane_is_busy(const struct lane *lane);
void lane_rest(struct lane *lane);

/* Write one message, wait for one: the ordinary round trip. */
bool lane_call(struct lane *lane, const struct frame_type *request_type, const void *request,
               const struct frame_type *reply_type, struct arena *arena, void *reply,
               int64_t deadline, struct error *error) MUST_USE;

/*
 * A pool of lanes to one service of the process, thread-safe.  A lane that was idle may
 * have been closed by its server: lane_pool_call tries once more over a fresh one
 * when nothing of an answer had come.
 */
struct lane_pool;

struct lane_pool *lane_pool_new(const char *path, size_t idle_limit, int idle_seconds);
void lane_pool_free(struct lane_pool *pool);

/* An idle lane or a fresh one; *reused says which. */
struct lane *lane_pool_take(struct lane_pool *pool, bool *reused, int64_t deadline,
                            struct error *error) MUST_USE;

/* Give it back; healthy false closes it. */
void lane_pool_give(struct lane_pool *pool, struct lane *lane, bool healthy);

bool lane_pool_call(struct lane_pool *pool, const struct frame_type *request_type,
                    const void *request, const struct frame_type *reply_type,
                    struct arena *arena, void *reply, int64_t deadline,
                    struct error *error) MUST_USE;
