/*
 * The reading side of the intake log: opening entries, striking them out, making files of them.
 */
#include "log_reader.h"

#include "base/memory.h"
#include "base/scope.h"
#include "draft.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

struct log_reader *log_reader_new(struct queue *queue)
{
    struct log_reader *reader = memory_new(1, sizeof(*reader));

    reader->queue = queue;
    reader->claims = hash_new();
    pthread_mutex_init(&reader->lock, NULL);
    return reader;
}

static void segment_close(const struct log_reader *reader, struct log_segment *segment)
{
    reader->queue->disk->close(reader->queue->disk, segment->fd);
    free(segment);
}

void log_reader_free(struct log_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->segments.count; i++)
        segment_close(reader, reader->segments.items[i]);
    VECTOR_FREE(&reader->segments);
    hash_free(reader->claims, NULL);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

/* --- Segments and claims, under the lock. ------------------------------------------------ */

static struct log_segment *open_segment(struct log_reader *reader, int64_t number)
{
    const struct disk *disk = reader->queue->disk;
    char name[SEGMENT_NAME_LIMIT];
    struct disk_status status;

    segment_name(name, number);

    int fd = disk->open(disk, reader->queue->intake, name, O_RDWR | O_NOFOLLOW, 0);

    if (fd < 0)
        return NULL;
    if (disk->status(disk, fd, &status) < 0 || !S_ISREG(status.mode)) {
        disk->close(disk, fd);
        errno = ENOENT;
        return NULL;
    }

    struct log_segment *segment = memory_new(1, sizeof(*segment));

    *segment = (struct log_segment){ .number = number, .fd = fd };
    VECTOR_PUSH(&reader->segments, segment);
    return segment;
}

struct log_segment *log_reader_segment(struct log_reader *reader, int64_t number)
{
    for (size_t i = 0; i < reader->segments.count; i++)
        if (reader->segments.items[i]->number == number)
            return reader->segments.items[i];
    return open_segment(reader, number);
}

void log_reader_drop_segment(struct log_reader *reader, struct log_segment *segment)
{
    for (size_t i = 0; i < reader->segments.count; i++)
        if (reader->segments.items[i] == segment) {
            reader->segments.items[i] = reader->segments.items[--reader->segments.count];
            break;
        }
    segment_close(reader, segment);
}

static struct slice claim_key(const struct log_place *place, int64_t bytes[2])
{
    bytes[0] = place->segment;
    bytes[1] = place->offset;
    return slice_bytes((const char *)bytes, 2 * sizeof(*bytes));
}

bool log_reader_claim(struct log_reader *reader, const struct log_place *place)
{
    int64_t bytes[2];
    struct slice key = claim_key(place, bytes);

    if (hash_get(reader->claims, key))
        return false;
    (void)hash_set(reader->claims, key, reader);
    return true;
}

void log_reader_unclaim(struct log_reader *reader, const struct log_place *place)
{
    int64_t bytes[2];

    (void)hash_remove(reader->claims, claim_key(place, bytes));
}

int log_strike(const struct disk *disk, int fd, int64_t offset)
{
    char state = ENTRY_STRUCK;

    return disk_pwrite_all(disk, fd, &state, 1, offset + SEGMENT_STATE);
}

/* --- Messages. --------------------------------------------------------------------------- */

struct message *log_message_new(struct queue *queue, int fd, const struct log_place *place,
                                const char *id)
{
    struct message *message = memory_new(1, sizeof(*message));

    message->queue = queue;
    message->place = QUEUE_ACTIVE;
    message->file = fd;
    message->marks = -1;
    message->is_logged = true;
    message->log_place = *place;
    message->status.size = place->length;
    message->status.mode = S_IFREG | QUEUE_MODE_COMPLETE;
    snprintf(message->id, sizeof(message->id), "%s", id);
    record_reader_start(&message->reader, queue->disk, fd, place->length);
    message->reader.base = place->offset + SEGMENT_HEAD;
    return message;
}

/* What came in a note is not trusted to name a place. */
static bool place_is_sane(const struct log_place *place)
{
    return place->segment > 0 && place->offset >= 0 && place->offset % SEGMENT_ALIGN == 0
           && place->length > 0 && place->length <= SEGMENT_RECORDS_LIMIT;
}

enum message_state message_open_logged(struct log_reader *reader, const struct log_place *place,
                                       const char *id, struct message **message,
                                       struct error *error)
{
    *message = NULL;
    if (!place_is_sane(place) || !queue_id_is_valid(slice_of(id))) {
        error_code(error, EINVAL, "%s: no place in the intake log", id);
        return MESSAGE_MISSING;
    }
    pthread_mutex_lock(&reader->lock);

    struct log_segment *segment = log_reader_segment(reader, place->segment);
    int code = errno;

