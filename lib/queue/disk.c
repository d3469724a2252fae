#include "queue/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Not in every linux/magic.h. */
enum { MAGIC_XFS = 0x58465342, MAGIC_ZFS = 0x2fc12fc1 };

static int real_open(const struct disk *disk, int folder, const char *path, int flags, mode_t mode)
{
    (void)disk;
    return openat(folder, path, flags | O_CLOEXEC | O_NOCTTY, mode);
}

static void real_close(const struct disk *disk, int fd)
{
    (void)disk;
    close(fd);
}

static ssize_t real_write(const struct disk *disk, int fd, const void *data, size_t length)
{
    (void)disk;
    return write(fd, data, length);
}

static ssize_t real_pwrite(const struct disk *disk, int fd, const void *data, size_t length,
                           off_t offset)
{
    (void)disk;
    return pwrite(fd, data, length, offset);
}

static ssize_t real_pread(const struct disk *disk, int fd, void *data, size_t length, off_t offset)
{
    (void)disk;
    return pread(fd, data, length, offset);
}

static int real_flush(const struct disk *disk, int fd)
{
    (void)disk;
    return fsync(fd);
}

static int real_flush_data(const struct disk *disk, int fd)
{
    (void)disk;
    return fdatasync(fd);
}

static int real_flush_all(const struct disk *disk, int fd)
{
    (void)disk;
    return syncfs(fd);
}

static int real_set_mode(const struct disk *disk, int fd, mode_t mode)
{
    (void)disk;
    return fchmod(fd, mode);
}

static int real_set_mode_at(const struct disk *disk, int folder, const char *path, mode_t mode)
{
    (void)disk;
    return fchmodat(folder, path, mode, 0);
}

static int real_set_time(const struct disk *disk, int folder, const char *path, time_t modified)
{
    struct timespec times[2] = { { .tv_sec = modified }, { .tv_sec = modified } };

    (void)disk;
    return utimensat(folder, path, times, AT_SYMLINK_NOFOLLOW);
}

static int describe(int result, const struct stat *found, struct disk_status *status)
{
    if (result < 0)
        return -1;
    *status = (struct disk_status){
        .size = found->st_size,
        .mode = found->st_mode,
        .owner = found->st_uid,
        .links = found->st_nlink,
        .inode = found->st_ino,
        .modified = found->st_mtime,
    };
    return 0;
}

static int real_status(const struct disk *disk, int fd, struct disk_status *status)
{
    struct stat found;

    (void)disk;
    return describe(fstat(fd, &found), &found, status);
}

static int real_status_at(const struct disk *disk, int folder, const char *path,
                          struct disk_status *status)
{
    struct stat found;

    (void)disk;
    return describe(fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW), &found, status);
}

static int real_rename(const struct disk *disk, int from_folder, const char *from, int to_folder,
                       const char *to)
{
    (void)disk;
    if (renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -1;
    /* A file system without RENAME_NOREPLACE. */
    if (linkat(from_folder, from, to_folder, to, 0) < 0)
        return -1;
    return unlinkat(from_folder, from, 0);
}

static int real_link(const struct disk *disk, int from_folder, const char *from, int to_folder,
                     const char *to)
{
    (void)disk;
    return linkat(from_folder, from, to_folder, to, 0);
}

static int real_unlink(const struct disk *disk, int folder, const char *path)
{
    (void)disk;
    return unlinkat(folder, path, 0);
}

static int real_lock(const struct disk *disk, int fd)
{
    (void)disk;
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int real_make_folder(const struct disk *disk, int folder, const char *path, mode_t mode)
{
    (void)disk;
    return mkdirat(folder, path, mode);
}

static void *real_list_open(const struct disk *disk, int folder, const char *path)
{
    int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    (void)disk;
    if (fd < 0)
        return NULL;

    DIR *list = fdopendir(fd);

    if (!list)
        close(fd);
    return list;
}

static const char *real_list_next(const struct disk *disk, void *list)
{
    (void)disk;
    for (;;) {
        const struct dirent *entry = readdir(list);

        if (!entry)
            return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

static void real_list_close(const struct disk *disk, void *list)
{
    (void)disk;
    closedir(list);
}

static bool real_is_journaled(const struct disk *disk, int fd)
{
    struct statfs found;

    (void)disk;
    if (fstatfs(fd, &found) < 0)
        return false;
    switch ((unsigned long)found.f_type) {
    case EXT4_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:       /* loses everything anyway */
    case MAGIC_XFS:
    case MAGIC_ZFS:
        return true;
    default:
        return false;
    }
}

const struct disk disk_real = {
    .open = real_open,
    .close = real_close,
    .write = real_write,
    .pwrite = real_pwrite,
    .pread = real_pread,
    .flush = real_flush,
    .flush_data = real_flush_data,
    .flush_all = real_flush_all,
    .set_mode = real_set_mode,
    .set_mode_at = real_set_mode_at,
    .set_time = real_set_time,
    .status = real_status,
    .status_at = real_status_at,
    .rename = real_rename,
    .link = real_link,
    .unlink = real_unlink,
    .lock = real_lock,
    .make_folder = real_make_folder,
    .list_open = real_list_open,
    .list_next = real_list_next,
    .list_close = real_list_close,
    .is_journaled = real_is_journaled,
};

int disk_write_all(const struct disk *disk, int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t count = disk->write(disk, fd, data, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        data += count;
        length -= (size_t)count;
    }
    return 0;
}

int disk_pwrite_all(const struct disk *disk, int fd, const char *data, size_t length, off_t offset)
{
    while (length > 0) {
        ssize_t count = disk->pwrite(disk, fd, data, length, offset);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        data += count;
        offset += count;
        length -= (size_t)count;
    }
    return 0;
}

ssize_t disk_pread_all(const struct disk *disk, int fd, char *data, size_t length, off_t offset)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = disk->pread(disk, fd, data + done, length - done, offset + (off_t)done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (ssize_t)done;
}
