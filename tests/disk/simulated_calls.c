/*
 * The calls that the queue makes of its disk.
 */
#include "simulated_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static struct simulated *of(const struct disk *disk)
{
    return disk->state;
}

/* What fsync of a node makes durable. */
static bool is_flushed(const struct simulated *simulated, const struct effect *effect, int node)
{
    if (effect->kind != EFFECT_NAMES && effect->node == node)
        return true;
    if (simulated->semantics == DISK_JOURNALED)
        return effect->kind != EFFECT_DATA;
    return effect->kind == EFFECT_NAMES
           && (effect->add_folder == node || effect->drop_folder == node);
}

static bool is_data(const struct simulated *simulated, const struct effect *effect, int node)
{
    (void)simulated;
    return effect->kind == EFFECT_DATA && effect->node == node;
}

/* Count a call; false when it fails, with errno. */
static bool may(struct simulated *simulated, const char *call, const char *path)
{
    int number = ++simulated->calls;
    bool crashed = simulated->crash_at && number >= simulated->crash_at;

    if (!crashed && number != simulated->fail_at)
        return true;
    simulated->failed = true;
    snprintf(simulated->failed_call, sizeof(simulated->failed_call), "call %d: %s %s", number,
             call, path);
    errno = crashed ? EIO : simulated->fail_code;
    return false;
}

static int node_of(const struct simulated *simulated, int fd)
{
    if (fd == AT_FDCWD)
        return 0;
    if (fd < FIRST_FD || (size_t)(fd - FIRST_FD) >= simulated->opened.count)
        return -1;
    return simulated->opened.items[fd - FIRST_FD].node;
}

/* The folder in which path lies and its last name; -1 and errno. */
static int find_folder(struct simulated *simulated, int fd, const char *path,
                       char name[NAME_SIZE])
{
    int node = node_of(simulated, fd);
    struct slice rest = slice_of(path), part;

    if (node < 0) {
        errno = EBADF;
        return -1;
    }
    snprintf(name, NAME_SIZE, ".");
    while (slice_take_token(&rest, "/", &part)) {
        if (strcmp(name, ".") != 0) {
            struct entry *entry = node_find_entry(&simulated->now.items[node], name);

            if (!entry) {
                errno = ENOENT;
                return -1;
            }
            node = entry->node;
        }
        snprintf(name, NAME_SIZE, "%.*s", SLICE_ARGS(part));
    }
    return node;
}

/* The node of path; -1 and errno. */
static int find_node(struct simulated *simulated, int fd, const char *path)
{
    char name[NAME_SIZE];
    int folder = find_folder(simulated, fd, path, name);

    if (folder < 0 || strcmp(name, ".") == 0)
        return folder;

    struct entry *entry = node_find_entry(&simulated->now.items[folder], name);

    if (!entry)
        errno = ENOENT;
    return entry ? entry->node : -1;
}

/* Change names now, and remember it as an effect. */
static void change_names(struct simulated *simulated, int node, int add_folder, const char *add,
                         int drop_folder, const char *drop)
{
    struct effect *effect = effect_add(simulated, EFFECT_NAMES, node);

    effect->add_folder = add_folder;
    effect->drop_folder = drop_folder;
    snprintf(effect->add_name, sizeof(effect->add_name), "%s", add);
    snprintf(effect->drop_name, sizeof(effect->drop_name), "%s", drop);
    effect_apply(&simulated->now, effect, true, true);
}

/* A new node under a name: -1 and errno when the name is taken. */
static int create(struct simulated *simulated, int fd, const char *path, mode_t mode)
{
    char name[NAME_SIZE];
    int folder = find_folder(simulated, fd, path, name);

    if (folder < 0)
        return -1;
    if (node_find_entry(&simulated->now.items[folder], name)) {
        errno = EEXIST;
        return -1;
    }

    int node = node_add(&simulated->now, mode);

    (void)node_add(&simulated->kept, mode);     /* the same number on both sides */
    change_names(simulated, node, folder, name, -1, "");
    return node;
}

static int sim_open(const struct disk *disk, int folder, const char *path, int flags, mode_t mode)
{
    struct simulated *simulated = of(disk);

    if (!may(simulated, "open", path))
        return -1;

    int node = flags & O_CREAT ? create(simulated, folder, path, S_IFREG | mode)
                               : find_node(simulated, folder, path);

    if (node < 0)
        return -1;
    VECTOR_PUSH(&simulated->opened, ((struct opened){ node, 0 }));
    return FIRST_FD + (int)simulated->opened.count - 1;
}

