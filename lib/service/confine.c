#include "service/process.h"

#include "log/log.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

static void become_owner(const struct process *process)
{
    const char *name = process->settings.mail_owner;

    if (setgid(process->owner_group) < 0 || initgroups(name, process->owner_group) < 0)
        log_fatal("take the groups of %s: %m", name);
    if (setuid(process->owner) < 0)
        log_fatal("become %s: %m", name);
}

void confine(struct process *process)
{
    const struct options *options = &process->options;

    if (options->chroot && chroot(".") < 0)
        log_fatal("chroot %s: %m", process->settings.queue_directory);
    if (options->unprivileged)
        become_owner(process);
    prctl(PR_SET_DUMPABLE, 0);
}
