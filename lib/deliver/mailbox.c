#include "deliver/mailbox.h"

#include "base/scope.h"
#include "deliver/mailbox_lock.h"
#include "deliver/mailbox_text.h"
#include "deliver/sync_name.h"
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    enum mailbox_lock lock;
} lock_names[] = {
    { "fcntl", MAILBOX_FCNTL }, { "flock", MAILBOX_FLOCK }, { "dotlock", MAILBOX_DOTLOCK },
};

static unsigned find_lock(struct slice word)
{
    for (size_t i = 0; i < COUNT(lock_names); i++)
        if (slice_is_nocase(word, lock_names[i].name))
            return lock_names[i].lock;
    return 0;
}

bool mailbox_locks_parse(struct slice list, unsigned *locks, struct error *error)
{
    struct slice word;

    *locks = 0;
    while (slice_take_token(&list, ", \t\r\n", &word)) {
        unsigned lock = find_lock(word);

        if (lock == 0)
            return error_set(error, "unknown mailbox_delivery_lock value: %.*s",
                             SLICE_ARGS(word));
        *locks |= lock;
    }
    return *locks != 0 || error_set(error, "mailbox_delivery_lock is empty");
}

const char *mailbox_status(int code, const char *otherwise)
{
    switch (code) {
    case EDQUOT:
    case EFBIG:
        return "5.2.2";
    case ENOSPC:
        return "4.3.0";
    case EAGAIN:
    case ESTALE:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return "4.2.0";
    }
    return otherwise;
}

static bool fail(struct mailbox_trouble *trouble, const char *dsn)
{
    trouble->dsn = dsn;
    return false;
}

/* --- Opening. ------------------------------------------------------------------------ */

