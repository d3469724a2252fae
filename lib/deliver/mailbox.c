#include "deliver/mailbox.h"

#include "base/scope.h"
#include "deliver/mailbox_lock.h"
#include "deliver/mailbox_text.h"

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

/* What errno says about trying again (RFC 3463): no space comes back, a quota is the owner's. */
static const char *status_of(int code)
{
    switch (code) {
    case EDQUOT:
    case EFBIG:
        return "5.2.2";
    case EISDIR:
    case EACCES:
    case EPERM:
    case ENOTDIR:
    case ENOENT:
    case ELOOP:
        return "5.2.0";
    }
    return "4.2.0";
}

static bool fail(struct mailbox_trouble *trouble, const char *dsn)
{
    trouble->dsn = dsn ? dsn : status_of(trouble->error.code);
    return false;
}

/* A plain file of one link, not somebody else's. */
static bool check_file(const char *path, int fd, uid_t owner, struct stat *status,
                       struct mailbox_trouble *trouble)
{
    if (fstat(fd, status) < 0) {
        error_system(&trouble->error, "cannot open file");
        return fail(trouble, "4.2.0");
    }
    if (!S_ISREG(status->st_mode)) {
        error_set(&trouble->error, "destination %s is not a regular file", path);
        return fail(trouble, "5.2.0");
    }
    if (status->st_nlink != 1) {
        error_set(&trouble->error, "cannot open file: file has %d hard links",
                  (int)status->st_nlink);
        return fail(trouble, "5.2.0");
    }
    if (owner != (uid_t)-1 && status->st_uid != owner) {
        error_set(&trouble->error, "destination %s is not owned by recipient", path);
        return fail(trouble, "4.2.0");
    }
    return true;
}

/* Write, sync; what is written before a failure is cut off again. */
static bool append(int fd, const struct mailbox_message *message,
                   const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    off_t size = lseek(fd, 0, SEEK_END);
    int code = 0;

    if (size < 0) {
        error_system(&trouble->error, "cannot seek");
        return fail(trouble, "4.2.0");
    }
    if (!mailbox_text_write(fd, message, true, size, settings->size_limit, &trouble->error))
        code = trouble->error.code;
    else if (fsync(fd) == 0)
        return true;
    else {
        code = errno;
        error_system(&trouble->error, "error writing message");
    }
    if (ftruncate(fd, size) < 0)
        error_prefix(&trouble->error, "cannot truncate the mailbox again");
    return fail(trouble, status_of(code));
}

/* The file, made for its owner when it is not there. */
static int open_mailbox(const char *path, uid_t owner, struct error *error)
{
    int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    AUTO_CLOSE int fd = open(path, flags);

    if (fd < 0 && errno == ENOENT) {
        fd = open(path, flags | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 && owner != (uid_t)-1 && owner != geteuid()
            && fchown(fd, owner, (gid_t)-1) < 0) {
            error_system(error, "cannot give file to its owner");
            return -1;
        }
    }
    if (fd < 0)
        error_system(error, "cannot open file");
    return take_fd(&fd);
}

static bool append_locked(const char *path, uid_t owner, const struct mailbox_message *message,
                          const struct mailbox_settings *settings,
                          struct mailbox_trouble *trouble)
{
    AUTO_CLOSE int fd = open_mailbox(path, owner, &trouble->error);
    struct stat status;

    if (fd < 0)
        return fail(trouble, NULL);
    if (!check_file(path, fd, owner, &status, trouble))
        return false;
    if (!mailbox_lock_file(fd, settings, &trouble->error))
        return fail(trouble, "4.2.0");
    return append(fd, message, settings, trouble);
}

bool mailbox_append(const char *path, uid_t owner, const struct mailbox_message *message,
                    const struct mailbox_settings *settings, struct mailbox_trouble *trouble)
{
    bool dotlock = settings->locks & MAILBOX_DOTLOCK;

    if (dotlock && !mailbox_lock_dot(path, settings, &trouble->error))
        return fail(trouble, "4.2.0");

    bool appended = append_locked(path, owner, message, settings, trouble);

    if (dotlock)
        mailbox_unlock_dot(path);
    return appended;
}
