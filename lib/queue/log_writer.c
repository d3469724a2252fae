/*
 * The writing side of the intake log.
 *
 * Threads reserve a span of the segment, write at the same time, and one of them flushes for
 * all whose bytes are written (group commit).
 */
#include "intake_log.h"

#include "base/memory.h"
#include "base/random.h"
#include "draft.h"
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEGMENT_BYTES = 4 << 20, FILL_BYTES = 1 << 20, RETRY_SECONDS = 60 };

/* A segment that is open for writing; under the writer's lock but for what is constant. */
struct open_segment {
    int fd;
    int64_t number;
    int64_t used;
    int users;              /* threads that are at it, and the writer while it is current */
    int64_t written;        /* entries whose bytes are handed to the kernel ... */
    int64_t flushed;        /* ... and how many of them a flush has covered */
    bool flushing;
    bool failed;            /* a flush failed: nothing more is promised here */
};

struct log_writer {
    struct queue *queue;
    struct log_writer_settings settings;
    pthread_mutex_t lock;           /* of what follows */
    pthread_cond_t flush_ended;
    struct open_segment *current, *next;
    bool preparing;
    time_t retry_at;                /* after a segment that could not be made */
    time_t second;                  /* commits in this second and the one before */
    int commits, commits_before;
};

struct log_writer *log_writer_new(struct queue *queue, const struct log_writer_settings *settings)
{
    struct log_writer *writer = memory_new(1, sizeof(*writer));

    writer->queue = queue;
    writer->settings = *settings;
    if (writer->settings.segment_bytes == 0)
        writer->settings.segment_bytes = SEGMENT_BYTES;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->flush_ended, NULL);
    return writer;
}

static void leave(struct log_writer *writer, struct open_segment *segment)
{
    if (!segment || --segment->users > 0)
        return;
    writer->queue->disk->close(writer->queue->disk, segment->fd);
    free(segment);
}

