#include "deliver/settle.h"

#include "base/scope.h"
#include "ipc/lane.h"
#include "queue/intake_log.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 10 };

static const struct field settle_fields[] = { NUMBER_FIELD(settle, unused), LAST_FIELD };
static const struct field settled_fields[] = { NUMBER_FIELD(settled, done), LAST_FIELD };

FRAME_TYPE(settle, "settle", FRAME_SETTLE)
FRAME_TYPE(settled, "settled", FRAME_SETTLED)

/* Files that another user makes here would be unreadable to the queue manager. */
static bool is_owner(void)
{
    struct stat folder;

    return stat("intake", &folder) == 0 && folder.st_uid == geteuid();
}

bool settle_intake(struct queue *queue, const char *qmgr_socket, struct error *error)
{
    AUTO_ARENA struct arena *arena = arena_new();
    int64_t deadline = moment_after(ANSWER_SECONDS);
    struct lane *lane = lane_open(qmgr_socket, deadline, error);
    struct settled settled = { 0 };

    if (!lane && (error->code == ENOENT || error->code == ECONNREFUSED))
        return !is_owner() || queue_settle_log(queue, error);
    if (!lane)
        return false;

    bool good = lane_call(lane, &settle_frame, &(struct settle){ 0 }, &settled_frame, arena,
                          &settled, deadline, error);

    lane_close(lane);
    return good;
}
