/*
 * Landlock (landlock(7)): which folders and ports a process may reach.
 */
#pragma once

#include "service/process.h"

/* The rules of a process, as an open ruleset. */
struct landlock {
    int ruleset;        /* -1: the kernel has no Landlock */
};

/*
 * Open the rules that rights name; before chroot, since the folders' names are those of
 * the host.  Folders that do not exist are left out.
 */
struct landlock landlock_prepare(const struct process *process, unsigned rights);

/* From here on only what the rules name; needs no_new_privs. Closes the ruleset. */
void landlock_enforce(struct landlock *landlock);
