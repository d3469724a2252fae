/*
 * What the sources of this room share; nobody else includes it.
 */
#pragma once

#include "queue/queue.h"
#include "queue/record.h"

#include <sys/stat.h>

enum {
    QUEUE_MODE_UNFINISHED = 0600,
    QUEUE_MODE_COMPLETE = 0700,
    QUEUE_MODE_MAILDROP = 0744,         /* complete, and pickup may be somebody else */
    QUEUE_DEPTH_LIMIT = 16,
    /* Folder characters, each with a slash, and the id. */
    QUEUE_PATH_LIMIT = 2 * QUEUE_DEPTH_LIMIT + QUEUE_ID_LIMIT + 1,
    QUEUE_STALE_SECONDS = 36 * 3600,    /* a draft this old has no writer any more */
};

struct queue {
    const struct disk *disk;
    int root;
    int folders[QUEUE_PLACE_COUNT];     /* -1: not there, or not for us */
    int depth[QUEUE_PLACE_COUNT];
    int intake;                         /* the folder of the intake log; -1 as above */
    char *hashed_names;                 /* hash_queue_names */
    int hash_depth;
    bool long_ids;
    bool journaled;
    size_t line_length_limit;
};

/* The path of a message within its place, for a depth of folders. */
void queue_path(char path[QUEUE_PATH_LIMIT], const char *id, int depth);

/* As queue_path, for the place's own depth. */
void queue_path_in(const struct queue *queue, enum queue_place place, const char *id,
                   char path[QUEUE_PATH_LIMIT]);

/* Make the folders in which path lies; false with errno. */
bool queue_make_folders(const struct queue *queue, enum queue_place place, const char *path);

/*
 * Find a message, also at the depth of another hash_queue_depth.  False with errno when
 * it is not there.
 */
bool queue_find(const struct queue *queue, enum queue_place place, const char *id,
                char path[QUEUE_PATH_LIMIT], struct disk_status *status);

/* Make the names in the folder of path, which is below parent, durable; 0, or -1 and errno. */
int queue_flush_names(const struct queue *queue, int parent, const char *path);
int queue_flush_folder(const struct queue *queue, enum queue_place place, const char *path);

/* Give a message another name: one rename, or link and unlink where a rename may be torn. */
int queue_rename(const struct queue *queue, enum queue_place from, const char *from_path,
                 enum queue_place to, const char *to_path);

/* The folder characters of an id: up to five. */
void queue_id_spread(const char *id, char spread[6]);

/* As content_new, over a disk. */
struct content *content_open(const struct disk *disk, int fd, int64_t offset, int64_t length);

/* The path within the place of what queue_scan_next returned last. */
void queue_scan_path(const struct queue_scan *scan, char path[QUEUE_PATH_LIMIT]);
