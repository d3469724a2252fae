/*
 * The disk as the queue sees it: a thin layer of calls that return as the
 * system's do (-1 and errno), so that tests can put a simulated disk below
 * the queue that forgets at a crash what was not flushed.
 *
 * Paths are relative to a folder's descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* What is known of a file. */
struct disk_status {
    int64_t size;
    mode_t mode;            /* type and permissions */
    uid_t owner;
    nlink_t links;
    ino_t inode;
    time_t modified;
};

struct disk {
    void *state;
    int (*open)(const struct disk *disk, int folder, const char *path, int flags, mode_t mode);
    void (*close)(const struct disk *disk, int fd);
    ssize_t (*write)(const struct disk *disk, int fd, const void *data, size_t length);
    ssize_t (*pwrite)(const struct disk *disk, int fd, const void *data, size_t length,
                      off_t offset);
    ssize_t (*pread)(const struct disk *disk, int fd, void *data, size_t length, off_t offset);
    int (*flush)(const struct disk *disk, int fd);          /* fsync */
    int (*flush_data)(const struct disk *disk, int fd);     /* fdatasync */
    int (*flush_all)(const struct disk *disk, int fd);      /* syncfs */
    int (*set_mode)(const struct disk *disk, int fd, mode_t mode);
    int (*set_mode_at)(const struct disk *disk, int folder, const char *path, mode_t mode);
    int (*set_time)(const struct disk *disk, int folder, const char *path, time_t modified);
    int (*status)(const struct disk *disk, int fd, struct disk_status *status);
    /* Does not follow a symbolic link. */
    int (*status_at)(const struct disk *disk, int folder, const char *path,
                     struct disk_status *status);
    /* Never replaces a file: EEXIST. */
    int (*rename)(const struct disk *disk, int from_folder, const char *from, int to_folder,
                  const char *to);
    int (*link)(const struct disk *disk, int from_folder, const char *from, int to_folder,
                const char *to);
    int (*unlink)(const struct disk *disk, int folder, const char *path);
    int (*make_folder)(const struct disk *disk, int folder, const char *path, mode_t mode);

    /* The names in a folder, without "." and ".."; valid until the next call. */
    void *(*list_open)(const struct disk *disk, int folder, const char *path);
    const char *(*list_next)(const struct disk *disk, void *list);
    void (*list_close)(const struct disk *disk, void *list);

    /* flock(2), exclusive and without waiting: -1 and EWOULDBLOCK when somebody holds it. */
    int (*lock)(const struct disk *disk, int fd);

    /*
     * True when the file system is known to journal: fsync of a file then makes its name
     * durable, a rename happens as a whole, and a file grows from its start.
     */
    bool (*is_journaled)(const struct disk *disk, int fd);
};

/* The kernel's. */
extern const struct disk disk_real;

/* Write all of it, however many calls it takes; -1 and errno. */
int disk_write_all(const struct disk *disk, int fd, const char *data, size_t length);
int disk_pwrite_all(const struct disk *disk, int fd, const char *data, size_t length,
                    off_t offset);

/* Up to length bytes at offset, fewer only at the end of the file; -1 and errno. */
ssize_t disk_pread_all(const struct disk *disk, int fd, char *data, size_t length, off_t offset);
