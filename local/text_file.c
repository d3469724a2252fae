#include "text_file.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>

enum { READ_SIZE = 16 * 1024 };

static bool read_all(int fd, struct str *text, struct error *error)
{
    for (;;) {
        ssize_t got = read(fd, str_reserve(text, READ_SIZE), READ_SIZE);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_code(error, errno, "%s", strerror(errno));
        if (got == 0)
            return true;
        str_added(text, (size_t)got);
        if (text->length > TEXT_FILE_LIMIT)
            return error_code(error, EFBIG, "%s", strerror(EFBIG));
    }
}

bool text_file_read(const char *path, struct str *text, struct stat *status, struct error *error)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat here;

    if (fd < 0 || fstat(fd, &here) < 0)
        return error_code(error, errno, "%s", strerror(errno));
    if (!S_ISREG(here.st_mode))
        return error_code(error, EINVAL, "not a regular file");
    if (status)
        *status = here;
    return read_all(fd, text, error);
}
