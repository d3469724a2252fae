/*
 * What a new life does with what an earlier one left.
 */
#include "message.h"

#include "base/scope.h"

#include <errno.h>
#include <stdio.h>

/*
 * Another name of the same message, which a crash between link and unlink left
 * (only without a journal; see queue_rename).
 */
static bool has_other_name(const struct queue *queue, const char *id,
                           const struct disk_status *status)
{
    for (int place = 0; place < QUEUE_PLACE_COUNT; place++) {
        char path[QUEUE_PATH_LIMIT];
        struct disk_status other;

        if (place != QUEUE_ACTIVE && queue_find(queue, (enum queue_place)place, id, path, &other)
            && other.inode == status->inode)
            return true;
    }
    return false;
}

/* Whether the file starts as a queue file does; the rest is checked when it is read. */
static bool starts_well(struct message *message)
{
    struct record record;
    struct error error;

    return record_next(&message->reader, &record, &error) == RECORD_READ
           && (record.type == RECORD_SIZE || record.type == RECORD_TIME);
}

bool queue_recover_message(struct queue *queue, const char *id, struct error *error)
{
    struct message *message;
    enum queue_place to = QUEUE_INCOMING;

    switch (message_open(queue, QUEUE_ACTIVE, id, &message, error)) {
    case MESSAGE_READY:
        if (!queue->journaled && has_other_name(queue, id, &message->status)) {
            message_close(message);
            return queue_remove(queue, QUEUE_ACTIVE, id, error) || error->code == ENOENT;
        }
        if (!starts_well(message))
            to = QUEUE_CORRUPT;
        message_close(message);
        break;
    case MESSAGE_CORRUPT:
        to = QUEUE_CORRUPT;
        break;
    case MESSAGE_UNFINISHED:
        /* It was never complete, and nobody moves such a file to active. */
        return queue_remove(queue, QUEUE_ACTIVE, id, error) || error->code == ENOENT;
    case MESSAGE_MISSING:
        return true;
    case MESSAGE_TROUBLE:
        return false;
    }
    return queue_move(queue, id, QUEUE_ACTIVE, to, error) || error->code == ENOENT;
}

/*
 * A draft without a writer.  A draft that somebody is writing now is younger: cleanup
 * may be at work while qmgr starts anew.
 */
static bool recover_incoming(struct queue *queue, const char *id, struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_find(queue, QUEUE_INCOMING, id, path, &status))
        return true;
    if ((status.mode & S_IXUSR) || !S_ISREG(status.mode)
        || status.modified > time(NULL) - QUEUE_STALE_SECONDS)
        return true;
    return queue_remove(queue, QUEUE_INCOMING, id, error) || error->code == ENOENT;
}

/* Call step for each message of a place; goes on after a failure and reports the last. */
static bool for_each(struct queue *queue, enum queue_place place,
                     bool (*step)(struct queue *queue, const char *id, struct error *error),
                     struct error *error)
{
    struct queue_scan *scan = queue_scan_new(queue, place);
    bool good = true;

    for (const char *id; (id = queue_scan_next(scan));)
        good = step(queue, id, error) && good;
    queue_scan_free(scan);
    return good;
}

bool queue_recover(struct queue *queue, struct error *error)
{
    bool active = for_each(queue, QUEUE_ACTIVE, queue_recover_message, error);

    return for_each(queue, QUEUE_INCOMING, recover_incoming, error) && active;
}

bool queue_purge(struct queue *queue, struct error *error)
{
    return for_each(queue, QUEUE_INCOMING, recover_incoming, error);
}

/*
 * Files that lie where another hash_queue_depth, or somebody's hand, put them go where
 * their names say.  Returns false when one could not be moved.
 */
static bool settle_place(struct queue *queue, enum queue_place place, struct error *error)
{
    struct queue_scan *scan = queue_scan_new(queue, place);
    bool good = true;

    for (const char *id; (id = queue_scan_next(scan));) {
        char proper[QUEUE_PATH_LIMIT], path[QUEUE_PATH_LIMIT];

        queue_path_in(queue, place, id, proper);
        queue_scan_path(scan, path);
        if (strcmp(path, proper) == 0)
            continue;
        if (!queue_make_folders(queue, place, proper)
            || (queue_rename(queue, place, path, place, proper) < 0 && errno != ENOENT))
            good = error_system(error, "move %s/%s to %s", queue_place_name(place), path, proper);
    }
    queue_scan_free(scan);
    return good;
}

/* Logs of messages, which the tests of crashes do without: they are notes, not mail. */
static void settle_logs(struct queue *queue, const char *name)
{
    const struct disk *disk = queue->disk;
    struct queue_scan *scan = queue_scan_logs(queue, name);

    for (const char *id; (id = queue_scan_next(scan));) {
        AUTO_STR struct str proper = STR_EMPTY, path = STR_EMPTY;
        char below[QUEUE_PATH_LIMIT];

        queue_log_path(queue, name, id, &proper);
        queue_scan_path(scan, below);
        str_format(&path, "%s/%s", name, below);
        if (slice_is(str_slice(&path), proper.data))
            continue;
        for (char *slash = strchr(proper.data + strlen(name) + 1, '/'); slash;
             slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            (void)disk->make_folder(disk, queue->root, proper.data, 0700);
            *slash = '/';
        }
        (void)disk->rename(disk, queue->root, path.data, queue->root, proper.data);
    }
    queue_scan_free(scan);
}

bool queue_settle(struct queue *queue, struct error *error)
{
    static const char *const logs[] = { "bounce", "defer", "trace" };
    bool good = true;

    for (int place = 0; place < QUEUE_PLACE_COUNT; place++)
        if (queue->folders[place] >= 0)
            good = settle_place(queue, (enum queue_place)place, error) && good;
    for (size_t i = 0; i < COUNT(logs); i++)
        settle_logs(queue, logs[i]);
    return good;
}
