/*
 * The account of user= in master.cf, as whom foreign programs run (pipe(8), spawn(8)).
 */
#pragma once

#include "base/slice.h"
#include "config/config.h"

#include <sys/types.h>

struct account {
    const char *user, *group;       /* as they were given; group "" without */
    uid_t uid;
    gid_t gid;
};

enum account_result {
    ACCOUNT_FOUND, ACCOUNT_NO_USER, ACCOUNT_NO_GROUP,
    ACCOUNT_ROOT, ACCOUNT_OWNER,                /* root, and mail_owner, may not be named */
    ACCOUNT_ROOT_GROUP, ACCOUNT_OWNER_GROUP, ACCOUNT_SETGID_GROUP,
};

/*
 * Look "user" or "user:group" up; the texts belong to the process then.  The account is set as
 * far as it is known.  For prepare: asks NSS.
 */
enum account_result account_find(const struct config *config, struct slice text,
                                 struct account *account);
