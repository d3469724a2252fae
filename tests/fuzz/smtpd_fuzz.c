/*
 * A whole SMTP conversation: the input is what the client sends, commands, content
 * and chunks alike.  Cleanup, queue and DNS are stand-ins, no socket is touched.
 */
#include "smtpd/session.h"

#include "base/scope.h"
#include "log/log.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *submit(void *argument, struct submission *submission)
{
    assert(*submission->envelope.queue_id && submission->envelope.recipients.count);
    return argument;
}

static bool submit_add(void *submitter, struct slice content, struct error *error)
{
    (void)submitter, (void)error;
    assert(!content.length || content.data);
    return true;
}

static bool submit_end(void *submitter, struct arena *arena, struct submission_reply *reply,
                       struct error *error)
{
    (void)submitter, (void)arena, (void)error;
    reply->status = SUBMISSION_QUEUED;
    return true;
}

static void submit_abandon(void *submitter)
{
    (void)submitter;
}

static int64_t queue_free(void *argument)
{
    (void)argument;
    return -1;
}

static void query(void *argument, const char *name, enum dns_type type, struct arena *arena,
                  struct dns_answer *answer)
{
    (void)argument, (void)name, (void)type, (void)arena;
    answer->status = DNS_NO_DOMAIN;
}

static void addresses(void *argument, const char *host, struct arena *arena,
                      struct dns_answer *answer)
{
    (void)argument, (void)host, (void)arena;
    answer->status = DNS_NO_DOMAIN;
}

static void wait_seconds(void *argument, int seconds)
{
    (void)argument, (void)seconds;
}

static enum flush_answer flush_site(void *argument, struct slice site)
{
    (void)argument;
    return site.length % 2 ? FLUSH_STARTED : FLUSH_TROUBLE;
}

static const char main_cf[] =
    "compatibility_level = 3.6\nmyhostname = mx.example.test\nmyorigin = example.test\n"
    "mydestination = example.test\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
    "mynetworks = 127.0.0.0/8\nalias_maps =\nlocal_recipient_maps = inline:{alice=x}\n"
    "relay_domains = relay.test\nmessage_size_limit = 100000\nsmtpd_error_sleep_time = 0\n"
    "smtpd_authorized_xclient_hosts = 127.0.0.0/8, 192.0.2.0/24\n"
    "smtpd_authorized_xforward_hosts = 127.0.0.0/8\nsmtpd_authorized_verp_clients = 127.0.0.1\n"
    "smtpd_reject_footer = see $client $helo_name $recipient_domain\n"
    "smtpd_helo_restrictions = reject_invalid_helo_hostname\n"
    "smtpd_sender_restrictions = reject_unknown_sender_domain, "
    "check_sender_access inline:{{a@b.test=PREPEND X: y}, {b.test=HOLD}}\n";

static void ignore(enum log_severity severity, const char *text)
{
    (void)severity, (void)text;
}

static struct server *open_server(void)
{
    struct server *server = calloc(1, sizeof(*server));
    const struct config *config = NULL;
    struct table_context tables = { .queue_directory = "", .default_type = "hash" };
    struct error error = ERROR_NONE;
    char folder[] = "/tmp/smtpd-fuzz-XXXXXX";
    AUTO_STR struct str path = STR_EMPTY;

    log_open(&(struct log_settings){ .tag = "fuzz", .sink = ignore });
    if (!server || !mkdtemp(folder))
        abort();
    str_format(&path, "%s/main.cf", folder);

    FILE *file = fopen(path.data, "w");

    if (!file)
        abort();
    fputs(main_cf, file);
    fclose(file);
    server->calls = (struct server_calls){
        .argument = server, .submit = submit, .submit_add = submit_add, .submit_end = submit_end,
        .submit_abandon = submit_abandon, .queue_free = queue_free, .query = query,
        .addresses = addresses, .pause = wait_seconds, .flush_site = flush_site,
    };
    if (!config_load(&(struct config_request){ .directory = folder, .program = "smtpd" }, &config,
                     &error) || !server_open(server, config, &tables, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    unlink(path.data);
    rmdir(folder);
    return server;
}

/* A line off the front of the input, as a stream would give it. */
static bool take_line(struct slice *input, size_t limit, struct slice *line, bool *whole,
                      bool *crlf)
{
    if (!input->length)
        return false;

    size_t end = slice_find(*input, '\n');

    *whole = end <= limit && end < input->length;
    if (!*whole) {
        *line = slice_part(*input, 0, limit);
        *input = slice_from(*input, line->length);
        return true;
    }
    *line = slice_part(*input, 0, end);
    *input = slice_from(*input, end + 1);
    *crlf = line->length && line->data[line->length - 1] == '\r';
    line->length -= *crlf;
    return true;
}

static void converse(struct session *session, struct slice input)
{
    struct slice line;
    bool whole = true, crlf = false;

    for (;;) {
        switch (session_mode(session)) {
        case SESSION_COMMAND:
            if (!take_line(&input, session_line_limit(session), &line, &whole, &crlf))
                return;
            session_obey(session, line, slice_part(input, 0, whole ? 0 : 1), !whole);
            break;
        case SESSION_CONTENT:
            if (!take_line(&input, session_line_limit(session), &line, &whole, &crlf))
                return;
            session_content(session, line, whole, crlf);
            break;
        case SESSION_CHUNK:
            line = slice_part(input, 0, session_chunk_left(session));
            if (!line.length)
                return;
            session_chunk(session, line);
            input = slice_from(input, line.length);
            break;
        default:
            return;
        }
    }
}

/* What we say is lines of a code, a separator and printable text, each ended by CR LF. */
static void check_output(struct slice output)
{
    while (output.length) {
        size_t end = slice_find(output, '\n');

        assert(end >= 4 && end < output.length && output.data[end - 1] == '\r');
        assert(byte_is_digit(output.data[0]) && byte_is_digit(output.data[2]));
        assert(output.data[3] == ' ' || output.data[3] == '-');
        for (size_t i = 0; i + 1 < end; i++)
            assert((unsigned char)output.data[i] >= ' ');
        output = slice_from(output, end + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server *server;
    AUTO_STR struct str output = STR_EMPTY;
    struct session_client client = {
        .name = "unknown", .reverse_name = "unknown", .port = "1", .server_port = "25",
        .address = size && data[size - 1] % 2 ? "127.0.0.1" : "192.0.2.1",
        .server_address = "127.0.0.1", .name_status = DNS_NO_DOMAIN,
        .reverse_status = DNS_NO_DOMAIN, .peer = { .ss_family = AF_INET },
    };

    if (!server)
        server = open_server();

    struct session *session = session_new(server, &client, &output);

    session_greet(session, slice_of(""));
    converse(session, slice_bytes(data, size));
    if (session_mode(session) < SESSION_OVER)
        session_lost(session);
    check_output(str_slice(&output));
    session_log_end(session);
    session_free(session);
    return 0;
}
