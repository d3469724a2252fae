/*
 * What a filter before the queue answers, whatever it is: a conversation of one mail ends, and
 * what the client would be told is never empty and starts with a code.
 */
#include "base/scope.h"
#include "log/log.h"
#include "smtpd/filter.h"
#include "smtpd/state.h"

#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(enum log_severity severity, const char *text)
{
    (void)severity, (void)text;
}

static ssize_t input_read(void *argument, void *buffer, size_t size, int64_t deadline)
{
    struct slice *input = argument, part = slice_part(*input, 0, size);

    (void)deadline;
    if (part.length > 0)
        memcpy(buffer, part.data, part.length);
    *input = slice_from(*input, part.length);
    return (ssize_t)part.length;
}

static ssize_t output_write(void *argument, const void *buffer, size_t size, int64_t deadline)
{
    (void)argument, (void)buffer, (void)deadline;
    return (ssize_t)size;
}

static void input_close(void *argument)
{
    (void)argument;
}

static bool input_pending(void *argument)
{
    return ((const struct slice *)argument)->length > 0;
}

static struct stream *connect_input(void *argument, bool is_unix, const char *name,
                                    int timeout_seconds, struct error *error)
{
    static const struct stream_transport transport = {
        .read = input_read, .write = output_write, .close = input_close,
        .pending = input_pending,
    };
    struct stream *stream = stream_new(open("/dev/null", O_RDONLY | O_CLOEXEC));

    (void)is_unix, (void)name, (void)timeout_seconds, (void)error;
    stream_set_transport(stream, &transport, argument);
    return stream;
}

static void check_reply(const struct filter *filter)
{
    const char *reply = filter->reply.data;

    if (!byte_is_digit(reply[0]) || !byte_is_digit(reply[1]) || !byte_is_digit(reply[2]))
        abort();
}

static void converse(struct filter *filter, const struct session *session)
{
    static const char *const commands[] = { "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>" };

    if (filter_open(filter, session)) {
        for (size_t i = 0; i < COUNT(commands); i++) {
            (void)filter_command(filter, '2', slice_of(commands[i]));
            check_reply(filter);
        }
        filter->in_content = filter_command(filter, '3', SLICE_LITERAL("DATA"));
        check_reply(filter);
        filter_add(filter, SLICE_LITERAL("Subject: x\n\n.dot\nopen"));
        (void)filter_end(filter);
    }
    check_reply(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_bytes(data, size);
    const struct config config = { .smtpd_proxy_ehlo = "proxy.example.test" };
    const struct server server = {
        .config = &config, .calls = { .argument = &input, .connect = connect_input },
    };
    const struct session session = {
        .server = &server,
        .facts = { .name = "client.example.test", .address = "2001:db8::1", .port = "1234",
                   .helo = "client+.example", .protocol = "ESMTP" },
        .upstream = { .ident = "", .source = SOURCE_LOCAL },
    };
    struct filter filter = { .name = "inet:filter", .timeout_seconds = 60, .reply = STR_EMPTY };

    log_open(&(struct log_settings){ .tag = "fuzz", .sink = ignore });
    converse(&filter, &session);
    filter_close(&filter);
    str_free(&filter.reply);
    return 0;
}
