#include "logs.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <stdlib.h>

enum { KINDS = 3 };

static const char *const names[KINDS] = { "bounce", "defer", "trace" };

struct sweep {
    struct queue *queue;
    struct hash *logged[KINDS];     /* ids that had such a log at the beginning */
    struct hash *gone;              /* ids of messages that were removed */
};

static void remove_log(struct queue *queue, int kind, const char *id)
{
    AUTO_STR struct str path = STR_EMPTY;

    queue_log_path(queue, names[kind], id, &path);
    if (unlink(path.data) == 0)
        log_debug("removed file %s", path.data);
    else if (errno != ENOENT)
        log_warn("remove %s: %m", path.data);
}

void logs_remove(struct queue *queue, const char *id)
{
    for (int kind = 0; kind < KINDS; kind++)
        remove_log(queue, kind, id);
}

static void each_logged(struct sweep *sweep,
                        void (*see)(struct sweep *sweep, int kind, const char *id))
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct queue_scan *scan = queue_scan_logs(sweep->queue, names[kind]);

        for (const char *id; (id = queue_scan_next(scan));)
            see(sweep, kind, id);
        queue_scan_free(scan);
    }
}

static void note(struct sweep *sweep, int kind, const char *id)
{
    (void)hash_set(sweep->logged[kind], slice_of(id), sweep);
}

struct sweep *sweep_begin(struct queue *queue)
{
    struct sweep *sweep = memory_new(1, sizeof(*sweep));

    sweep->queue = queue;
    sweep->gone = hash_new();
    for (int kind = 0; kind < KINDS; kind++)
        sweep->logged[kind] = hash_new();
    each_logged(sweep, note);
    return sweep;
}

void sweep_logs(struct sweep *sweep, const char *id)
{
    for (int kind = 0; kind < KINDS; kind++)
        if (hash_get(sweep->logged[kind], slice_of(id)))
            remove_log(sweep->queue, kind, id);
}

void sweep_gone(struct sweep *sweep, const char *id)
{
    (void)hash_set(sweep->gone, slice_of(id), sweep);
}

static void remove_orphan(struct sweep *sweep, int kind, const char *id)
{
    if (hash_get(sweep->gone, slice_of(id)))
        remove_log(sweep->queue, kind, id);
}

void sweep_end(struct sweep *sweep)
{
    each_logged(sweep, remove_orphan);
    for (int kind = 0; kind < KINDS; kind++)
        hash_free(sweep->logged[kind], NULL);
    hash_free(sweep->gone, NULL);
    free(sweep);
}
