/*
 * The files that processes have read: a change starts a new generation of the services
 * that depend on them.  The folders are watched, since files are replaced by renaming.
 */
#include "master.h"

#include "base/scope.h"
#include "log/log.h"

#include <sys/inotify.h>
#include <sys/stat.h>

enum { SETTLE_MILLISECONDS = 1000, EVENT_BYTES = 4096 };

struct watched_file {
    struct service_entry *service;
    char *path;
    int folder;             /* inotify's number of its folder */
    struct stat facts;
};

struct watcher {
    struct master *master;
    int inotify;
    struct { struct watched_file *items; size_t count, capacity; } files;
    struct event_timer *settle;
};

static void stat_file(const char *path, struct stat *facts)
{
    memset(facts, 0, sizeof(*facts));
    if (stat(path, facts) < 0)
        memset(facts, 0, sizeof(*facts));
}

static bool is_changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static void check_files(void *argument)
{
    struct watcher *watcher = argument;

    watcher->settle = NULL;
    for (size_t i = 0; i < watcher->files.count; i++) {
        struct watched_file *file = &watcher->files.items[i];
        struct stat now;

        stat_file(file->path, &now);
        if (!is_changed(&now, &file->facts) || now.st_ino == 0)
            continue;
        file->facts = now;
        log_debug("%s has changed: a new generation of service %s", file->path,
                  file->service->line.name);
        service_renew(file->service);
    }
}

/* Whatever happened in a folder: look a moment later, when the writer is done. */
static void folder_changed(void *argument, int fd, UNUSED unsigned mask)
{
    struct watcher *watcher = argument;
    char bytes[EVENT_BYTES];

    while (read(fd, bytes, sizeof(bytes)) > 0)
        continue;
    if (!watcher->settle)
        watcher->settle = events_at(watcher->master->events, moment_now() + SETTLE_MILLISECONDS,
                                    check_files, watcher);
}

struct watcher *watcher_new(struct master *master)
{
    struct watcher *watcher = memory_new(1, sizeof(*watcher));

    watcher->master = master;
    watcher->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watcher->inotify < 0)
        log_fatal("inotify: %m");
    events_watch(master->events, watcher->inotify, EVENT_READ, folder_changed, watcher);
    return watcher;
}

static struct watched_file *find_file(struct watcher *watcher, const struct service_entry *service,
                                      const char *path)
{
    for (size_t i = 0; i < watcher->files.count; i++) {
        struct watched_file *file = &watcher->files.items[i];

        if (file->service == service && strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

void watcher_add(struct service_entry *service, const char *path)
{
    struct watcher *watcher = service->master->watcher;
    struct slice whole = slice_of(path);
    size_t slash = slice_find_last(whole, '/');

    if (find_file(watcher, service, path) || slash == whole.length)
        return;

    AUTO_FREE char *folder = memory_text(path, slash > 0 ? slash : 1);
    struct watched_file *file = VECTOR_ADD(&watcher->files);

    file->service = service;
    file->path = memory_copy(path);
    file->folder = inotify_add_watch(watcher->inotify, folder,
                                     IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB);
    stat_file(path, &file->facts);
    if (file->folder < 0)
        log_warn("cannot watch %s for changes: %m", folder);
}

void watcher_forget(struct service_entry *service)
{
    struct watcher *watcher = service->master->watcher;
    size_t kept = 0;

    for (size_t i = 0; i < watcher->files.count; i++) {
        struct watched_file *file = &watcher->files.items[i];

        if (file->service == service)
            free(file->path);
        else
            watcher->files.items[kept++] = *file;
    }
    watcher->files.count = kept;
}
