/*
 * What a proxy says before the SMTP conversation: the header at once, and byte by byte off a
 * stream, of which nothing behind the header may be taken.
 */
#include "log/log.h"
#include "smtpd/upstream.h"

#include <fcntl.h>
#include <stdlib.h>

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

static void input_close(void *argument)
{
    (void)argument;
}

static bool input_pending(void *argument)
{
    return ((const struct slice *)argument)->length > 0;
}

static void check_addresses(const struct upstream_addresses *addresses)
{
    if (addresses->known && (addresses->client.ss_family != addresses->server.ss_family
                             || (addresses->client.ss_family != AF_INET
                                 && addresses->client.ss_family != AF_INET6)))
        abort();
}

static void read_stream(struct slice input)
{
    static const struct stream_transport transport = {
        .read = input_read, .close = input_close, .pending = input_pending,
    };
    struct stream *stream = stream_new(open("/dev/null", O_RDONLY | O_CLOEXEC));
    struct upstream_addresses addresses, again;
    struct slice rest = input;

    stream_set_transport(stream, &transport, &rest);
    stream_set_deadline(stream, moment_after(60));
    if (upstream_read(stream, &addresses)) {
        size_t taken = input.length - rest.length - stream_buffered(stream);

        check_addresses(&addresses);
        if (upstream_parse(slice_part(input, 0, taken), &again) || again.known != addresses.known)
            abort();
    }
    stream_close(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_bytes(data, size);
    struct upstream_addresses addresses;

    log_open(&(struct log_settings){ .tag = "fuzz", .sink = ignore });
    if (!upstream_parse(input, &addresses))
        check_addresses(&addresses);
    read_stream(input);
    return 0;
}