static void sim_close(const struct disk *disk, int fd)
{
    of(disk)->opened.items[fd - FIRST_FD].node = -1;
}

/* On the pessimistic disk each page may be lost for itself. */
static void write_at(struct simulated *simulated, int node, struct slice data, off_t offset)
{
    node_put_data(&simulated->now.items[node], offset, data);
    while (data.length > 0) {
        size_t length = PAGE - (size_t)offset % PAGE;
        struct effect *effect = effect_add(simulated, EFFECT_DATA, node);

        effect->offset = offset;
        str_add(&effect->data, slice_part(data, 0, length));
        data = slice_from(data, effect->data.length);
        offset += (off_t)effect->data.length;
    }
}

static ssize_t sim_pwrite(const struct disk *disk, int fd, const void *data, size_t length,
                          off_t offset)
{
    struct simulated *simulated = of(disk);

    if (!may(simulated, "write", ""))
        return -1;
    write_at(simulated, node_of(simulated, fd), slice_bytes(data, length), offset);
    return (ssize_t)length;
}

static ssize_t sim_write(const struct disk *disk, int fd, const void *data, size_t length)
{
    struct simulated *simulated = of(disk);

    if (!may(simulated, "write", ""))
        return -1;

    struct opened *opened = &simulated->opened.items[fd - FIRST_FD];

    /* A short write now and then, as on a disk that is nearly full. */
    if (length > 2 * PAGE && simulated->calls % 2)
        length /= 2;
    write_at(simulated, opened->node, slice_bytes(data, length), opened->position);
    opened->position += (off_t)length;
    return (ssize_t)length;
}

static ssize_t sim_pread(const struct disk *disk, int fd, void *data, size_t length, off_t offset)
{
    struct simulated *simulated = of(disk);

    if (!may(simulated, "read", ""))
        return -1;

    struct slice part = slice_part(str_slice(&simulated->now.items[node_of(simulated, fd)].data),
                                   (size_t)offset, length);

    if (part.length > 0)
        memcpy(data, part.data, part.length);
    return (ssize_t)part.length;
}

/*
 * A flush that fails: the kernel has dropped the pages, programs still see them, and
 * the next flush says that all is well.
 */
static int sim_flush(const struct disk *disk, int fd)
{
    struct simulated *simulated = of(disk);
    int node = node_of(simulated, fd);

    if (!may(simulated, "flush", "")) {
        if (!simulated->crash_at)
            effects_take(simulated, node, false, is_data);
        return -1;
    }
    effects_take(simulated, node, true, is_flushed);
    return 0;
}

static int change_mode(struct simulated *simulated, int node, mode_t mode)
{
    if (node < 0)
        return -1;

    struct effect *effect = effect_add(simulated, EFFECT_MODE, node);

    effect->mode = (simulated->now.items[node].mode & S_IFMT) | mode;
    effect_apply(&simulated->now, effect, true, true);
    return 0;
}

static int sim_set_mode(const struct disk *disk, int fd, mode_t mode)
{
    if (!may(of(disk), "set_mode", ""))
        return -1;
    return change_mode(of(disk), node_of(of(disk), fd), mode);
}

static int sim_set_mode_at(const struct disk *disk, int folder, const char *path, mode_t mode)
{
    if (!may(of(disk), "set_mode", path))
        return -1;
    return change_mode(of(disk), find_node(of(disk), folder, path), mode);
}

static int sim_set_time(const struct disk *disk, int folder, const char *path, time_t modified)
{
    struct simulated *simulated = of(disk);

    if (!may(simulated, "set_time", path))
        return -1;

    int node = find_node(simulated, folder, path);

    if (node < 0)
        return -1;

    struct effect *effect = effect_add(simulated, EFFECT_TIME, node);

    effect->modified = modified;
    effect_apply(&simulated->now, effect, true, true);
    return 0;
}

static int describe(const struct simulated *simulated, int node, struct disk_status *status)
{
    if (node < 0)
        return -1;

    const struct node *found = &simulated->now.items[node];

    *status = (struct disk_status){ .size = (int64_t)found->data.length, .mode = found->mode,
                                    .inode = (ino_t)node + 1, .modified = found->modified,
                                    .links = 1 };
    return 0;
}

