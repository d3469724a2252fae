#include "service/executor.h"

#include "base/memory.h"
#include "base/moment.h"
#include "base/scope.h"
#include "service/executor_order.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HALF_SOCKET = 3 };

struct executor {
    int socket;
};

/* Nothing of the half that parses is left but the socket. */
static void become_half(int socket) NO_RETURN;

static void become_half(int socket)
{
    prctl(PR_SET_DUMPABLE, 0);
    if (socket != HALF_SOCKET && dup2(socket, HALF_SOCKET) < 0)
        _exit(EXIT_FAILURE);
    closefrom(HALF_SOCKET + 1);
    execute_serve(HALF_SOCKET);
    _exit(EXIT_SUCCESS);
}

struct executor *executor_start(struct error *error)
{
    struct executor *executor = memory_new(1, sizeof(*executor));
    int ends[2] = { -1, -1 };
    pid_t half = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -1 : fork();

    if (half == 0)
        become_half(ends[1]);
    if (half < 0) {
        error_system(error, "start the exec half");
        free(executor);
        return NULL;
    }
    close(ends[1]);
    executor->socket = ends[0];
    return executor;
}

static void add_text(struct str *packet, const char *text)
{
    str_bytes(packet, text ? text : "", text ? strlen(text) + 1 : 1);
}

static size_t add_texts(struct str *packet, const char *const *texts)
{
    size_t count = 0;

    for (; texts && texts[count]; count++)
        add_text(packet, texts[count]);
    return count;
}

static bool write_packet(const struct execute_request *request, struct str *packet)
{
    struct execute_header header = {
        .uid = request->uid, .gid = request->gid, .group_count = request->group_count,
        .groups = { request->gid }, .file_size_limit = request->file_size_limit,
    };

    if (request->groups)
        memcpy(header.groups, request->groups, header.group_count * sizeof(header.groups[0]));
    else
        header.group_count = 1;
    str_bytes(packet, &header, sizeof(header));
    add_text(packet, request->root);
    add_text(packet, request->directory);
    add_text(packet, request->command);
    header.argument_count = add_texts(packet, request->arguments);
    header.variable_count = add_texts(packet, request->environment);
    memcpy(packet->data, &header, sizeof(header));
    return packet->length <= EXECUTE_PACKET
           && header.argument_count + header.variable_count <= EXECUTE_TEXTS;
}

bool executor_run(struct executor *executor, const struct execute_request *request,
                  struct error *error)
{
    int fds[] = { request->input, request->output };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(fds))];
    } control = { .space = { 0 } };
    AUTO_STR struct str packet = STR_EMPTY;

    if (!write_packet(request, &packet))
        return error_set(error, "command and environment are too long");

    struct iovec part = { packet.data, packet.length };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };

    control.header = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    if (sendmsg(executor->socket, &message, MSG_NOSIGNAL) == (ssize_t)packet.length)
        return true;
    return error_system(error, "ask the exec half");
}

static bool has_answered(const struct executor *executor, int64_t deadline)
{
    struct pollfd ready = { executor->socket, POLLIN, 0 };
    int count;

    do {
        int64_t left = moment_left(deadline);

        count = poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

bool executor_wait(struct executor *executor, int64_t deadline, bool *in_time,
                   struct execute_result *result, struct error *error)
{
    ssize_t count;

    *in_time = has_answered(executor, deadline);
    if (!*in_time && send(executor->socket, "k", EXECUTE_KILL, MSG_NOSIGNAL) < 0)
        return error_system(error, "stop the command");
    do
        count = recv(executor->socket, result, sizeof(*result), 0);
    while (count < 0 && errno == EINTR);
    return count == sizeof(*result) || error_set(error, "the exec half is gone");
}
