#include "flush.h"

#include "base/moment.h"
#include "base/scope.h"
#include "log/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { ANSWER_LIMIT = 1024 };

static int connect_to(const char *path, int timeout_seconds)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = timeout_seconds };
    size_t length = strlen(path);

    if (length >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);

    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -1;
    return take_fd(&fd);
}

/* The value of an attribute whose NUL has come, else an empty slice. */
static struct slice find_attribute(struct slice answer, const char *name)
{
    while (answer.length > 0) {
        size_t end = slice_find(answer, '\0');
        struct slice found = slice_part(answer, 0, end);

        answer = slice_from(answer, end + 1);
        if (!found.length)      /* the end of a group: the greeting's, mostly */
            continue;
        end = slice_find(answer, '\0');
        if (slice_is(found, name) && end < answer.length)
            return slice_part(answer, 0, end);
        answer = slice_from(answer, end + 1);
    }
    return SLICE_LITERAL("");
}

/* The greeting goes by, then the status comes. */
static bool read_status(int fd, int64_t deadline, int64_t *status)
{
    AUTO_STR struct str answer = STR_EMPTY;

    while (answer.length < ANSWER_LIMIT && moment_left(deadline)) {
        ssize_t count = recv(fd, str_reserve(&answer, ANSWER_LIMIT), ANSWER_LIMIT, 0);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        str_added(&answer, (size_t)count);

        struct slice found = find_attribute(str_slice(&answer), "status");

        if (found.length)
            return slice_integer(found, -1, INT32_MAX, status);
    }
    return false;
}

enum flush_answer flush_ask_site(const char *path, struct slice site, int timeout_seconds)
{
    AUTO_STR struct str request = STR_EMPTY;
    AUTO_CLOSE int fd = connect_to(path, timeout_seconds);
    int64_t status = FLUSH_TROUBLE;

    if (fd < 0) {
        log_warn("connect to %s: %m", path);
        return FLUSH_TROUBLE;
    }
    str_format(&request, "request%csend_site%csite%c%.*s%c%c", 0, 0, 0, SLICE_ARGS(site), 0, 0);
    if (send(fd, request.data, request.length, MSG_NOSIGNAL) != (ssize_t)request.length ||
        !read_status(fd, moment_after(timeout_seconds), &status)) {
        log_warn("%s: no answer from the flush service", path);
        return FLUSH_TROUBLE;
    }
    return (enum flush_answer)status;
}
