#include "succession.h"

#include "intake.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "base/vector.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

enum { TRY_AGAIN_SECONDS = 1 };

/*
 * Two locks on the directory active, both gone with the descriptor at the latest.  A read lock (of
 * the open file: fcntl(2)) is held for life and says that this life may have messages there.
 * flock(2) is held while a life begins, and while one that is alone recovers.
 */
struct succession {
    struct qmgr *qmgr;
    int directory;
    struct { char **items; size_t count, capacity; } found;     /* in active */
};

struct succession *succession_open(struct qmgr *qmgr, struct error *error)
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/active", qmgr->config->queue_directory);

    int directory = open(path.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0) {
        (void)error_system(error, "open %s", path.data);
        return NULL;
    }

    struct succession *succession = memory_new(1, sizeof(*succession));

    succession->qmgr = qmgr;
    succession->directory = directory;
    return succession;
}

/* Only asked for, never set: a directory is not open for writing, as a write lock wants it. */
static bool is_alone(const struct succession *succession)
{
    struct flock other = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(succession->directory, F_OFD_GETLK, &other) == 0 && other.l_type == F_UNLCK;
}

static bool say_alive(const struct succession *succession)
{
    struct flock life = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

    return fcntl(succession->directory, F_OFD_SETLK, &life) == 0;
}

/* --- once the others have gone ------------------------------------------------------------- */

static void list_active(void *argument)
{
    struct succession *succession = argument;
    struct queue_scan *scan = queue_scan_new(succession->qmgr->queue, QUEUE_ACTIVE);

    for (const char *id; (id = queue_scan_next(scan)) != NULL;)
        VECTOR_PUSH(&succession->found, memory_copy(id));
    queue_scan_free(scan);
}

static void recover_found(void *argument)
{
    struct succession *succession = argument;

    for (size_t i = 0; i < succession->found.count; i++) {
        struct error error = ERROR_NONE;

        if (!queue_recover_message(succession->qmgr->queue, succession->found.items[i], &error))
            log_warn("%s: %s", succession->found.items[i], error.text);
    }
}

static void recovered(void *argument)
{
    struct succession *succession = argument;

    for (size_t i = 0; i < succession->found.count; i++)
        free(succession->found.items[i]);
    VECTOR_FREE(&succession->found);
    flock(succession->directory, LOCK_UN);
    intake_walk_incoming(succession->qmgr);
}

/* What this life has in hand itself is not to be touched; of what is left nobody else knows. */
static void listed(void *argument)
{
    struct succession *succession = argument;
    size_t kept = 0;

    for (size_t i = 0; i < succession->found.count; i++) {
        char *id = succession->found.items[i];

        if (hash_get(succession->qmgr->messages, slice_of(id)))
            free(id);
        else
            succession->found.items[kept++] = id;
    }
    succession->found.count = kept;
    events_work(succession->qmgr->events, recover_found, recovered, succession);
}

static void try_recovery(void *argument)
{
    struct succession *succession = argument;
    struct qmgr *qmgr = succession->qmgr;

    if (qmgr->stopping)
        return;
    if (flock(succession->directory, LOCK_EX | LOCK_NB) == 0) {
        if (is_alone(succession)) {
            events_work(qmgr->events, list_active, listed, succession);
            return;
        }
        flock(succession->directory, LOCK_UN);
    }
    /* The other one may have given back what it had not begun. */
    intake_walk_incoming(qmgr);
    events_at(qmgr->events, moment_after(TRY_AGAIN_SECONDS), try_recovery, succession);
}

/* On a descriptor of its own: the lock excludes this life's recovery, too. */
bool succession_alone(struct succession *succession, void (*work)(void *argument), void *argument)
{
    AUTO_CLOSE int directory = openat(succession->directory, ".",
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool alone = directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) == 0
                 && is_alone(succession);

    if (alone)
        work(argument);
    return alone;
}

bool succession_begin(struct succession *succession, struct error *error)
{
    bool good = true;

    if (flock(succession->directory, LOCK_EX) < 0)
        return error_system(error, "lock active");
    if (!say_alive(succession))
        return error_system(error, "lock active");
    if (is_alone(succession))
        good = queue_recover(succession->qmgr->queue, error);
    else
        events_at(succession->qmgr->events, moment_after(TRY_AGAIN_SECONDS), try_recovery,
                  succession);
    flock(succession->directory, LOCK_UN);
    return good;
}
