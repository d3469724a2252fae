#include "forward_file.h"

#include "base/scope.h"
#include "config/config.h"
#include "log/log.h"
#include "text_file.h"

#include <errno.h>

/* Only the user and root may say where the user's mail goes. */
static bool is_trusted(const char *path, const struct stat *status,
                       const struct identity *identity)
{
    struct stat home;

    if (status->st_uid != identity->uid && status->st_uid != 0) {
        log_warn("file %s has bad owner uid %d", path, (int)status->st_uid);
        return false;
    }
    if (status->st_mode & S_IWOTH) {
        log_warn("file %s is world writable", path);
        return false;
    }
    if (stat(identity->home, &home) == 0 && (home.st_mode & S_IWOTH)
        && !(home.st_mode & S_ISVTX)) {
        log_warn("file %s is ignored: its directory is world writable", path);
        return false;
    }
    return true;
}

static bool read_as_user(const char *path, const struct identity *identity, struct str *text)
{
    struct error error = ERROR_NONE;
    struct stat status;

    str_clear(text);
    if (text_file_read(path, text, &status, &error))
        return is_trusted(path, &status, identity);
    if (error.code != ENOENT && error.code != ENOTDIR && error.code != EACCES)
        log_warn("%s: %s", path, error.text);
    return false;
}

bool forward_file_find(const char *path, struct identities *identities,
                       const struct identity *identity, const struct recipient_names *names,
                       const char *filter, struct str *text)
{
    struct slice rest = slice_of(path), member;
    AUTO_STR struct str name = STR_EMPTY, before = STR_EMPTY;
    struct error error = ERROR_NONE;
    bool found = false;

    if (!identity_become(identities, identity, &error)) {
        log_warn("%s", error.text);
        return false;
    }
    while (!found && config_list_next(&rest, false, &member)) {
        str_set(&before, str_slice(&name));
        str_clear(&name);
        if (!names_put(member, names, filter, &name, &error)) {
            log_warn("forward_path: %s", error.text);
            continue;
        }
        /* Without an extension the stock path names the same file twice. */
        found = name.length > 0 && strcmp(name.data, before.data) != 0
                && read_as_user(name.data, identity, text);
    }
    if (found)
        identity_return(identities);
    return found;
}
