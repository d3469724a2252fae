/*
 * Opening a message, and the marks in it.
 */
#include "message.h"

#include "base/memory.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int open_file(struct queue *queue, struct message *message, int flags)
{
    return queue->disk->open(queue->disk, queue->folders[message->place], message->path,
                             flags | O_NOFOLLOW | O_NONBLOCK, 0);
}

static int open_any_depth(struct queue *queue, struct message *message)
{
    struct disk_status status;

    queue_path_in(queue, message->place, message->id, message->path);

    int fd = open_file(queue, message, O_RDONLY);

    if (fd >= 0 || errno != ENOENT
        || !queue_find(queue, message->place, message->id, message->path, &status))
        return fd;
    return open_file(queue, message, O_RDONLY);
}

/* What the status of an open file says of the message in it. */
static enum message_state judge(const struct disk_status *status, struct error *error)
{
    if (!S_ISREG(status->mode)) {
        error_code(error, EINVAL, "not a regular file");
        return MESSAGE_CORRUPT;
    }
    if (!(status->mode & S_IXUSR))
        return MESSAGE_UNFINISHED;
    if (status->size == 0) {
        error_code(error, EBADMSG, "empty file");
        return MESSAGE_CORRUPT;
    }
    return MESSAGE_READY;
}

enum message_state message_open(struct queue *queue, enum queue_place place, const char *id,
                                struct message **message, struct error *error)
{
    *message = NULL;
    if (!queue_id_is_valid(slice_of(id))) {
        error_code(error, EINVAL, "bad queue id %s", id);
        return MESSAGE_MISSING;
    }

    struct message *opened = memory_new(1, sizeof(*opened));
    enum message_state state = MESSAGE_TROUBLE;

    opened->queue = queue;
    opened->place = place;
    opened->marks = -1;
    snprintf(opened->id, sizeof(opened->id), "%s", id);
    opened->file = open_any_depth(queue, opened);
    if (opened->file < 0) {
        state = errno == ENOENT ? MESSAGE_MISSING : MESSAGE_TROUBLE;
        error_system(error, "open %s/%s", queue_place_name(place), opened->path);
    } else if (queue->disk->status(queue->disk, opened->file, &opened->status) < 0) {
        error_system(error, "status of %s/%s", queue_place_name(place), opened->path);
    } else {
        state = judge(&opened->status, error);
        if (state == MESSAGE_CORRUPT)
            error_prefix(error, "%s/%s", queue_place_name(place), opened->path);
    }
    if (state != MESSAGE_READY) {
        message_close(opened);
        return state;
    }
    record_reader_start(&opened->reader, queue->disk, opened->file, opened->status.size);
    *message = opened;
    return MESSAGE_READY;
}

void message_close(struct message *message)
{
    if (!message)
        return;
    record_reader_free(&message->reader);
    if (message->is_logged)
        log_reader_leave(message);
    else if (message->file >= 0)
        message->queue->disk->close(message->queue->disk, message->file);
    if (message->marks >= 0)
        message->queue->disk->close(message->queue->disk, message->marks);
    free(message);
}

int message_descriptor(const struct message *message)
{
    return message->file;
}

static struct message_times times_of(const struct disk_status *status)
{
    return (struct message_times){
        .next_attempt = status->modified,
        .file_size = status->size,
        .unthrottle = status->mode & QUEUE_UNTHROTTLE,
        .expire = status->mode & QUEUE_EXPIRE,
    };
}

bool message_times(const struct message *message, struct message_times *times,
                   struct error *error)
{
    (void)error;
    *times = times_of(&message->status);
    return true;
}

bool queue_times(struct queue *queue, enum queue_place place, const char *id,
                 struct message_times *times, bool *complete, struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_find(queue, place, id, path, &status))
        return error_system(error, "status of %s/%s", queue_place_name(place), id);
    *times = times_of(&status);
    *complete = S_ISREG(status.mode) && (status.mode & S_IXUSR);
    return true;
}

