#include "master.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

enum { PID_WIDTH = 32, PID_TEXT = 64 };

static pid_t read_holder(int file)
{
    char text[PID_TEXT];
    ssize_t count = pread(file, text, sizeof(text), 0);
    uint64_t pid;

    if (count <= 0 || !slice_number(slice_trim(slice_bytes(text, (size_t)count)), INT32_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

/* The process id stands there as Postfix writes it, for scripts. */
static bool write_holder(int file, const char *path, struct error *error)
{
    char text[PID_TEXT];
    int length = snprintf(text, sizeof(text), "%*lu\n", PID_WIDTH, (unsigned long)getpid());

    if (ftruncate(file, 0) < 0 || pwrite(file, text, (size_t)length, 0) != length)
        return error_system(error, "write process ID file %s", path);
    return true;
}

bool lock_take(const char *path, pid_t *holder, struct error *error)
{
    AUTO_CLOSE int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    *holder = 0;
    if (file < 0)
        return error_system(error, "open lock file %s", path);
    if (flock(file, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            *holder = read_holder(file);
        return error_system(error, "open lock file %s: unable to set exclusive lock", path);
    }
    if (!write_holder(file, path, error))
        return false;
    take_fd(&file);     /* held by the process until it ends */
    return true;
}

bool lock_is_held(const char *path, pid_t *holder)
{
    AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || flock(file, LOCK_SH | LOCK_NB) == 0)
        return false;
    *holder = read_holder(file);
    return errno == EWOULDBLOCK || *holder > 0;
}
