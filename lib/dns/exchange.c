#include "dns/exchange.h"

#include "base/moment.h"
#include "base/random.h"
#include "base/scope.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    UDP_SIZE = 1232,            /* what we announce: fits one IPv6 packet (DNS flag day 2020) */
    REPLY_LIMIT = 65535,
    FLAG_RECURSION = 0x01,
    FLAG_AUTHENTIC = 0x20,      /* in a question: tell us (RFC 6840 5.7) */
};

struct question {
    unsigned char bytes[NS_HFIXEDSZ + NS_MAXCDNAME + NS_QFIXEDSZ + 11];
    size_t length;
    size_t end;                 /* of the question section */
};

static void put16(struct question *question, unsigned value)
{
    question->bytes[question->length++] = (unsigned char)(value >> 8);
    question->bytes[question->length++] = (unsigned char)value;
}

static bool make_question(struct question *question, const char *name, int type, bool extended)
{
    question->length = 0;
    put16(question, (unsigned)random_below(65536));
    question->bytes[question->length++] = FLAG_RECURSION;
    question->bytes[question->length++] = FLAG_AUTHENTIC;
    put16(question, 1);
    put16(question, 0);
    put16(question, 0);
    put16(question, extended ? 1 : 0);
    if (ns_name_pton(name, question->bytes + question->length, NS_MAXCDNAME) < 0)
        return false;
    while (question->bytes[question->length] != 0)
        question->length += question->bytes[question->length] + 1U;
    question->length++;
    put16(question, (unsigned)type);
    put16(question, ns_c_in);
    question->end = question->length;
    if (extended) {
        question->bytes[question->length++] = 0;
        put16(question, ns_t_opt);
        put16(question, UDP_SIZE);
        put16(question, 0);     /* extended rcode, version */
        put16(question, 0);     /* flags */
        put16(question, 0);     /* no options */
    }
    return true;
}

/* The question section of the reply, names without case. */
static bool same_question(const struct question *question, const unsigned char *reply)
{
    for (size_t i = NS_HFIXEDSZ; i < question->end; i++)
        if (byte_lower((char)question->bytes[i]) != byte_lower((char)reply[i]))
            return false;
    return true;
}

static bool is_reply_to(const struct question *question, const struct str *reply)
{
    const unsigned char *bytes = (const unsigned char *)reply->data;

    return reply->length >= NS_HFIXEDSZ && bytes[0] == question->bytes[0]
           && bytes[1] == question->bytes[1] && (bytes[2] & 0x80)
           && (bytes[4] << 8 | bytes[5]) == 1 && reply->length >= question->end
           && same_question(question, bytes);
}

/* An error reply may leave the question out (RFC 1035 4.1.1, format error). */
static bool is_bare_refusal(const struct question *question, const struct str *reply)
{
    const unsigned char *bytes = (const unsigned char *)reply->data;

    return reply->length >= NS_HFIXEDSZ && bytes[0] == question->bytes[0]
           && bytes[1] == question->bytes[1] && (bytes[2] & 0x80)
           && (bytes[4] << 8 | bytes[5]) == 0 && (bytes[3] & 0x0f) != ns_r_noerror
           && (bytes[3] & 0x0f) != ns_r_nxdomain;
}

static int reply_code(const struct str *reply)
{
    return reply->data[3] & 0x0f;
}

static bool reply_is_cut(const struct str *reply)
{
    return (reply->data[2] & 0x02) != 0;
}

static bool wait_for(int fd, short what, int64_t deadline)
{
    struct pollfd ready = { .fd = fd, .events = what };
    int64_t left = moment_left(deadline);
    int got = poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left);

    if (got < 0 && errno == EINTR)
        return wait_for(fd, what, deadline);
    if (got == 0)
        errno = ETIMEDOUT;
    return got > 0;
}

static bool ask_udp(const struct dns_server *server, const struct question *question,
                    int64_t deadline, struct str *reply)
{
    AUTO_CLOSE int fd = socket(server->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&server->address, server->length) < 0
        || send(fd, question->bytes, question->length, MSG_NOSIGNAL) < 0)
        return false;
    while (wait_for(fd, POLLIN, deadline)) {
        str_clear(reply);

        ssize_t got = recv(fd, str_reserve(reply, REPLY_LIMIT), REPLY_LIMIT, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got < 0)
            return false;
        str_added(reply, (size_t)got);
        if (is_reply_to(question, reply) || is_bare_refusal(question, reply))
            return true;
    }
    return false;
}

static bool read_bytes(int fd, struct str *output, size_t count, int64_t deadline)
{
    str_clear(output);
    while (output->length < count) {
        size_t missing = count - output->length;

        if (!wait_for(fd, POLLIN, deadline))
            return false;

        ssize_t got = recv(fd, str_reserve(output, missing), missing, MSG_DONTWAIT);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return false;
        str_added(output, (size_t)got);
    }
    return true;
}

static bool ask_tcp(const struct dns_server *server, const struct question *question,
                    int64_t deadline, struct str *reply)
{
    AUTO_CLOSE int fd =
        socket(server->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unsigned char message[sizeof(question->bytes) + 2] = {
        (unsigned char)(question->length >> 8), (unsigned char)question->length
    };

    memcpy(message + 2, question->bytes, question->length);
    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)&server->address, server->length) < 0
        && errno != EINPROGRESS)
        return false;
    if (!wait_for(fd, POLLOUT, deadline)
        || send(fd, message, question->length + 2, MSG_NOSIGNAL) != (ssize_t)question->length + 2
        || !read_bytes(fd, reply, 2, deadline))
        return false;

    size_t length = (size_t)(unsigned char)reply->data[0] << 8 | (unsigned char)reply->data[1];

    return read_bytes(fd, reply, length, deadline) && is_reply_to(question, reply);
}

static bool ask_server(const struct dns_server *server, const struct question *question,
                       int64_t deadline, struct str *reply)
{
    if (!ask_udp(server, question, deadline, reply))
        return false;
    return !reply_is_cut(reply) || ask_tcp(server, question, deadline, reply);
}

/* With EDNS, and once more without for a server that does not know it. */
static bool ask_in_its_way(const struct dns_server *server, const char *name, int type,
                           int64_t deadline, struct str *reply)
{
    struct question question;

    if (!make_question(&question, name, type, true)
        || !ask_server(server, &question, deadline, reply))
        return false;
    if (reply_code(reply) != ns_r_formerr && reply_code(reply) != ns_r_notimpl)
        return true;
    return make_question(&question, name, type, false)
           && ask_server(server, &question, deadline, reply);
}

bool dns_exchange(const struct dns_files *files, const char *name, int type, int64_t deadline,
                  struct str *reply, struct error *error)
{
    bool answered = false;

    for (int attempt = 0; attempt < files->attempts; attempt++)
        for (size_t i = 0; i < files->server_count && moment_left(deadline) > 0; i++) {
            int64_t end = moment_after(files->try_seconds);

            if (!ask_in_its_way(&files->servers[i], name, type,
                                end < deadline ? end : deadline, reply)) {
                error_system(error, "name server");
                continue;
            }
            answered = true;
            if (reply_code(reply) == ns_r_noerror || reply_code(reply) == ns_r_nxdomain)
                return true;
        }
    if (answered && reply->length < NS_HFIXEDSZ)
        return error_set(error, "name server: broken connection");
    return answered;
}