/*
 * The descriptor that marks are written through.  It is another one than that which
 * agents get, so that a taken-over agent cannot write to the queue.  The path may lead to
 * another message by now, so the file is compared.
 */
static bool open_marks(struct message *message, struct error *error)
{
    struct queue *queue = message->queue;
    struct disk_status status;

    if (message->marks >= 0)
        return true;
    message->marks = open_file(queue, message, O_RDWR);
    if (message->marks < 0)
        return error_system(error, "open %s/%s", queue_place_name(message->place),
                            message->path);
    if (queue->disk->status(queue->disk, message->marks, &status) == 0
        && status.inode == message->status.inode)
        return true;
    queue->disk->close(queue->disk, message->marks);
    message->marks = -1;
    return error_code(error, ESTALE, "%s/%s is another file now",
                      queue_place_name(message->place), message->path);
}

enum { MARK_SPAN = 32 * 1024 };

/* How many of the handles, which rise, lie within one span. */
static size_t count_span(const int64_t *handles, size_t count)
{
    size_t taken = 1;

    while (taken < count && handles[taken] > handles[taken - 1]
           && handles[taken] - handles[0] < MARK_SPAN)
        taken++;
    return taken;
}

/*
 * Mark the recipients of one span with one read and one write.  The bytes between
 * them are written as they were, so a torn write does no harm.
 */
static bool mark_span(struct message *message, char *span, const int64_t *handles, size_t count,
                      struct error *error)
{
    const struct disk *disk = message->queue->disk;
    size_t length = (size_t)(handles[count - 1] - handles[0]) + 1;
    ssize_t found = disk_pread_all(disk, message->marks, span, length, handles[0]);

    if (found < 0)
        return error_system(error, "%s: read", message->id);
    for (size_t i = 0; i < count; i++) {
        size_t place = (size_t)(handles[i] - handles[0]);

        if (place >= (size_t)found
            || (span[place] != RECORD_RECIPIENT && span[place] != RECORD_DONE))
            return error_code(error, EBADMSG, "%s: no recipient record at offset %lld",
                              message->id, (long long)handles[i]);
        span[place] = RECORD_DONE;
    }
    if (disk_pwrite_all(disk, message->marks, span, length, handles[0]) < 0)
        return error_system(error, "%s: write", message->id);
    return true;
}

bool message_mark_done(struct message *message, const int64_t *handles, size_t count,
                       struct error *error)
{
    if (count == 0)
        return true;
    if (!message_settle(message, error) || !open_marks(message, error))
        return false;

    char *span = memory_new(MARK_SPAN, 1);
    bool done = true;

    for (size_t i = 0; done && i < count;) {
        size_t taken = count_span(handles + i, count - i);

        done = handles[i] > 0 && mark_span(message, span, handles + i, taken, error);
        i += taken;
    }
    free(span);
    if (!done)
        return false;
    if (message->queue->disk->flush_data(message->queue->disk, message->marks) < 0)
        return error_system(error, "%s: flush", message->id);
    return true;
}

/* A message whose envelope came with the note of cleanup has not been read. */
static bool find_warn_record(struct message *message, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    struct envelope envelope;
    bool more;

    if (message->stage != STAGE_START)
        return true;
    if (!message_envelope(message, arena, &envelope, 1, &more, error))
        return false;
    message->stage = STAGE_START;
    return true;
}

bool message_mark_warned(struct message *message, struct error *error)
{
    enum { HEAD = 2, WIDTH = 15 };
    char text[32];

    if (!message_settle(message, error) || !find_warn_record(message, error))
        return false;
    if (message->warn_record == 0)
        return true;
    if (!open_marks(message, error))
        return false;
    snprintf(text, sizeof(text), "%*d", WIDTH, 0);
    if (disk_pwrite_all(message->queue->disk, message->marks, text, WIDTH,
                        message->warn_record + HEAD) < 0
        || message->queue->disk->flush_data(message->queue->disk, message->marks) < 0)
        return error_system(error, "%s: write", message->id);
    return true;
}