    if (segment && log_reader_claim(reader, place)) {
        segment->claims++;
        *message = log_message_new(reader->queue, segment->fd, place, id);
        (*message)->log = reader;
    }
    pthread_mutex_unlock(&reader->lock);
    if (*message)
        return MESSAGE_READY;
    errno = segment ? ENOENT : code;
    error_system(error, "%s: open in the intake log", id);
    return segment || code == ENOENT ? MESSAGE_MISSING : MESSAGE_TROUBLE;
}

/* Under the lock. */
static void leave(struct message *message)
{
    log_reader_unclaim(message->log, &message->log_place);
    log_reader_segment(message->log, message->log_place.segment)->claims--;
}

void log_reader_leave(struct message *message)
{
    struct log_reader *reader = message->log;

    if (!reader)
        return;
    pthread_mutex_lock(&reader->lock);
    leave(message);
    pthread_mutex_unlock(&reader->lock);
}

bool message_is_logged(const struct message *message)
{
    return message->is_logged;
}

bool message_content(struct message *message, const struct envelope *envelope,
                     struct str *records, struct error *error)
{
    enum { END_RECORD = 2 };
    size_t length = (size_t)envelope->content_length + END_RECORD;

    if (envelope->content_offset < 0 || envelope->content_length < 0
        || envelope->content_offset + (int64_t)length > message->status.size)
        return error_code(error, EBADMSG, "%s: content outside the message", message->id);

    char *room = str_reserve(records, length);
    struct log_reader *log = message->log;

    /* Another thread may make a file of it meanwhile. */
    if (log)
        pthread_mutex_lock(&log->lock);

    ssize_t found = disk_pread_all(message->queue->disk, message->file, room, length,
                                   message->reader.base + envelope->content_offset);
    int code = errno;

    if (log)
        pthread_mutex_unlock(&log->lock);
    errno = code;
    if (found < 0)
        return error_system(error, "%s: read", message->id);
    str_added(records, (size_t)found);
    return (size_t)found == length
           || error_code(error, EBADMSG, "%s: the content ends early", message->id);
}

/* The entry, checked: what is wrong now must not become a file that looks right. */
static bool read_entry(struct message *message, struct str *records, struct error *error)
{
    struct segment_walk walk;
    struct log_entry entry;
    struct slice found;

    segment_walk_start(&walk, message->queue->disk, message->file, message->log_place.segment);
    walk.position = message->log_place.offset;

    bool good = segment_next(&walk, &entry, &found, error)
                && entry.place.offset == message->log_place.offset
                && strcmp(entry.id, message->id) == 0;

    if (good)
        str_add(records, found);
    else if (error->code == 0)
        error_code(error, EBADMSG, "%s: damaged in the intake log", message->id);
    segment_walk_end(&walk);
    return good;
}

/* The message goes on as a file; what was read so far keeps its offsets. */
static bool become_file(struct message *message, struct message *file, struct error *error)
{
    const struct disk *disk = message->queue->disk;

    if (log_strike(disk, message->file, message->log_place.offset) < 0
        || disk->flush_data(disk, message->file) < 0)
        return error_system(error, "%s: strike out of the intake log", message->id);
    if (message->log)
        pthread_mutex_lock(&message->log->lock);
    if (message->log)
        leave(message);
    message->is_logged = false;
    message->file = file->file;
    message->status = file->status;
    memcpy(message->path, file->path, sizeof(message->path));
    message->reader.fd = file->file;
    message->reader.base = 0;
    if (message->log)
        pthread_mutex_unlock(&message->log->lock);
    file->file = -1;
    return true;
}

/*
 * The file is durable before the entry is struck out, and that is durable before anything is
 * marked in the file, or the file is removed: the entry would bring all of it back.
 */
bool message_settle(struct message *message, struct error *error)
{
    AUTO_STR struct str records = STR_EMPTY;
    struct queue *queue = message->queue;
    struct message *file;

    if (!message->is_logged)
        return true;
    if (!read_entry(message, &records, error)
        || !draft_commit_records(queue, QUEUE_ACTIVE, message->id, str_slice(&records), error))
        return false;
    if (message_open(queue, QUEUE_ACTIVE, message->id, &file, error) != MESSAGE_READY)
        return false;

    bool good = become_file(message, file, error);

    message_close(file);
    return good;
}

/*
 * An entry that cannot be struck out stays claimed: else it would be delivered again and
 * again.
 */
bool message_remove(struct message *message, struct error *error)
{
    if (!message->is_logged)
        return queue_remove(message->queue, message->place, message->id, error);
    if (log_strike(message->queue->disk, message->file, message->log_place.offset) == 0)
        return true;
    message->log = NULL;
    return error_system(error, "%s: strike out of the intake log", message->id);
}
