/*
 * unix:passwd.byname and unix:group.byname (DATABASE_README).  Name services may wait and
 * load plugins, so daemons that parse the network ask through proxy:.
 */
#include "table/recent.h"
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>

enum { FIRST_ROOM = 1024, MOST_ROOM = 1024 * 1024 };

struct names {
    bool groups;
    struct recent *recent;
};

static bool unix_open(struct table *table, UNUSED const struct table_context *context,
                      const char *name, struct error *error)
{
    bool groups = strcmp(name, "group.byname") == 0;

    if (!groups && strcmp(name, "passwd.byname") != 0)
        return error_set(error, "unknown table: unix:%s", name);

    struct names *names = memory_new(1, sizeof(*names));

    names->groups = groups;
    names->recent = recent_new();
    table->data = names;
    return true;
}

static void unix_close(struct table *table)
{
    struct names *names = table->data;

    if (names)
        recent_free(names->recent);
    free(names);
}

static void append_user(struct str *value, const struct passwd *user)
{
    str_format(value, "%s:%s:%ld:%ld:%s:%s:%s", user->pw_name, user->pw_passwd,
               (long)user->pw_uid, (long)user->pw_gid, user->pw_gecos, user->pw_dir,
               user->pw_shell);
}

static void append_group(struct str *value, const struct group *group)
{
    str_format(value, "%s:%s:%ld:", group->gr_name, group->gr_passwd, (long)group->gr_gid);
    for (size_t i = 0; group->gr_mem[i]; i++)
        str_format(value, "%s%s", i ? "," : "", group->gr_mem[i]);
}

/* 0, ERANGE when the room is too small, another errno; *found says whether it is there. */
static int ask(bool group_table, const char *name, char *room, size_t size, struct str *value,
               bool *found)
{
    struct passwd user, *user_found = NULL;
    struct group group, *group_found = NULL;
    int code = group_table ? getgrnam_r(name, &group, room, size, &group_found)
                           : getpwnam_r(name, &user, room, size, &user_found);

    *found = user_found || group_found;
    if (user_found)
        append_user(value, user_found);
    if (group_found)
        append_group(value, group_found);
    return code;
}

/* The name services; 0 or an errno that means trouble. */
static int look_up(bool groups, const char *name, struct str *value, bool *found)
{
    int code = ERANGE;

    for (size_t size = FIRST_ROOM; code == ERANGE && size <= MOST_ROOM; size *= 4) {
        AUTO_FREE char *room = memory_new(size, 1);

        code = ask(groups, name, room, size, value, found);
    }
    return *found || code == ENOENT || code == ESRCH || code == EBADF || code == EPERM ? 0 : code;
}

static enum table_result unix_get(struct table *table, struct slice key, struct str *value,
                                  struct error *error)
{
    AUTO_FREE char *name = memory_text(key.data, key.length);
    struct names *names = table->data;
    size_t before = value->length;
    bool found = false;

    if (!key.length || strlen(name) != key.length)
        return TABLE_ABSENT;
    if (recent_get(names->recent, key, &found, value))
        return found ? TABLE_FOUND : TABLE_ABSENT;

    int code = look_up(names->groups, name, value, &found);

    if (code != 0) {
        error_code(error, code, "table %s: lookup error: %s", table->type_name, strerror(code));
        return TABLE_TROUBLE;
    }
    recent_set(names->recent, key, found, slice_from(str_slice(value), before));
    return found ? TABLE_FOUND : TABLE_ABSENT;
}

const struct table_type table_type_unix = {
    .name = "unix", .open = unix_open, .get = unix_get, .close = unix_close,
};
