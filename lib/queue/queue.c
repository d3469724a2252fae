/*
 * The queue as a set of folders: where a message lies, and its moves.
 */
#include "inside.h"

#include "base/memory.h"
#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const place_names[QUEUE_PLACE_COUNT] = {
    [QUEUE_MAILDROP] = "maildrop", [QUEUE_INCOMING] = "incoming", [QUEUE_ACTIVE] = "active",
    [QUEUE_DEFERRED] = "deferred", [QUEUE_HOLD] = "hold", [QUEUE_CORRUPT] = "corrupt",
};

const char *queue_place_name(enum queue_place place)
{
    return place_names[place];
}

bool queue_place_find(struct slice name, enum queue_place *place)
{
    for (int i = 0; i < QUEUE_PLACE_COUNT; i++)
        if (slice_is(name, place_names[i])) {
            *place = (enum queue_place)i;
            return true;
        }
    return false;
}

/* How many folders deep the files of a folder below the queue directory lie. */
static int depth_of(const struct queue *queue, const char *folder)
{
    struct slice rest = slice_of(queue->hashed_names), name;

    while (slice_take_token(&rest, ", \t\r\n", &name))
        if (slice_is(name, folder))
            return queue->hash_depth;
    return 0;
}

static int clamp_depth(int depth)
{
    return depth < 0 ? 0 : depth > QUEUE_DEPTH_LIMIT ? QUEUE_DEPTH_LIMIT : depth;
}

/*
 * The folders are opened for their names only (O_PATH), which needs no right
 * on them: postdrop may write to maildrop and not read it.
 */
struct queue *queue_open(const struct queue_settings *settings, struct error *error)
{
    const struct disk *disk = settings->disk ? settings->disk : &disk_real;
    const char *directory = settings->directory ? settings->directory : ".";
    int root = disk->open(disk, AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0);

    if (root < 0) {
        error_system(error, "open queue directory %s", directory);
        return NULL;
    }

    struct queue *queue = memory_new(1, sizeof(*queue));

    queue->disk = disk;
    queue->root = root;
    queue->long_ids = settings->long_ids;
    queue->line_length_limit = settings->line_length_limit > 0
                                   ? (size_t)settings->line_length_limit : 2048;
    queue->journaled = disk->is_journaled(disk, root);
    queue->hashed_names = memory_copy(settings->hash_queue_names
                                          ? settings->hash_queue_names : "");
    queue->hash_depth = clamp_depth(settings->hash_queue_depth);
    for (int i = 0; i < QUEUE_PLACE_COUNT; i++) {
        queue->depth[i] = depth_of(queue, place_names[i]);
        queue->folders[i] = disk->open(disk, root, place_names[i], O_PATH | O_DIRECTORY, 0);
    }
    queue->intake = disk->open(disk, root, "intake", O_PATH | O_DIRECTORY, 0);
    return queue;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    for (int i = 0; i < QUEUE_PLACE_COUNT; i++)
        if (queue->folders[i] >= 0)
            queue->disk->close(queue->disk, queue->folders[i]);
    if (queue->intake >= 0)
        queue->disk->close(queue->disk, queue->intake);
    queue->disk->close(queue->disk, queue->root);
    free(queue->hashed_names);
    free(queue);
}

void queue_path(char path[QUEUE_PATH_LIMIT], const char *id, int depth)
{
    char spread[6], *end = path;

    queue_id_spread(id, spread);
    for (int i = 0, length = (int)strlen(spread); i < depth; i++) {
        *end++ = i < length ? spread[i] : '_';
        *end++ = '/';
    }
    snprintf(end, (size_t)(path + QUEUE_PATH_LIMIT - end), "%s", id);
}

void queue_path_in(const struct queue *queue, enum queue_place place, const char *id,
                   char path[QUEUE_PATH_LIMIT])
{
    queue_path(path, id, queue->depth[place]);
}

