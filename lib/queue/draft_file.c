/*
 * A draft becomes a file: what is written early, and the commit (doc/queue.md).
 */
#include "draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static void note_failure(struct draft *draft, const char *step)
{
    if (draft->failed)
        return;
    draft->failed = errno;
    draft->failed_step = step;
}

/* Make the file, under its final name: without the x bit nobody looks at it. */
static bool make_file(struct draft *draft)
{
    const struct queue *queue = draft->queue;
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

    queue_path_in(queue, draft->place, draft->id.data, draft->path);
    draft->file = queue->disk->open(queue->disk, queue->folders[draft->place], draft->path, flags,
                                    QUEUE_MODE_UNFINISHED);
    if (draft->file < 0 && errno == ENOENT && strchr(draft->path, '/')
        && queue_make_folders(queue, draft->place, draft->path))
        draft->file = queue->disk->open(queue->disk, queue->folders[draft->place], draft->path,
                                        flags, QUEUE_MODE_UNFINISHED);
    if (draft->file < 0)
        note_failure(draft, "create");
    return draft->file >= 0;
}

void draft_write(struct draft *draft)
{
    if (!draft->failed && draft->file < 0)
        (void)make_file(draft);
    if (!draft->failed && disk_write_all(draft->queue->disk, draft->file, draft->buffer.data,
                                         draft->buffer.length) < 0)
        note_failure(draft, "write");
    draft->written += (int64_t)draft->buffer.length;
    str_clear(&draft->buffer);
}

static void finish_records(struct draft *draft)
{
    draft_content_end(draft);
    if (!draft->ended)
        draft_add(draft, RECORD_END, slice_of(""));
}

/* Fill the size record in: in the buffer when it is still there, else in the file. */
static void write_size(struct draft *draft)
{
    enum { HEAD = 2 };
    char text[RECORD_SIZE_LENGTH + 1 + 32];

    snprintf(text, sizeof(text), "%15lld %15lld %15lld %15lld %15lld %15lld",
             (long long)draft->content_length, (long long)draft->content_offset,
             (long long)draft->recipient_count, (long long)draft->queue_flags,
             (long long)draft->content_length, (long long)draft->send_options);
    if (draft->written == 0)
        memcpy(draft->buffer.data + HEAD, text, RECORD_SIZE_LENGTH);
    else if (!draft->failed && disk_pwrite_all(draft->queue->disk, draft->file, text,
                                               RECORD_SIZE_LENGTH, HEAD) < 0)
        note_failure(draft, "write");
}

/* Give the unfinished file the place that the commit names. */
static void take_place(struct draft *draft, enum queue_place place)
{
    const struct queue *queue = draft->queue;
    char path[QUEUE_PATH_LIMIT];

    if (draft->place == place)
        return;
    if (draft->file < 0 || draft->failed) {
        draft->place = draft->file < 0 ? place : draft->place;
        return;
    }
    queue_path_in(queue, place, draft->id.data, path);
    if (strchr(path, '/') && !queue_make_folders(queue, place, path)) {
        note_failure(draft, "make folder");
        return;
    }
    if (queue_rename(queue, draft->place, draft->path, place, path) < 0) {
        note_failure(draft, "name");
        return;
    }
    draft->place = place;
    snprintf(draft->path, sizeof(draft->path), "%s", path);
}

/* Who submits may write to maildrop and not read it, so cannot open the folder to flush it. */
static int flush_name(const struct draft *draft)
{
    const struct disk *disk = draft->queue->disk;

    if (queue_flush_folder(draft->queue, draft->place, draft->path) == 0)
        return 0;
    return errno == EACCES ? disk->flush_all(disk, draft->file) : -1;
}

/*
 * The commit.  The x bit makes the message visible and comes before the last
 * fsync, so that no power cut can undo what was answered 250.  Where a file may come out
 * of a crash with holes (large files; file systems that are not known) the content
 * is flushed before the x bit is set.
 */
static void make_durable(struct draft *draft, bool streamed)
{
    const struct queue *queue = draft->queue;
    const struct disk *disk = queue->disk;
    mode_t mode = draft->place == QUEUE_MAILDROP ? QUEUE_MODE_MAILDROP : QUEUE_MODE_COMPLETE;

    if (!draft->failed && (streamed || !queue->journaled) && disk->flush(disk, draft->file) < 0)
        note_failure(draft, "flush");
    if (!draft->failed && !queue->journaled && flush_name(draft) < 0)
        note_failure(draft, "flush folder");
    if (!draft->failed && disk->set_mode(disk, draft->file, mode) < 0)
        note_failure(draft, "mark complete");
    if (!draft->failed && disk->flush(disk, draft->file) < 0)   /* the commit point */
        note_failure(draft, "flush");
}

static void draft_free(struct draft *draft)
{
    if (draft->file >= 0)
        draft->queue->disk->close(draft->queue->disk, draft->file);
    str_free(&draft->id);
    str_free(&draft->buffer);
    str_free(&draft->line);
    free(draft);
}

/*
 * Nothing may remain of a draft that failed, also when qmgr has seen it complete in the
 * meantime and has taken it on.
 */
static void remove_file(struct draft *draft)
{
    const struct queue *queue = draft->queue;
    char path[QUEUE_PATH_LIMIT];

    if (draft->file < 0)
        return;
    if (queue->disk->unlink(queue->disk, queue->folders[draft->place], draft->path) == 0
        || draft->place != QUEUE_INCOMING)
        return;
    queue_path_in(queue, QUEUE_ACTIVE, draft->id.data, path);
    (void)queue->disk->unlink(queue->disk, queue->folders[QUEUE_ACTIVE], path);
}

void draft_discard(struct draft *draft)
{
    if (!draft)
        return;
    remove_file(draft);
    draft_free(draft);
}

struct slice draft_finish(struct draft *draft, const struct envelope *envelope)
{
    finish_records(draft);
    if (envelope)       /* what the headers need is known only now (RFC 6532) */
        draft->send_options = envelope->send_options;
    if (draft->sized)
        write_size(draft);
    return draft->file < 0 && !draft->failed ? str_slice(&draft->buffer) : SLICE_LITERAL("");
}

void draft_tell(const struct draft *draft, struct envelope *envelope)
{
    if (!envelope)
        return;
    envelope->content_offset = draft->content_offset;
    envelope->content_length = draft->content_length;
    envelope->content_size = draft->content_length;
}

/* The draft is gone in any case. */
static bool commit_file(struct draft *draft, enum queue_place place, struct envelope *envelope,
                        struct error *error)
{
    bool streamed = draft->file >= 0;

    take_place(draft, place);
    draft_write(draft);
    make_durable(draft, streamed);
    if (draft->failed) {
        errno = draft->failed;
        error_system(error, "%s: %s queue file", draft->id.data, draft->failed_step);
        draft_discard(draft);
        return false;
    }
    draft_tell(draft, envelope);
    draft_free(draft);
    return true;
}

bool draft_commit(struct draft *draft, enum queue_place place, struct envelope *envelope,
                  struct error *error)
{
    (void)draft_finish(draft, envelope);
    return commit_file(draft, place, envelope, error);
}

bool draft_commit_records(struct queue *queue, enum queue_place place, const char *id,
                          struct slice records, struct error *error)
{
    struct draft *draft = draft_new_in(queue, place, id, error);

    if (!draft)
        return false;
    str_clear(&draft->buffer);
    str_add(&draft->buffer, records);
    return commit_file(draft, place, NULL, error);
}
