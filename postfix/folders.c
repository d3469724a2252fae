/*
 * The folders of a mail system, their owners and modes: as Postfix has them, so that
 * either suite finds the other's in order.
 */
#include "command.h"

#include "base/scope.h"
#include "log/log.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum owner { BY_ROOT, BY_MAIL };
enum group { ANY_GROUP, SUBMIT_GROUP };

static const struct folder {
    const char *name;       /* below queue_directory; "" is itself; NULL is data_directory */
    enum owner owner;
    enum group group;
    mode_t mode;
} folders[] = {
    { "",         BY_ROOT, ANY_GROUP,    0755 },
    { "pid",      BY_ROOT, ANY_GROUP,    0755 },
    { "active",   BY_MAIL, ANY_GROUP,    0700 },
    { "bounce",   BY_MAIL, ANY_GROUP,    0700 },
    { "corrupt",  BY_MAIL, ANY_GROUP,    0700 },
    { "defer",    BY_MAIL, ANY_GROUP,    0700 },
    { "deferred", BY_MAIL, ANY_GROUP,    0700 },
    { "flush",    BY_MAIL, ANY_GROUP,    0700 },
    { "hold",     BY_MAIL, ANY_GROUP,    0700 },
    { "incoming", BY_MAIL, ANY_GROUP,    0700 },
    { "intake",   BY_MAIL, ANY_GROUP,    0700 },
    { "private",  BY_MAIL, ANY_GROUP,    0700 },
    { "saved",    BY_MAIL, ANY_GROUP,    0700 },
    { "trace",    BY_MAIL, ANY_GROUP,    0700 },
    { "maildrop", BY_MAIL, SUBMIT_GROUP, 0730 },
    { "public",   BY_MAIL, SUBMIT_GROUP, 0710 },
    { NULL,       BY_MAIL, ANY_GROUP,    0700 },
};

static void path_of(const struct command_context *context, const struct folder *folder,
                    struct str *path)
{
    if (!folder->name)
        str_text(path, context->config->data_directory);
    else
        str_format(path, "%s%s%s", context->config->queue_directory, *folder->name ? "/" : "",
                   folder->name);
}

static uid_t owner_of(const struct command_context *context, const struct folder *folder)
{
    return folder->owner == BY_MAIL ? context->owner : 0;
}

static gid_t group_of(const struct command_context *context, const struct folder *folder,
                      gid_t otherwise)
{
    return folder->group == SUBMIT_GROUP ? context->submit_group : otherwise;
}

/* What a distribution adds stays: Debian's public is set-gid, its maildrop sticky. */
static bool set_folder(const struct command_context *context, const struct folder *folder,
                       const char *path, gid_t group)
{
    struct stat facts;

    return stat(path, &facts) == 0 &&
           chown(path, owner_of(context, folder), group_of(context, folder, group)) == 0 &&
           chmod(path, folder->mode | (facts.st_mode & (S_ISGID | S_ISVTX))) == 0;
}

/* The parents of data_directory may be missing too; they are the administrator's. */
static void create_folder(const struct command_context *context, const struct folder *folder,
                          const char *path)
{
    if (mkdir(path, folder->mode) < 0 || !set_folder(context, folder, path, 0))
        log_fatal("cannot create %s: %m", path);
}

static void check_folder(const struct command_context *context, const struct folder *folder,
                         const char *path, const struct stat *facts)
{
    const struct config *config = context->config;
    const char *separator = folder->name && *folder->name ? "" : "/.";

    if (facts->st_uid != owner_of(context, folder))
        log_warn("not owned by %s: %s%s", folder->owner == BY_MAIL ? config->mail_owner : "root",
                 path, separator);
    if (folder->group == SUBMIT_GROUP && facts->st_gid != context->submit_group)
        log_warn("not owned by group %s: %s", config->setgid_group, path);
    if (folder->group == ANY_GROUP && facts->st_mode & 022)
        log_warn("group or other writable: %s%s", path, separator);
}

static void name_damaged(const struct command_context *context)
{
    DIR *corrupt = opendir("corrupt");

    if (!corrupt)
        return;
    for (const struct dirent *entry; (entry = readdir(corrupt)) != NULL;)
        if (entry->d_name[0] != '.')
            log_warn("damaged message: %s/corrupt/%s", context->config->queue_directory,
                     entry->d_name);
    closedir(corrupt);
}

/* The configuration is root's, and nobody else may write it. */
static void check_configuration(const struct command_context *context)
{
    static const char *const names[] = { "", "main.cf", "master.cf" };

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        struct stat facts;

        str_format(&path, "%s/./%s", context->directory, names[i]);
        if (!*names[i])
            str_cut(&path, path.length - 1);
        if (stat(path.data, &facts) < 0)
            continue;
        if (facts.st_uid != 0)
            log_warn("not owned by root: %s", path.data);
        if (facts.st_mode & 022)
            log_warn("group or other writable: %s", path.data);
    }
}

static void check_setgid(const struct command_context *context)
{
    static const char *const names[] = { "postqueue", "postdrop" };

    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        struct stat facts;

        str_format(&path, "%s/%s", context->config->command_directory, names[i]);
        if (stat(path.data, &facts) < 0)
            continue;
        if (facts.st_gid != context->submit_group)
            log_warn("not owned by group %s: %s", context->config->setgid_group, path.data);
        if ((facts.st_mode & 02111) != 02111)
            log_warn("not set-gid or not owner+group+world executable: %s", path.data);
    }
}

/* Other programs hand in mail by what main.cf calls them. */
static void check_submission(const struct command_context *context)
{
    const struct config *config = context->config;
    const struct { const char *name, *path; } commands[] = {
        { "sendmail_path", config->sendmail_path },
        { "mailq_path", config->mailq_path },
        { "newaliases_path", config->newaliases_path },
    };

    for (size_t i = 0; i < COUNT(commands); i++)
        if (access(commands[i].path, X_OK) < 0)
            log_warn("%s = %s: %m", commands[i].name, commands[i].path);
}

void folders_check(const struct command_context *context)
{
    for (size_t i = 0; i < COUNT(folders); i++) {
        AUTO_STR struct str path = STR_EMPTY;
        struct stat facts;

        path_of(context, &folders[i], &path);
        if (stat(path.data, &facts) < 0 && errno == ENOENT)
            create_folder(context, &folders[i], path.data);
        else
            check_folder(context, &folders[i], path.data, &facts);
    }
    check_configuration(context);
    check_setgid(context);
    check_submission(context);
    name_damaged(context);
}

int folders_set(const struct command_context *context)
{
    int status = 0;

    for (size_t i = 0; i < COUNT(folders); i++) {
        AUTO_STR struct str path = STR_EMPTY;

        path_of(context, &folders[i], &path);
        if ((mkdir(path.data, folders[i].mode) < 0 && errno != EEXIST) ||
            !set_folder(context, &folders[i], path.data, (gid_t)-1)) {
            log_error("set permissions of %s: %m", path.data);
            status = 1;
        }
    }
    return status;
}