bool queue_find(const struct queue *queue, enum queue_place place, const char *id,
                char path[QUEUE_PATH_LIMIT], struct disk_status *status)
{
    enum { TRIED_DEPTH = 4 };
    const struct disk *disk = queue->disk;

    if (!queue_id_is_valid(slice_of(id))) {
        errno = EINVAL;
        return false;
    }
    queue_path_in(queue, place, id, path);
    if (disk->status_at(disk, queue->folders[place], path, status) == 0)
        return true;
    for (int depth = 0; depth <= TRIED_DEPTH && errno == ENOENT; depth++) {
        queue_path(path, id, depth);
        if (disk->status_at(disk, queue->folders[place], path, status) == 0)
            return true;
    }
    return false;
}

bool queue_locate(struct queue *queue, enum queue_place place, const char *id, struct str *path)
{
    char found[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_find(queue, place, id, found, &status))
        return false;
    str_format(path, "%s/%s", place_names[place], found);
    return true;
}

void queue_log_path(const struct queue *queue, const char *name, const char *id,
                    struct str *path)
{
    char found[QUEUE_PATH_LIMIT];

    queue_path(found, id, depth_of(queue, name));
    str_format(path, "%s/%s", name, found);
}

bool queue_make_folders(const struct queue *queue, enum queue_place place, const char *path)
{
    char folder[QUEUE_PATH_LIMIT];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        if (queue->disk->make_folder(queue->disk, queue->folders[place], folder, 0700) < 0) {
            if (errno != EEXIST)
                return false;
            continue;
        }
        if (!queue->journaled && queue_flush_folder(queue, place, folder) < 0)
            return false;
    }
    return true;
}

int queue_flush_names(const struct queue *queue, int parent, const char *path)
{
    const struct disk *disk = queue->disk;
    char folder[QUEUE_PATH_LIMIT];
    const char *slash = strrchr(path, '/');

    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");

    int fd = disk->open(disk, parent, folder, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return -1;

    int result = disk->flush(disk, fd), code = errno;

    disk->close(disk, fd);
    errno = code;
    return result;
}

int queue_flush_folder(const struct queue *queue, enum queue_place place, const char *path)
{
    return queue_flush_names(queue, queue->folders[place], path);
}

/*
 * Without a journal a crash may keep the removal of the old name and lose the new
 * one; so the new name is made durable first.  A crash in between leaves both, and
 * queue_recover sorts that out.
 */
static int link_then_unlink(const struct queue *queue, enum queue_place from,
                            const char *from_path, enum queue_place to, const char *to_path)
{
    const struct disk *disk = queue->disk;

    if (disk->link(disk, queue->folders[from], from_path, queue->folders[to], to_path) < 0)
        return -1;
    if (queue_flush_folder(queue, to, to_path) < 0) {
        int code = errno;

        (void)disk->unlink(disk, queue->folders[to], to_path);
        errno = code;
        return -1;
    }
    return disk->unlink(disk, queue->folders[from], from_path);
}

int queue_rename(const struct queue *queue, enum queue_place from, const char *from_path,
                 enum queue_place to, const char *to_path)
{
    const struct disk *disk = queue->disk;

    if (!queue->journaled)
        return link_then_unlink(queue, from, from_path, to, to_path);
    return disk->rename(disk, queue->folders[from], from_path, queue->folders[to], to_path);
}

/* Rename from a path to the place's own path for the id; folders are made when needed. */
static bool move_path(const struct queue *queue, enum queue_place from, const char *from_path,
                      enum queue_place to, const char *id)
{
    char to_path[QUEUE_PATH_LIMIT];

    queue_path_in(queue, to, id, to_path);
    if (queue_rename(queue, from, from_path, to, to_path) == 0)
        return true;
    if (errno != ENOENT || !strchr(to_path, '/') || !queue_make_folders(queue, to, to_path))
        return false;
    return queue_rename(queue, from, from_path, to, to_path) == 0;
}

bool queue_move(struct queue *queue, const char *id, enum queue_place from, enum queue_place to,
                struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_id_is_valid(slice_of(id)))
        return error_code(error, EINVAL, "bad queue id %s", id);
    queue_path_in(queue, from, id, path);
    if (move_path(queue, from, path, to, id))
        return true;
    if (errno == ENOENT && queue_find(queue, from, id, path, &status)
        && move_path(queue, from, path, to, id))
        return true;
    return error_system(error, "move %s from %s to %s", id, place_names[from], place_names[to]);
}

