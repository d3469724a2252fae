/*
 * The last thing a mail system does: what lies in the intake log becomes queue files, which any
 * other suite understands.  cleanup may have added to it when qmgr had gone.
 */
#include "master.h"

#include "log/log.h"
#include "queue/intake_log.h"

#include <grp.h>
#include <sys/wait.h>

static int settle(const struct master *master)
{
    const struct queue_settings settings = {
        .hash_queue_names = master->config->hash_queue_names,
        .hash_queue_depth = master->config->hash_queue_depth,
    };
    struct error error;

    if (setgroups(0, NULL) < 0 || setgid(master->owner_group) < 0 || setuid(master->owner) < 0)
        return 1;

    struct queue *queue = queue_open(&settings, &error);

    if (queue && queue_settle_log(queue, &error))
        return 0;
    log_warn("%s", error.text);
    return 1;
}

/* Not in this process, which is root. */
void master_settle(const struct master *master)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(settle(master));
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        log_warn("the intake log could not be settled: it will be at the next start");
}
