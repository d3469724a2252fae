/*
 * Spare files: what is left of messages that were delivered, kept to be used again, because
 * making and removing a file for each message costs more than all else of a commit.
 *
 * A spare is safe to take at any moment, without a flush of its own: on a journaled disk the
 * move to spare/, the truncation, and the new name become durable in this order or not at
 * all, and new bytes go to blocks that were free, never over the old ones.  So a crash leaves
 * what it leaves of a fresh file.  Elsewhere nothing is kept.
 *
 * One process takes (it holds the lock of the folder), so a spare has one taker.  An agent
 * that was handed the old message must not read the next one through its descriptor, taken over
 * as it may be: the kernel gives a write lease only when nobody else has the file open.
 */
#include "spare.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/vector.h"
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    SPARE_LIMIT = 256,              /* files */
    SPARE_SIZE_LIMIT = 64 * 1024,   /* a larger one is removed: its blocks are worth more */
    LOOK_LIMIT = 64,                /* names that a taker remembers */
    LOOK_PAUSE = 100,               /* milliseconds after a look that was hardly worth it */
};

struct spares {
    pthread_mutex_t lock;
    int folder;
    bool is_taker;              /* the lock of the folder is ours */
    int64_t next_count;         /* of the maker: not before this moment */
    size_t room;                /* files that the folder still takes */
    int64_t next_look;          /* of the taker */
    struct { char **items; size_t count, capacity; } names;
};

struct spares *spares_open(const struct disk *disk, int root)
{
    int folder = disk->open(disk, root, "spare", O_RDONLY | O_DIRECTORY, 0);

    if (folder < 0)
        return NULL;

    struct spares *spares = memory_new(1, sizeof(*spares));

    spares->folder = folder;
    pthread_mutex_init(&spares->lock, NULL);
    return spares;
}

static void forget_names(struct spares *spares)
{
    for (size_t i = 0; i < spares->names.count; i++)
        free(spares->names.items[i]);
    spares->names.count = 0;
}

void spares_close(const struct disk *disk, struct spares *spares)
{
    if (!spares)
        return;
    forget_names(spares);
    VECTOR_FREE(&spares->names);
    disk->close(disk, spares->folder);
    pthread_mutex_destroy(&spares->lock);
    free(spares);
}

/* After a look at the folder that was hardly worth it, messages do without for a moment. */
static int64_t look_again(bool was_worth_it)
{
    return was_worth_it ? 0 : moment_now() + LOOK_PAUSE;
}

/* Call step for each spare, at most limit times; how many there were. */
static size_t for_each(const struct queue *queue, size_t limit,
                       void (*step)(const struct queue *queue, const char *name))
{
    const struct disk *disk = queue->disk;
    void *list = disk->list_open(disk, queue->spares->folder, ".");
    size_t count = 0;

    if (!list)
        return 0;
    for (const char *name; count < limit && (name = disk->list_next(disk, list)) != NULL;) {
        if (!queue_id_is_valid(slice_of(name)))
            continue;
        if (step)
            step(queue, name);
        count++;
    }
    disk->list_close(disk, list);
    return count;
}

/* --- making ----------------------------------------------------------------------------- */

static bool take_room(const struct queue *queue)
{
    struct spares *spares = queue->spares;

    pthread_mutex_lock(&spares->lock);
    if (spares->room == 0 && moment_now() >= spares->next_count) {
        size_t found = for_each(queue, SPARE_LIMIT, NULL);

        spares->room = SPARE_LIMIT - found;
        spares->next_count = look_again(found < SPARE_LIMIT / 2);
    }

    bool has_room = spares->room > 0;

    if (has_room)
        spares->room--;
    pthread_mutex_unlock(&spares->lock);
    return has_room;
}

static bool may_become_spare(const struct message *message)
{
    const struct disk_status *status = &message->status;

    return message->queue->spares && S_ISREG(status->mode) && status->links == 1
           && status->size <= SPARE_SIZE_LIMIT && take_room(message->queue);
}

/* It is closed first: a taker refuses a file that somebody has open. */
bool message_remove(struct message *message, struct error *error)
{
    struct queue *queue = message->queue;
    const struct disk *disk = queue->disk;
    struct message copy = *message;
    bool keep = may_become_spare(message);

    message_close(message);
    if (keep && disk->rename(disk, queue->folders[copy.place], copy.path, queue->spares->folder,
                             copy.id) == 0)
        return true;
    return queue_remove(queue, copy.place, copy.id, error);
}

static void remove_spare(const struct queue *queue, const char *name)
{
    (void)queue->disk->unlink(queue->disk, queue->spares->folder, name);
}

void queue_drop_spares(struct queue *queue)
{
    if (queue->spares)
        (void)for_each(queue, SIZE_MAX, remove_spare);
}

/* --- taking ----------------------------------------------------------------------------- */

static void add_name(const struct queue *queue, const char *name)
{
    VECTOR_PUSH(&queue->spares->names, memory_copy(name));
}

static void look(const struct queue *queue)
{
    struct spares *spares = queue->spares;
    size_t found = 0;

    if (!spares->is_taker)
        spares->is_taker = queue->disk->lock(queue->disk, spares->folder) == 0;
    if (spares->is_taker)
        found = for_each(queue, LOOK_LIMIT, add_name);
    spares->next_look = look_again(found >= LOOK_LIMIT / 4);
}

/* The name of a spare that is ours alone, or NULL; the caller's to free. */
static char *take_name(const struct queue *queue)
{
    struct spares *spares = queue->spares;
    char *name = NULL;

    pthread_mutex_lock(&spares->lock);
    if (spares->names.count == 0 && moment_now() >= spares->next_look)
        look(queue);
    if (spares->names.count > 0)
        name = spares->names.items[--spares->names.count];
    pthread_mutex_unlock(&spares->lock);
    return name;
}

/* The maker has removed what lay there for long: names that we remember lead nowhere. */
static void forget(struct spares *spares)
{
    pthread_mutex_lock(&spares->lock);
    forget_names(spares);
    pthread_mutex_unlock(&spares->lock);
}

static int open_spare(const struct queue *queue, const char *name)
{
    const struct disk *disk = queue->disk;
    int file = disk->open(disk, queue->spares->folder, name,
                          O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, 0);

    if (file < 0 && errno == ENOENT)
        forget(queue->spares);
    if (file < 0)
        return -1;
    if (disk->claim(disk, file) == 0)
        return file;
    disk->close(disk, file);
    remove_spare(queue, name);
    return -1;
}

int spare_fill(const struct queue *queue, struct slice data, mode_t mode, enum queue_place place,
               const char *path)
{
    const struct disk *disk = queue->disk;
    char *name = queue->spares ? take_name(queue) : NULL;

    if (!name)
        return -1;

    int file = open_spare(queue, name);

    if (file >= 0 && (disk_write_all(disk, file, data.data, data.length) < 0
                      || disk->set_mode(disk, file, mode) < 0
                      || disk->rename(disk, queue->spares->folder, name, queue->folders[place],
                                      path) < 0)) {
        disk->close(disk, file);
        remove_spare(queue, name);
        file = -1;
    }
    free(name);
    return file;
}
