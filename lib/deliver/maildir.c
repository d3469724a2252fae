#include "base/scope.h"
#include "base/moment.h"
#include "deliver/mailbox.h"
#include "deliver/mailbox_text.h"
#include "deliver/sync_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* The host's name as the format wants it in file names. */
static void host_name(struct str *name)
{
    struct utsname system;

    uname(&system);
    for (const char *c = system.nodename; *c; c++)
        if (*c == '/')
            str_text(name, "\\057");
        else if (*c == ':')
            str_text(name, "\\072");
        else
            str_byte(name, *c);
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The Maildir with its parents, and its three folders. */
static bool make_folders(const char *path, struct error *error)
{
    static const char *const parts[] = { "tmp", "new", "cur" };
    AUTO_STR struct str name = STR_EMPTY;

    for (size_t i = 1; path[i]; i++) {
        if (path[i] != '/' || path[i - 1] == '/')
            continue;
        str_set(&name, (struct slice){ path, i });
        if (access(name.data, F_OK) < 0 && !make_folder(name.data))
            return error_system(error, "create maildir file %s", path);
    }
    for (size_t i = 0; i < COUNT(parts); i++) {
        str_clear(&name);
        str_format(&name, "%s%s", path, parts[i]);
        if (!make_folder(name.data))
            return error_system(error, "create maildir file %s", name.data);
    }
    return true;
}

static int create(const char *name)
{
    return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int open_new(const char *path, const char *name, struct error *error)
{
    int fd = create(name);

    if (fd < 0 && errno == ENOENT && make_folders(path, error))
        fd = create(name);
    if (fd < 0)
        error_system(error, "create maildir file %s", name);
    return fd;
}

/* The name under which the message appears: nobody else's, and in the order of arrival. */
static bool final_name(const char *path, int fd, struct timeval now, const char *host,
                       struct str *name, struct error *error)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return error_system(error, "stat maildir file");
    str_format(name, "%snew/%lld.V%llxI%llxM%lld.%s", path, (long long)now.tv_sec,
               (unsigned long long)status.st_dev, (unsigned long long)status.st_ino,
               (long long)now.tv_usec, host);
    return true;
}

/* After the rename, so that one flush covers file and name; readers see whole files only. */
static bool flush_file(const char *name, int fd, struct error *error)
{
    if (fsync(fd) < 0)
        return error_system(error, "error writing message");
    return sync_name(fd, name, error);
}

/* Another process that makes the Maildir now may have got as far as tmp/. */
static bool move(const char *temporary, const char *name, const char *path, struct error *error)
{
    if (rename(temporary, name) == 0)
        return true;
    if (errno == ENOENT && make_folders(path, error) && rename(temporary, name) == 0)
        return true;
    return error_system(error, "create maildir file %s", name);
}

static bool deliver(const char *path, const char *temporary, struct timeval now,
                    const char *host, const struct mailbox_message *message,
                    const struct mailbox_settings *settings, struct error *error)
{
    AUTO_CLOSE int fd = open_new(path, temporary, error);
    AUTO_STR struct str name = STR_EMPTY;

    if (fd < 0)
        return false;
    if (!mailbox_text_write(fd, message, false, 0, settings->size_limit, error)
        || !final_name(path, fd, now, host, &name, error)) {
        unlink(temporary);
        return false;
    }
    if (!move(temporary, name.data, path, error)) {
        unlink(temporary);
        return false;
    }
    if (flush_file(name.data, fd, error))
        return true;
    unlink(name.data);
    return false;
}

bool maildir_deliver(const char *path, const char *status, const struct mailbox_message *message,
                     const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    AUTO_STR struct str host = STR_EMPTY, temporary = STR_EMPTY;
    struct timeval now = wall_now();

    host_name(&host);
    /* A process delivers one message at a time. */
    str_format(&temporary, "%stmp/%lld.P%d.%s", path, (long long)now.tv_sec, (int)getpid(),
               host.data);
    if (deliver(path, temporary.data, now, host.data, message, settings, &trouble->error))
        return true;
    trouble->dsn = mailbox_status(trouble->error.code, status);
    return false;
}
