/*
 * Accounts of this host, and acting as one of them.
 *
 * Only this room changes the effective user; the process serves one request at a
 * time, in one thread.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    const char *name, *home, *shell;
    uid_t uid;
    gid_t gid;
};

struct identities;

/* Accounts are remembered for a second. */
struct identities *identities_new(void) MUST_USE;

enum identity_result { IDENTITY_FOUND, IDENTITY_ABSENT, IDENTITY_TROUBLE };

/* The identity is valid until the next find. */
enum identity_result identities_find(struct identities *identities, const char *name,
                                     const struct identity **identity, struct error *error);

enum identity_result identities_find_uid(struct identities *identities, uid_t uid,
                                         const struct identity **identity, struct error *error);

/*
 * Take over the effective user and group; nothing to do when they are taken over already.  False
 * when the kernel refuses: do not go on.
 */
bool identity_become(struct identities *identities, const struct identity *identity,
                     struct error *error) MUST_USE;

/*
 * The effective user is root again (the groups stay the user's: they mean nothing then).  Ends the
 * process when that fails.
 */
void identity_return(struct identities *identities);
