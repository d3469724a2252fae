/*
 * Give up everything that the rights do not name, while there is one thread.
 */
#include "service/process.h"

#include "log/log.h"
#include "service/filter.h"
#include "service/landlock.h"
#include "service/rights.h"

#include <dirent.h>
#include <execinfo.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum confinement { CONFINEMENT_OFF, CONFINEMENT_LOG, CONFINEMENT_ENFORCE };

static enum confinement read_confinement(const char *value)
{
    if (strcmp(value, "enforce") == 0)
        return CONFINEMENT_ENFORCE;
    if (strcmp(value, "log") == 0)
        return CONFINEMENT_LOG;
    if (strcmp(value, "off") == 0)
        return CONFINEMENT_OFF;
    log_fatal("invalid confinement parameter value: %s; specify enforce, log, or off", value);
}

/* Landlock and capabilities bind threads, not processes: a second one would escape. */
static void expect_one_thread(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;

    if (!tasks)
        return;
    for (const struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    if (count != 1)
        log_panic("%d threads before confinement", count);
}

/* log_panic wants a library that could not be loaded any more. */
static void load_backtrace(void)
{
    void *frame[1];

    backtrace(frame, 1);
}

static void become_owner(const struct process *process)
{
    const char *name = process->settings.mail_owner;

    if (setgid(process->owner_group) < 0 || initgroups(name, process->owner_group) < 0)
        log_fatal("take the groups of %s: %m", name);
    if (setuid(process->owner) < 0)
        log_fatal("become %s: %m", name);
}

/* What the process might gain by an exec: nothing. */
static void drop_bounding_set(void)
{
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability) < 0)
            log_fatal("drop capability %d: %m", capability);
}

static void keep_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = {
        { (uint32_t)kept, (uint32_t)kept, 0 },
        { (uint32_t)(kept >> 32), (uint32_t)(kept >> 32), 0 },
    };

    if (syscall(SYS_capset, &header, data) < 0)
        log_fatal("set capabilities: %m");
}

static void say_what_is_missing(bool landlock, bool filter)
{
    if (!landlock)
        log_info("this kernel has no Landlock: folders are protected by their modes only");
    if (!filter)
        log_info("this kernel has no system call filters");
}

/*
 * A service that runs foreign programs as other users keeps its system calls, since they would
 * be inherited; it gives up every capability that its work does not need.
 */
static void confine_trusted(const struct process *process, unsigned rights,
                            enum confinement confinement)
{
    if (process->options.chroot && chroot(".") < 0)
        log_fatal("chroot %s: %m", process->settings.queue_directory);
    if (process->options.unprivileged)
        become_owner(process);
    else if (confinement == CONFINEMENT_ENFORCE && geteuid() == 0)
        keep_capabilities(rights_capabilities(rights));
}

static void confine_fully(const struct process *process, unsigned rights,
                          enum confinement confinement)
{
    bool enforce = confinement == CONFINEMENT_ENFORCE;
    bool anywhere = rights & RIGHT_WRITE_MAILBOXES;     /* mailboxes are wherever users are */
    struct landlock landlock = { -1 };

    if (enforce && !anywhere)
        landlock = landlock_prepare(process, rights);
    if (enforce)
        drop_bounding_set();
    if (process->options.chroot && chroot(".") < 0)
        log_fatal("chroot %s: %m", process->settings.queue_directory);

    bool has_landlock = landlock.ruleset >= 0;

    if (process->options.unprivileged)
        become_owner(process);
    else if (enforce)
        keep_capabilities(rights_capabilities(rights));
    if (confinement == CONFINEMENT_OFF)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        log_fatal("no_new_privs: %m");
    landlock_enforce(&landlock);

    bool has_filter = filter_enforce(rights, enforce ? FILTER_ENFORCE : FILTER_LOG);

    if (enforce)
        say_what_is_missing(has_landlock || anywhere, has_filter);
}

void confine(struct process *process)
{
    const struct service *service = process->service;
    unsigned rights = service->adjust_rights
                    ? service->adjust_rights(&process->context, service->rights)
                    : service->rights;
    enum confinement confinement = read_confinement(process->settings.confinement);

    rights |= process->needs;
    process->options.unprivileged |= service->owner;
    expect_one_thread();
    load_backtrace();
    prctl(PR_SET_DUMPABLE, 0);
    if (rights_are_trusted(rights))
        confine_trusted(process, rights, confinement);
    else
        confine_fully(process, rights, confinement);
    prctl(PR_SET_DUMPABLE, 0);
}
