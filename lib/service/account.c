#include "service/account.h"

#include "base/memory.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

enum { BUFFER_SIZE = 16 * 1024 };

static bool find_user(const char *name, uid_t *uid, gid_t *gid)
{
    char *buffer = memory_new(1, BUFFER_SIZE);
    struct passwd entry, *found = NULL;
    bool good = getpwnam_r(name, &entry, buffer, BUFFER_SIZE, &found) == 0 && found;

    if (good) {
        *uid = entry.pw_uid;
        *gid = entry.pw_gid;
    }
    free(buffer);
    return good;
}

static bool find_group(const char *name, gid_t *gid)
{
    char *buffer = memory_new(1, BUFFER_SIZE);
    struct group entry, *found = NULL;
    bool good = getgrnam_r(name, &entry, buffer, BUFFER_SIZE, &found) == 0 && found;

    if (good)
        *gid = entry.gr_gid;
    free(buffer);
    return good;
}

static char *copy(struct slice text)
{
    char *bytes = memory_new(1, text.length + 1);

    if (text.length > 0)
        memcpy(bytes, text.data, text.length);
    return bytes;
}

enum account_result account_find(const struct config *config, struct slice text,
                                 struct account *account)
{
    size_t colon = slice_find(text, ':');
    uid_t owner = 0;
    gid_t owner_group = 0, setgid_group = 0;

    account->user = copy(slice_part(text, 0, colon));
    account->group = copy(slice_from(text, colon + 1));
    if (!find_user(account->user, &account->uid, &account->gid))
        return ACCOUNT_NO_USER;
    if (*account->group && !find_group(account->group, &account->gid))
        return ACCOUNT_NO_GROUP;
    if (account->uid == 0)
        return ACCOUNT_ROOT;
    if (find_user(config->mail_owner, &owner, &owner_group) && account->uid == owner)
        return ACCOUNT_OWNER;
    if (account->gid == 0)
        return ACCOUNT_ROOT_GROUP;
    if (owner && account->gid == owner_group)
        return ACCOUNT_OWNER_GROUP;
    if (find_group(config->setgid_group, &setgid_group) && account->gid == setgid_group)
        return ACCOUNT_SETGID_GROUP;
    return ACCOUNT_FOUND;
}