void log_writer_free(struct log_writer *writer)
{
    if (!writer)
        return;
    leave(writer, writer->current);
    leave(writer, writer->next);
    pthread_cond_destroy(&writer->flush_ended);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* --- Making a segment. --------------------------------------------------------------- */

static bool fill(const struct log_writer *writer, int fd)
{
    const struct disk *disk = writer->queue->disk;
    char *zeros = memory_new(FILL_BYTES, 1);
    int64_t left = writer->settings.segment_bytes;
    bool good = true;

    for (; good && left > 0; left -= FILL_BYTES)
        good = disk_write_all(disk, fd, zeros, left < FILL_BYTES ? (size_t)left : FILL_BYTES) == 0;
    free(zeros);
    return good && disk->flush(disk, fd) == 0;
}

/* Locked for as long as it is open; the name comes last. */
static bool build(const struct log_writer *writer, int fd, const char *draft_name,
                  const char *name)
{
    const struct queue *queue = writer->queue;
    const struct disk *disk = queue->disk;

    return disk->lock(disk, fd) == 0 && fill(writer, fd)
           && disk->rename(disk, queue->intake, draft_name, queue->intake, name) == 0
           && queue_flush_names(queue, queue->intake, ".") == 0;
}

static struct open_segment *make_segment(const struct log_writer *writer)
{
    const struct queue *queue = writer->queue;
    const struct disk *disk = queue->disk;
    int64_t number = (int64_t)(random_number() >> 1) | 1;
    char name[SEGMENT_NAME_LIMIT], draft_name[SEGMENT_NAME_LIMIT + 1];

    segment_name(name, number);
    snprintf(draft_name, sizeof(draft_name), ".%s", name);

    int fd = disk->open(disk, queue->intake, draft_name,
                        O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, QUEUE_MODE_UNFINISHED);

    if (fd < 0)
        return NULL;
    if (!build(writer, fd, draft_name, name)) {
        (void)disk->unlink(disk, queue->intake, draft_name);
        (void)disk->unlink(disk, queue->intake, name);
        disk->close(disk, fd);
        return NULL;
    }

    struct open_segment *segment = memory_new(1, sizeof(*segment));

    segment->fd = fd;
    segment->number = number;
    segment->users = 1;
    return segment;
}

/* --- Reserving. ---------------------------------------------------------------------- */

/* Counts this commit; a writer with little to do makes files, which everybody can see. */
static bool is_busy(struct log_writer *writer)
{
    time_t now = time(NULL);

    if (now != writer->second) {
        writer->commits_before = now == writer->second + 1 ? writer->commits : 0;
        writer->commits = 0;
        writer->second = now;
    }
    writer->commits++;
    return writer->commits + writer->commits_before > writer->settings.busy_commits;
}

/* Under the lock, which is given up meanwhile; others make files, or use what is left. */
static void prepare_next(struct log_writer *writer)
{
    writer->preparing = true;
    pthread_mutex_unlock(&writer->lock);

    struct open_segment *next = make_segment(writer);

    pthread_mutex_lock(&writer->lock);
    writer->preparing = false;
    writer->next = next;
    if (!next)
        writer->retry_at = time(NULL) + RETRY_SECONDS;
}

static bool has_room(const struct log_writer *writer, int64_t space)
{
    const struct open_segment *current = writer->current;

    return current && !current->failed
           && current->used + space <= writer->settings.segment_bytes;
}

static bool wants_next(const struct log_writer *writer, int64_t space)
{
    if (writer->next || writer->preparing || writer->second < writer->retry_at)
        return false;
    return !has_room(writer, space)
           || writer->current->used > writer->settings.segment_bytes / 2;
}

/* A span for an entry, or NULL: then it is to become a file. */
static struct open_segment *reserve(struct log_writer *writer, int64_t space, int64_t *offset)
{
    if (!is_busy(writer) || space > writer->settings.segment_bytes)
        return NULL;
    if (wants_next(writer, space))
        prepare_next(writer);
    if (!has_room(writer, space) && writer->next) {
        leave(writer, writer->current);
        writer->current = writer->next;
        writer->next = NULL;
    }
    if (!has_room(writer, space))
        return NULL;
    *offset = writer->current->used;
    writer->current->used += space;
    writer->current->users++;
    return writer->current;
}

/* --- Committing. --------------------------------------------------------------------- */

/* Under the lock.  True when a flush has covered everything written up to ticket. */
static bool flush_until(struct log_writer *writer, struct open_segment *segment, int64_t ticket)
{
    const struct disk *disk = writer->queue->disk;

    while (!segment->failed && segment->flushed < ticket) {
        if (segment->flushing) {
            pthread_cond_wait(&writer->flush_ended, &writer->lock);
            continue;
        }

        int64_t covered = segment->written;

        segment->flushing = true;
        pthread_mutex_unlock(&writer->lock);

        int result = disk->flush_data(disk, segment->fd);   /* the commit point */
        int code = errno;

        pthread_mutex_lock(&writer->lock);
        segment->flushing = false;
        if (result == 0)
            segment->flushed = covered;
        else
            segment->failed = true;
        pthread_cond_broadcast(&writer->flush_ended);
        errno = code;
    }
    return segment->flushed >= ticket;
}

/* What was refused must not be delivered, also when a reader sees it in memory. */
static void strike(const struct disk *disk, int fd, int64_t offset)
{
    char state = ENTRY_STRUCK;

    (void)disk->pwrite(disk, fd, &state, 1, offset + SEGMENT_STATE);
}

static bool append(struct log_writer *writer, struct open_segment *segment, int64_t offset,
                   const struct str *bytes, struct error *error)
{
    const struct disk *disk = writer->queue->disk;
    bool written = disk_pwrite_all(disk, segment->fd, bytes->data, bytes->length, offset) == 0;
    int code = errno;
    bool durable = false;

    pthread_mutex_lock(&writer->lock);
    if (written) {
        errno = EIO;
        durable = flush_until(writer, segment, ++segment->written);
        code = errno;
    }
    pthread_mutex_unlock(&writer->lock);
    if (!durable) {
        strike(disk, segment->fd, offset);
        errno = code;
        return error_system(error, "%s the intake log", written ? "flush" : "write");
    }
    return true;
}

bool draft_commit_logged(struct draft *draft, struct log_writer *writer,
                         struct envelope *envelope, struct log_place *place,
                         struct error *error)
{
    struct open_segment *segment = NULL;
    struct slice records = draft_finish(draft, envelope);
    int64_t offset = 0;

    *place = (struct log_place){ 0, 0, 0 };
    if (writer && writer->queue->intake >= 0 && records.length > 0
        && records.length <= SEGMENT_RECORDS_LIMIT && draft->id.length <= SEGMENT_ID_LIMIT) {
        pthread_mutex_lock(&writer->lock);
        segment = reserve(writer, segment_space(records.length), &offset);
        pthread_mutex_unlock(&writer->lock);
    }
    if (!segment)
        return draft_commit(draft, QUEUE_INCOMING, envelope, error);

    struct str bytes = STR_EMPTY;

    str_reserve(&bytes, SEGMENT_HEAD + records.length);
    segment_encode(&bytes, draft->id.data, time(NULL), records);

    bool durable = append(writer, segment, offset, &bytes, error);

    *place = (struct log_place){ segment->number, offset, (int64_t)records.length };
    str_free(&bytes);
    pthread_mutex_lock(&writer->lock);
    leave(writer, segment);
    pthread_mutex_unlock(&writer->lock);
    if (durable)
        draft_tell(draft, envelope);
    else
        error_prefix(error, "%s", draft->id.data);
    draft_discard(draft);
    return durable;
}
