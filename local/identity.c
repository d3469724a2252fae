#include "identity.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

enum { REMEMBER_MILLISECONDS = 1000, REMEMBER_LIMIT = 1000, BUFFER_SIZE = 16 * 1024 };

struct remembered {
    struct identity identity;
    int64_t until;
};

struct identities {
    struct hash *known;
    bool has_group;             /* group is the one supplementary group of this process */
    gid_t group;
    struct identity actor;      /* who this process is now, when acting */
    bool acting;
};

struct identities *identities_new(void)
{
    struct identities *identities = memory_new(1, sizeof(*identities));

    identities->known = hash_new();
    return identities;
}

static void forget(void *value)
{
    struct remembered *remembered = value;

    if (!remembered)
        return;
    free((char *)remembered->identity.name);
    free((char *)remembered->identity.home);
    free((char *)remembered->identity.shell);
    free(remembered);
}

static struct remembered *remember(struct identities *identities, const struct passwd *entry)
{
    struct remembered *fresh = memory_new(1, sizeof(*fresh));
    if (hash_count(identities->known) >= REMEMBER_LIMIT) {
        hash_free(identities->known, forget);
        identities->known = hash_new();
    }
    fresh->identity.name = memory_copy(entry->pw_name);
    fresh->identity.home = memory_copy(entry->pw_dir);
    fresh->identity.shell = memory_copy(entry->pw_shell);
    fresh->identity.uid = entry->pw_uid;
    fresh->identity.gid = entry->pw_gid;
    fresh->until = moment_now() + REMEMBER_MILLISECONDS;
    forget(hash_set(identities->known, slice_of(entry->pw_name), fresh));
    return fresh;
}

/* What getpw*_r answered about who, whose code is 0 also when there is nobody. */
static enum identity_result take_entry(struct identities *identities, int code,
                                       const struct passwd *entry, const char *who,
                                       const struct identity **identity, struct error *error)
{
    if (entry) {
        *identity = &remember(identities, entry)->identity;
        return IDENTITY_FOUND;
    }
    if (code == 0 || code == ENOENT || code == ESRCH)
        return IDENTITY_ABSENT;
    error_code(error, code, "user lookup error for %s: %s", who, strerror(code));
    return IDENTITY_TROUBLE;
}

enum identity_result identities_find(struct identities *identities, const char *name,
                                     const struct identity **identity, struct error *error)
{
    struct remembered *known = hash_get(identities->known, slice_of(name));
    struct passwd entry, *found = NULL;

    if (known && known->until > moment_now()) {
        *identity = &known->identity;
        return IDENTITY_FOUND;
    }

    char *buffer = memory_new(1, BUFFER_SIZE);
    int code = getpwnam_r(name, &entry, buffer, BUFFER_SIZE, &found);
    enum identity_result result = take_entry(identities, code, found, name, identity, error);

    free(buffer);
    return result;
}

enum identity_result identities_find_uid(struct identities *identities, uid_t uid,
                                         const struct identity **identity, struct error *error)
{
    struct passwd entry, *found = NULL;
    AUTO_STR struct str who = STR_EMPTY;
    char *buffer = memory_new(1, BUFFER_SIZE);
    int code = getpwuid_r(uid, &entry, buffer, BUFFER_SIZE, &found);

    str_format(&who, "uid %lu", (unsigned long)uid);

    enum identity_result result = take_entry(identities, code, found, who.data, identity, error);

    free(buffer);
    return result;
}

/* Nobody has more groups than the one of the account (local(8), mailbox_command). */
static bool take_group(struct identities *identities, gid_t gid)
{
    if (identities->has_group && identities->group == gid)
        return true;
    identities->has_group = false;
    if (setgroups(1, &gid) < 0)
        return false;
    identities->has_group = true;
    identities->group = gid;
    return true;
}

bool identity_become(struct identities *identities, const struct identity *identity,
                     struct error *error)
{
    if (identities->acting && identities->actor.uid == identity->uid
        && identities->actor.gid == identity->gid && identities->has_group
        && identities->group == identity->gid)
        return true;
    identity_return(identities);
    identities->acting = true;
    identities->actor = *identity;
    if (take_group(identities, identity->gid) && setegid(identity->gid) == 0
        && seteuid(identity->uid) == 0)
        return true;
    error_system(error, "become user %s", identity->name);
    identity_return(identities);
    return false;
}

void identity_return(struct identities *identities)
{
    if (!identities->acting)
        return;
    identities->acting = false;
    if (seteuid(0) < 0 || setegid(0) < 0)
        log_fatal("cannot return from the identity of a user: %s", strerror(errno));
}