static int sim_status(const struct disk *disk, int fd, struct disk_status *status)
{
    return describe(of(disk), node_of(of(disk), fd), status);
}

static int sim_status_at(const struct disk *disk, int folder, const char *path,
                         struct disk_status *status)
{
    return describe(of(disk), find_node(of(disk), folder, path), status);
}

static int give_name(const struct disk *disk, const char *call, int from_folder,
                     const char *from, int to_folder, const char *to, bool keep_old)
{
    struct simulated *simulated = of(disk);
    char from_name[NAME_SIZE], to_name[NAME_SIZE];

    if (!may(simulated, call, to))
        return -1;

    int node = find_node(simulated, from_folder, from);
    int from_node = find_folder(simulated, from_folder, from, from_name);
    int to_node = find_folder(simulated, to_folder, to, to_name);

    if (node < 0 || from_node < 0 || to_node < 0) {
        errno = ENOENT;
        return -1;
    }
    if (node_find_entry(&simulated->now.items[to_node], to_name)) {
        errno = EEXIST;
        return -1;
    }
    change_names(simulated, node, to_node, to_name, keep_old ? -1 : from_node, from_name);
    return 0;
}

static int sim_rename(const struct disk *disk, int from_folder, const char *from, int to_folder,
                      const char *to)
{
    return give_name(disk, "rename", from_folder, from, to_folder, to, false);
}

static int sim_link(const struct disk *disk, int from_folder, const char *from, int to_folder,
                    const char *to)
{
    return give_name(disk, "link", from_folder, from, to_folder, to, true);
}

static int sim_unlink(const struct disk *disk, int folder, const char *path)
{
    struct simulated *simulated = of(disk);
    char name[NAME_SIZE];

    if (!may(simulated, "unlink", path))
        return -1;

    int node = find_node(simulated, folder, path);

    if (node < 0)
        return -1;
    change_names(simulated, node, -1, "", find_folder(simulated, folder, path, name), name);
    return 0;
}

static int sim_make_folder(const struct disk *disk, int folder, const char *path, mode_t mode)
{
    if (!may(of(disk), "make_folder", path))
        return -1;
    return create(of(disk), folder, path, S_IFDIR | mode) < 0 ? -1 : 0;
}

struct list {
    struct entries entries;
    size_t next;
};

static void *sim_list_open(const struct disk *disk, int folder, const char *path)
{
    int node = find_node(of(disk), folder, path);

    if (node < 0 || !S_ISDIR(of(disk)->now.items[node].mode))
        return NULL;

    const struct entries *entries = &of(disk)->now.items[node].entries;
    struct list *list = memory_new(1, sizeof(*list));

    for (size_t i = 0; i < entries->count; i++)
        VECTOR_PUSH(&list->entries, entries->items[i]);
    return list;
}

static const char *sim_list_next(const struct disk *disk, void *opened)
{
    struct list *list = opened;

    (void)disk;
    return list->next < list->entries.count ? list->entries.items[list->next++].name : NULL;
}

static void sim_list_close(const struct disk *disk, void *opened)
{
    struct list *list = opened;

    (void)disk;
    VECTOR_FREE(&list->entries);
    free(list);
}

/* Who held a lock is gone with the crash. */
static int sim_lock(const struct disk *disk, int fd)
{
    (void)disk, (void)fd;
    return 0;
}

static bool sim_is_journaled(const struct disk *disk, int fd)
{
    (void)fd;
    return of(disk)->semantics == DISK_JOURNALED;
}

const struct disk simulated_calls_of_disk = {
    .open = sim_open, .close = sim_close, .write = sim_write, .pwrite = sim_pwrite,
    .pread = sim_pread, .flush = sim_flush, .flush_data = sim_flush, .flush_all = sim_flush,
    .set_mode = sim_set_mode, .set_mode_at = sim_set_mode_at, .set_time = sim_set_time,
    .status = sim_status, .status_at = sim_status_at, .rename = sim_rename, .link = sim_link,
    .unlink = sim_unlink, .make_folder = sim_make_folder, .list_open = sim_list_open,
    .list_next = sim_list_next, .list_close = sim_list_close, .lock = sim_lock,
    .is_journaled = sim_is_journaled,
};
