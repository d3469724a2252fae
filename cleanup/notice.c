#include "notice.h"

#include "base/memory.h"
#include "base/scope.h"
#include "deliver/arrival.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { REOPEN_MILLISECONDS = 1000, NOTES_BETWEEN_LOOKS = 4 };

struct notice {
    pthread_mutex_t lock;       /* of what follows */
    struct sockaddr_un address;
    int fd;                     /* -1: not open */
    int64_t reopen_at;          /* after a connect that failed */
    unsigned notes;             /* sent since qmgr was last listened to */
};

struct notice *notice_new(const char *qmgr_socket)
{
    struct notice *notice = memory_new(1, sizeof(*notice));

    pthread_mutex_init(&notice->lock, NULL);
    notice->fd = -1;
    notice->address.sun_family = AF_UNIX;
    memcpy(notice->address.sun_path, qmgr_socket,
           strnlen(qmgr_socket, sizeof(notice->address.sun_path) - 1));
    return notice;
}

void notice_free(struct notice *notice)
{
    if (!notice)
        return;
    if (notice->fd >= 0)
        close(notice->fd);
    pthread_mutex_destroy(&notice->lock);
    free(notice);
}

/* Not blocking: a full backlog of qmgr is no reason to wait either. */
static bool open_lane(struct notice *notice)
{
    int64_t now = moment_now();

    if (now < notice->reopen_at)
        return false;
    notice->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notice->fd < 0)
        return false;
    if (connect(notice->fd, (struct sockaddr *)&notice->address, sizeof(notice->address)) == 0)
        return true;
    close(take_fd(&notice->fd));
    notice->reopen_at = now + REOPEN_MILLISECONDS;
    return false;
}

/* A frame goes as a whole or not at all: after a part of one the lane is of no use. */
static bool send_frame(struct notice *notice, struct slice frame)
{
    ssize_t sent = send(notice->fd, frame.data, frame.length, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent == (ssize_t)frame.length || (sent < 0 && errno == EAGAIN))
        return true;
    close(take_fd(&notice->fd));
    return false;
}

/* qmgr answers with a byte for each note that it had no room for. */
static bool qmgr_is_behind(struct notice *notice)
{
    char bytes[64];

    if (++notice->notes < NOTES_BETWEEN_LOOKS)
        return false;
    notice->notes = 0;
    return recv(notice->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0;
}

bool notice_send(struct notice *notice, const struct envelope *envelope, bool reported,
                 const struct log_place *place)
{
    AUTO_STR struct str frame = STR_EMPTY;
    struct arrival arrival = { .envelope = *envelope, .complete = 1, .reported = reported,
                               .place = *place };

    if (arrival.envelope.recipients.count > ARRIVAL_RECIPIENTS) {
        arrival.envelope.recipients = (struct recipient_list){ NULL, 0, 0 };
        arrival.complete = 0;
    }
    frame_write(&frame, &arrival_frame, &arrival);
    pthread_mutex_lock(&notice->lock);

    bool sent = notice->fd >= 0 && send_frame(notice, str_slice(&frame));

    if (!sent && open_lane(notice))
        sent = send_frame(notice, str_slice(&frame));

    bool behind = sent && qmgr_is_behind(notice);

    pthread_mutex_unlock(&notice->lock);
    return behind;
}
