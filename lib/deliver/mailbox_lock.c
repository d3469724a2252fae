#include "deliver/mailbox_lock.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

static void pause_between(const struct mailbox_settings *settings)
{
    struct timespec pause = { settings->lock_delay_seconds, 0 };

    nanosleep(&pause, NULL);
}

static bool try_lock(int fd, unsigned lock)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (lock == MAILBOX_FCNTL)
        return fcntl(fd, F_SETLK, &whole) == 0;
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool lock_by(int fd, unsigned lock, const struct mailbox_settings *settings,
                    struct error *error)
{
    for (int attempt = 1;; attempt++) {
        if (try_lock(fd, lock))
            return true;
        if (attempt >= settings->lock_attempts)
            return error_system(error, "unable to lock for exclusive access");
        pause_between(settings);
    }
}

bool mailbox_lock_file(int fd, const struct mailbox_settings *settings, struct error *error)
{
    if ((settings->locks & MAILBOX_FCNTL) && !lock_by(fd, MAILBOX_FCNTL, settings, error))
        return false;
    return !(settings->locks & MAILBOX_FLOCK) || lock_by(fd, MAILBOX_FLOCK, settings, error);
}

static void lock_name(struct str *name, const char *path)
{
    str_format(name, "%s.lock", path);
}

static bool make_lock(const char *name)
{
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    char text[32];

    if (fd < 0)
        return false;

    int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    if (write(fd, text, (size_t)length) == length)
        return true;

    int code = errno;

    unlink(name);
    errno = code;
    return false;
}

static bool is_stale(const char *name, int seconds)
{
    struct stat status;

    return stat(name, &status) == 0 && time(NULL) - status.st_ctime > seconds;
}

bool mailbox_lock_dot(const char *path, const struct mailbox_settings *settings,
                      struct error *error)
{
    AUTO_STR struct str name = STR_EMPTY;

    lock_name(&name, path);
    for (int attempt = 1; !make_lock(name.data); attempt++) {
        if (errno == EEXIST && is_stale(name.data, settings->stale_lock_seconds)) {
            unlink(name.data);
            continue;
        }
        if (errno != EEXIST || attempt >= settings->lock_attempts)
            return error_system(error, "unable to create lock file %s", name.data);
        pause_between(settings);
    }
    return true;
}

void mailbox_unlock_dot(const char *path)
{
    AUTO_STR struct str name = STR_EMPTY;

    lock_name(&name, path);
    unlink(name.data);
}