/*
 * Neither the time stamp nor the new name is flushed: when a crash undoes them the
 * message is merely tried earlier.
 */
bool queue_defer(struct queue *queue, const char *id, time_t next_attempt, struct error *error)
{
    char path[QUEUE_PATH_LIMIT];

    if (!queue_id_is_valid(slice_of(id)))
        return error_code(error, EINVAL, "bad queue id %s", id);
    queue_path_in(queue, QUEUE_ACTIVE, id, path);
    if (queue->disk->set_time(queue->disk, queue->folders[QUEUE_ACTIVE], path, next_attempt) < 0)
        return error_system(error, "set time of active/%s", id);
    return queue_move(queue, id, QUEUE_ACTIVE, QUEUE_DEFERRED, error);
}

bool queue_remove(struct queue *queue, enum queue_place place, const char *id,
                  struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_id_is_valid(slice_of(id)))
        return error_code(error, EINVAL, "bad queue id %s", id);
    queue_path_in(queue, place, id, path);
    if (queue->disk->unlink(queue->disk, queue->folders[place], path) == 0)
        return true;
    if (errno == ENOENT && queue_find(queue, place, id, path, &status)
        && queue->disk->unlink(queue->disk, queue->folders[place], path) == 0)
        return true;
    return error_system(error, "remove %s/%s", place_names[place], id);
}

/* A name that is taken gets a + behind: the file of maildrop and its message may have one id. */
static void free_name(const struct queue *queue, int folder, const char *id, struct str *name)
{
    struct disk_status status;

    str_set(name, slice_of(id));
    while (queue->disk->status_at(queue->disk, folder, name->data, &status) == 0)
        str_byte(name, '+');
}

bool queue_save(struct queue *queue, enum queue_place from, const char *id, struct error *error)
{
    const struct disk *disk = queue->disk;
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;
    AUTO_STR struct str name = STR_EMPTY;

    if (!queue_find(queue, from, id, path, &status))
        return error_system(error, "status of %s/%s", place_names[from], id);

    int saved = disk->open(disk, queue->root, "saved", O_PATH | O_DIRECTORY, 0);

    if (saved < 0)
        return error_system(error, "open saved");
    free_name(queue, saved, id, &name);

    bool moved = disk->rename(disk, queue->folders[from], path, saved, name.data) == 0
                 || error_system(error, "move %s/%s to saved", place_names[from], id);

    disk->close(disk, saved);
    return moved;
}

bool queue_request(struct queue *queue, enum queue_place place, const char *id,
                   enum queue_request request, bool *changed, struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;

    if (!queue_find(queue, place, id, path, &status))
        return error_system(error, "status of %s/%s", place_names[place], id);
    if (!S_ISREG(status.mode) || !(status.mode & S_IXUSR))
        return error_code(error, ENOENT, "%s/%s is not complete", place_names[place], id);
    *changed = !(status.mode & request);
    if (*changed && queue->disk->set_mode_at(queue->disk, queue->folders[place], path,
                                             (status.mode & 07777) | request) < 0)
        return error_system(error, "set mode of %s/%s", place_names[place], id);
    return true;
}

bool queue_hasten(struct queue *queue, const char *id, struct error *error)
{
    char path[QUEUE_PATH_LIMIT];
    struct disk_status status;
    bool changed;

    if (!queue_request(queue, QUEUE_DEFERRED, id, QUEUE_UNTHROTTLE, &changed, error))
        return false;
    if (!queue_find(queue, QUEUE_DEFERRED, id, path, &status)
        || queue->disk->set_time(queue->disk, queue->folders[QUEUE_DEFERRED], path,
                                 time(NULL)) < 0)
        return error_system(error, "set time of deferred/%s", id);
    return queue_move(queue, id, QUEUE_DEFERRED, QUEUE_INCOMING, error);
}
