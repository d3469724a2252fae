/*
 * Walking over the messages of a place, through its hash folders.
 */
#include "inside.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

struct queue_scan {
    struct queue *queue;
    int folder;
    bool owns_folder;
    void *lists[QUEUE_DEPTH_LIMIT + 1];     /* of the folders on the way down */
    int depth;                              /* lists that are open */
    char path[QUEUE_PATH_LIMIT];            /* of the innermost folder: "9/8", or "" */
    char id[QUEUE_ID_LIMIT + 1];
};

static void descend(struct queue_scan *scan, const char *path)
{
    const struct disk *disk = scan->queue->disk;
    void *list = disk->list_open(disk, scan->folder, path[0] ? path : ".");

    if (list)
        scan->lists[scan->depth++] = list;
}

static struct queue_scan *scan_folder(struct queue *queue, int folder)
{
    struct queue_scan *scan = memory_new(1, sizeof(*scan));

    scan->queue = queue;
    scan->folder = folder;
    if (folder >= 0)
        descend(scan, "");
    return scan;
}

struct queue_scan *queue_scan_new(struct queue *queue, enum queue_place place)
{
    return scan_folder(queue, queue->folders[place]);
}

struct queue_scan *queue_scan_logs(struct queue *queue, const char *name)
{
    int folder = queue->disk->open(queue->disk, queue->root, name, O_PATH | O_DIRECTORY, 0);
    struct queue_scan *scan = scan_folder(queue, folder);

    scan->owns_folder = folder >= 0;
    return scan;
}

void queue_scan_path(const struct queue_scan *scan, char path[QUEUE_PATH_LIMIT])
{
    snprintf(path, QUEUE_PATH_LIMIT, scan->path[0] ? "%s/%s" : "%s%s", scan->path, scan->id);
}

static void ascend(struct queue_scan *scan)
{
    char *slash = strrchr(scan->path, '/');

    scan->queue->disk->list_close(scan->queue->disk, scan->lists[--scan->depth]);
    scan->path[slash ? slash - scan->path : 0] = '\0';
}

/* Ids have more than one character, hash folders have one. */
static void enter_folder(struct queue_scan *scan, char name)
{
    size_t length = strlen(scan->path);
    int depth = scan->depth;

    if (depth > QUEUE_DEPTH_LIMIT)
        return;
    snprintf(scan->path + length, sizeof(scan->path) - length, length ? "/%c" : "%c", name);
    descend(scan, scan->path);
    if (scan->depth == depth)
        scan->path[length] = '\0';
}

const char *queue_scan_next(struct queue_scan *scan)
{
    const struct disk *disk = scan->queue->disk;

    while (scan->depth > 0) {
        const char *name = disk->list_next(disk, scan->lists[scan->depth - 1]);

        if (!name) {
            ascend(scan);
            continue;
        }
        if (!queue_id_is_valid(slice_of(name)))
            continue;
        if (!name[1]) {
            enter_folder(scan, name[0]);
            continue;
        }
        snprintf(scan->id, sizeof(scan->id), "%s", name);
        return scan->id;
    }
    return NULL;
}

void queue_scan_free(struct queue_scan *scan)
{
    if (!scan)
        return;
    while (scan->depth > 0)
        ascend(scan);
    if (scan->owns_folder)
        scan->queue->disk->close(scan->queue->disk, scan->folder);
    free(scan);
}
