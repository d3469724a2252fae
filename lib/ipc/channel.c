#include "ipc/channel.h"

#include "base/memory.h"
#include "ipc/frame.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH_BYTES = 4, READ_BYTES = 16384 };

struct channel *channel_new(int fd)
{
    struct channel *channel = memory_new(1, sizeof(*channel));

    channel->fd = fd;
    channel->input = STR_EMPTY;
    channel->output = STR_EMPTY;
    return channel;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    close(channel->fd);
    str_free(&channel->input);
    str_free(&channel->output);
    free(channel);
}

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static ssize_t send_some(int fd, struct slice bytes, int passed_fd)
{
    struct iovec part = { (void *)(uintptr_t)bytes.data, bytes.length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control;
    ssize_t sent;

    if (passed_fd >= 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
    }
    do {
        sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

bool channel_send(struct channel *channel, const struct str *bytes, int passed_fd)
{
    ssize_t sent = send_some(channel->fd, str_slice(bytes), passed_fd);

    if (sent < 0)
        return false;
    str_add(&channel->output, slice_from(str_slice(bytes), (size_t)sent));
    return true;
}

bool channel_flush(struct channel *channel)
{
    if (channel->output.length == 0)
        return true;

    ssize_t sent = send_some(channel->fd, str_slice(&channel->output), -1);

    if (sent < 0)
        return errno == EAGAIN;
    str_drop(&channel->output, (size_t)sent);
    return true;
}

enum channel_state channel_fill(struct channel *channel)
{
    size_t before = channel->input.length;
    ssize_t got;

    do {
        char *room = str_reserve(&channel->input, READ_BYTES);

        got = recv(channel->fd, room, READ_BYTES, MSG_DONTWAIT);
        if (got > 0)
            str_added(&channel->input, (size_t)got);
    } while (got == READ_BYTES || (got < 0 && errno == EINTR));
    if (got > 0 || channel->input.length > before || (got < 0 && errno == EAGAIN))
        return CHANNEL_OPEN;
    return got < 0 && errno == ECONNRESET ? CHANNEL_RESET : CHANNEL_CLOSED;
}

bool channel_frame(const struct channel *channel, size_t start, struct slice *frame,
                   size_t *used, bool *bad)
{
    struct slice rest = slice_from(str_slice(&channel->input), start);
    const unsigned char *bytes = (const unsigned char *)rest.data;

    *bad = false;
    if (rest.length < LENGTH_BYTES)
        return false;

    size_t length = (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 |
                    bytes[3];

    if (length > FRAME_LIMIT) {
        *bad = true;
        return false;
    }
    if (rest.length - LENGTH_BYTES < length)
        return false;
    *frame = slice_part(rest, LENGTH_BYTES, length);
    *used = LENGTH_BYTES + length;
    return true;
}

bool channel_is_unread(const struct channel *channel)
{
    int unread = 0;

    return ioctl(channel->fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}