/* Nobody but root can have put the link where it is. */
static bool is_link_of_root(const char *path, const struct stat *link)
{
    AUTO_STR struct str folder = STR_EMPTY;
    struct stat status;

    str_set(&folder, slice_part(slice_of(path), 0, slice_find_last(slice_of(path), '/') + 1));
    return link->st_uid == 0 && stat(folder.data, &status) == 0 && status.st_uid == 0
           && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool check_kind(const struct mailbox_file *file, const struct stat *status,
                       struct mailbox_trouble *trouble)
{
    trouble->not_regular = !S_ISREG(status->st_mode) && !file->anything;
    trouble->not_owned = file->owner != (uid_t)-1 && status->st_uid != file->owner;
    if (S_ISREG(status->st_mode) && file->anything
        && (status->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
        error_set(&trouble->error, "file is executable");
        return fail(trouble, "5.7.1");
    }
    if (trouble->not_regular) {
        error_set(&trouble->error, "destination %s is not a regular file", file->path);
        return fail(trouble, file->status);
    }
    if (trouble->not_owned) {
        error_set(&trouble->error, "destination %s is not owned by recipient", file->path);
        return fail(trouble, "4.2.0");
    }
    return true;
}

static bool check_file(const struct mailbox_file *file, int fd, struct stat *status,
                       struct mailbox_trouble *trouble)
{
    if (fstat(fd, status) < 0) {
        error_system(&trouble->error, "cannot open file");
        return fail(trouble, "4.2.0");
    }
    if (S_ISREG(status->st_mode) && status->st_nlink != 1) {
        error_set(&trouble->error, "file has %d hard links", (int)status->st_nlink);
        return fail(trouble, file->status);
    }
    return check_kind(file, status, trouble);
}

/* Made for its owner. */
static int make_mailbox(const struct mailbox_file *file, int flags, struct error *error)
{
    AUTO_CLOSE int fd = open(file->path, flags | O_CREAT | O_EXCL, 0600);

    if (fd < 0)
        error_system(error, "cannot create file exclusively");
    if (fd >= 0 && file->owner != (uid_t)-1 && file->owner != geteuid()
        && fchown(fd, file->owner, (gid_t)-1) < 0) {
        error_system(error, "cannot change file ownership");
        unlink(file->path);
        return -1;
    }
    return take_fd(&fd);
}

/* A link is followed only when root has put it there. */
static int open_link(const struct mailbox_file *file, int flags, struct error *error)
{
    AUTO_CLOSE int fd = open(file->path, flags);
    struct stat link;

    if (fd < 0) {
        error_system(error, "cannot open file");
        return -1;
    }
    if (lstat(file->path, &link) < 0
        || (S_ISLNK(link.st_mode) && !is_link_of_root(file->path, &link))) {
        error_set(error, "file is a symbolic link");
        return -1;
    }
    return take_fd(&fd);
}

static int open_mailbox(const struct mailbox_file *file, struct error *error)
{
    int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(file->path, flags | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        return make_mailbox(file, flags, error);
    if (fd < 0 && errno == ELOOP)
        return open_link(file, flags, error);
    if (fd < 0)
        error_system(error, "cannot open file");
    return fd;
}

/* --- Writing. ------------------------------------------------------------------------ */

/* A device has no length that could be limited or restored, and nothing to sync. */
static bool write_device(int fd, const struct mailbox_file *file,
                         const struct mailbox_message *message, struct mailbox_trouble *trouble)
{
    return mailbox_text_write(fd, message, true, 0, 0, &trouble->error)
           || fail(trouble, mailbox_status(trouble->error.code, file->status));
}

/* The name of a new mailbox is a promise too. */
static bool flush(int fd, const char *path, bool fresh, struct error *error)
{
    if (fsync(fd) < 0)
        return error_system(error, "error writing message");
    return !fresh || sync_name(fd, path, error);
}

/* Write, sync; what is written before a failure is cut off again. */
static bool append(int fd, const char *path, const struct mailbox_message *message,
                   const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0) {
        error_system(&trouble->error, "cannot seek");
        return fail(trouble, "4.2.0");
    }
    trouble->offset = size;
    if (mailbox_text_write(fd, message, true, size, settings->size_limit, &trouble->error)
        && flush(fd, path, size == 0, &trouble->error))
        return true;

    int code = trouble->error.code;

    if (ftruncate(fd, size) < 0)
        error_prefix(&trouble->error, "cannot truncate the mailbox again");
    return fail(trouble, mailbox_status(code, "4.2.0"));
}

static bool append_locked(const struct mailbox_file *file, const struct mailbox_message *message,
                          const struct mailbox_settings *settings,
                          struct mailbox_trouble *trouble)
{
    AUTO_CLOSE int fd = open_mailbox(file, &trouble->error);
    struct stat status;

    if (fd < 0)
        return fail(trouble, mailbox_status(trouble->error.code, file->status));
    if (!check_file(file, fd, &status, trouble))
        return false;
    if (!S_ISREG(status.st_mode))
        return write_device(fd, file, message, trouble);
    if (!mailbox_lock_file(fd, settings, &trouble->error))
        return fail(trouble, "4.2.0");
    return append(fd, file->path, message, settings, trouble);
}

/* *locked says whether there is a lock to remove. */
static bool lock(const struct mailbox_file *file, const struct mailbox_settings *settings,
                 bool *locked, struct mailbox_trouble *trouble)
{
    *locked = false;
    if (!(settings->locks & MAILBOX_DOTLOCK))
        return true;
    *locked = mailbox_lock_dot(file->path, settings, &trouble->error);
    if (*locked)
        return true;
    if (trouble->error.code == EEXIST)
        return fail(trouble, "4.2.0");
    /* In a folder where only others may make files the kernel's locks must do. */
    if (!file->anything && trouble->error.code == EACCES && access(file->path, F_OK) == 0)
        return true;
    if (!file->anything)
        return fail(trouble, mailbox_status(trouble->error.code, file->status));
    /* Who delivers to /dev/null or to a file of somebody else's folder cannot lock so. */
    if (!slice_starts(slice_of(file->path), "/dev/"))
        log_warn("%s", trouble->error.text);
    return true;
}

bool mailbox_append(const struct mailbox_file *file, const struct mailbox_message *message,
                    const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    bool locked;

    if (!lock(file, settings, &locked, trouble))
        return false;

    bool appended = append_locked(file, message, settings, trouble);

    if (locked)
        mailbox_unlock_dot(file->path);
    return appended;
}
