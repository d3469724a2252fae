#include "alone.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "queue/record.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

/* A message under way: its records as postdrop wants them. */
struct drop {
    const struct config *config;
    struct str records, line;
};

/* --- The mail. -------------------------------------------------------------------- */

static void add_attribute(struct str *records, const char *name, const char *value)
{
    AUTO_STR struct str text = STR_EMPTY;

    str_format(&text, "%s=%s", name, value);
    if (*value)
        record_append(records, RECORD_ATTRIBUTE, str_slice(&text));
}

static void add_recipient(struct str *records, const struct recipient *recipient)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)recipient->notify);
    if (recipient->notify)
        add_attribute(records, "notify_flags", number);
    add_attribute(records, "dsn_orig_rcpt", recipient->dsn_original);
    record_append(records, RECORD_RECIPIENT, slice_of(recipient->address));
}

static void add_content(struct drop *drop, struct slice content)
{
    size_t limit = (size_t)drop->config->line_length_limit;

    while (content.length) {
        size_t end = slice_find(content, '\n');

        str_add(&drop->line, slice_part(content, 0, end));
        while (drop->line.length >= limit) {
            record_append(&drop->records, RECORD_PART,
                          slice_part(str_slice(&drop->line), 0, limit));
            str_drop(&drop->line, limit);
        }
        if (end == content.length)
            return;
        record_append(&drop->records, RECORD_LINE, str_slice(&drop->line));
        str_clear(&drop->line);
        content = slice_from(content, end + 1);
    }
}

static void *submit(void *argument, struct submission *submission)
{
    const struct envelope *envelope = &submission->envelope;
    struct drop *drop = memory_new(1, sizeof(*drop));
    char number[24];

    *drop = (struct drop){ argument, STR_EMPTY, STR_EMPTY };
    snprintf(number, sizeof(number), "%lld", (long long)envelope->return_flags);
    add_attribute(&drop->records, "envelope_id", envelope->envelope_id);
    add_attribute(&drop->records, "ret_flags", envelope->return_flags ? number : "");
    add_attribute(&drop->records, "rewrite_context", "local");
    record_append(&drop->records, RECORD_SENDER, slice_of(envelope->sender));
    add_attribute(&drop->records, "encoding", envelope->encoding);
    if (*envelope->verp_delimiters)
        record_append(&drop->records, RECORD_VERP, slice_of(envelope->verp_delimiters));
    for (size_t i = 0; i < envelope->recipients.count; i++)
        add_recipient(&drop->records, &envelope->recipients.items[i]);
    record_append(&drop->records, RECORD_CONTENT, slice_of(""));
    add_content(drop, SLICE_LITERAL("Received: "));
    add_content(drop, slice_of(submission->received));
    add_content(drop, SLICE_LITERAL("\n"));
    add_content(drop, submission->content);
    return drop;
}

static bool submit_add(void *submitter, struct slice content, UNUSED struct error *error)
{
    add_content(submitter, content);
    return true;
}

static void submit_abandon(void *submitter)
{
    struct drop *drop = submitter;

    str_free(&drop->records);
    str_free(&drop->line);
    free(drop);
}

/* A file in memory that postdrop can read from its start; -1 with errno. */
static int file_of(struct slice bytes)
{
    AUTO_CLOSE int fd = memfd_create("message", MFD_CLOEXEC);

    while (fd >= 0 && bytes.length) {
        ssize_t count = write(fd, bytes.data, bytes.length);

        if (count < 0)
            return -1;
        bytes = slice_from(bytes, (size_t)count);
    }
    return fd >= 0 && lseek(fd, 0, SEEK_SET) == 0 ? take_fd(&fd) : -1;
}

static void become_postdrop(const struct config *config, int message) NO_RETURN;

static void become_postdrop(const struct config *config, int message)
{
    AUTO_STR struct str path = STR_EMPTY;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    str_format(&path, "%s/postdrop", config->command_directory);
    if (nowhere >= 0 && dup2(message, STDIN_FILENO) >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
        execl(path.data, "postdrop", (char *)NULL);
    _exit(EX_TEMPFAIL);
}

static bool hand_over(const struct config *config, struct slice records, struct error *error)
{
    AUTO_CLOSE int message = file_of(records);
    pid_t child = message < 0 ? -1 : fork();
    int status = 0;

    if (child == 0)
        become_postdrop(config, message);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return error_system(error, "run postdrop");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    return error_set(error, "postdrop ended with status %d", status);
}

static bool submit_end(void *submitter, UNUSED struct arena *arena, struct submission_reply *reply,
                       struct error *error)
{
    struct drop *drop = submitter;

    if (drop->line.length)
        add_content(drop, SLICE_LITERAL("\n"));
    record_append(&drop->records, RECORD_EXTRACTED, slice_of(""));
    record_append(&drop->records, RECORD_END, slice_of(""));

    bool done = hand_over(drop->config, str_slice(&drop->records), error);

    submit_abandon(drop);
    reply->status = SUBMISSION_QUEUED;
    return done;
}

/* --- What the rest of a server is not asked for. ---------------------------------- */

static int64_t queue_free(UNUSED void *argument)
{
    return -1;
}

static void wait_seconds(UNUSED void *argument, int seconds)
{
    sleep((unsigned)seconds);
}

static enum flush_answer flush_site(UNUSED void *argument, UNUSED struct slice site)
{
    log_warn("do not use ETRN in \"sendmail -bs\" mode");
    return FLUSH_TROUBLE;
}

/* --- The conversation. ------------------------------------------------------------ */

static void write_out(struct str *output)
{
    struct slice rest = str_slice(output);

    while (rest.length) {
        ssize_t count = write(STDOUT_FILENO, rest.data, rest.length);

        if (count < 0 && errno != EINTR)
            exit(EX_IOERR);
        rest = slice_from(rest, count > 0 ? (size_t)count : 0);
    }
    str_clear(output);
}

/* Give the session the next line or bytes of the input; false when there is not enough of it. */
static bool step(struct session *session, struct str *input)
{
    struct slice all = str_slice(input);
    size_t limit = session_line_limit(session), end = slice_find(all, '\n');
    bool whole = end < all.length && end <= limit;
    size_t taken = whole ? end + 1 : all.length > limit ? limit : 0;
    struct slice line = slice_part(all, 0, whole ? end : taken);
    bool crlf = whole && slice_ends(line, "\r");

    if (session_mode(session) == SESSION_CHUNK) {
        taken = all.length < session_chunk_left(session) ? all.length
                                                         : session_chunk_left(session);
        session_chunk(session, slice_part(all, 0, taken));
    } else if (session_mode(session) == SESSION_CONTENT && taken)
        /* Users type plain newlines. */
        session_content(session, crlf ? slice_part(line, 0, line.length - 1) : line, whole, true);
    else if (taken)
        session_obey(session, crlf ? slice_part(line, 0, line.length - 1) : line, slice_of(""),
                     !whole);
    str_drop(input, taken);
    return taken > 0;
}

static void converse(struct session *session, struct str *output)
{
    AUTO_STR struct str input = STR_EMPTY;

    for (;;) {
        while (session_mode(session) < SESSION_OVER && step(session, &input))
            ;
        write_out(output);
        if (session_mode(session) >= SESSION_OVER)
            return;

        ssize_t count = read(STDIN_FILENO, str_reserve(&input, PIECE), PIECE);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            session_lost(session);
            return;
        }
        str_added(&input, (size_t)count);
    }
}

static void open_log(const struct config *config)
{
    AUTO_STR struct str tag = STR_EMPTY, socket = STR_EMPTY;

    str_format(&tag, "%s/smtpd", config->syslog_name);
    str_format(&socket, "%s/public/postlog", config->queue_directory);
    log_open(&(struct log_settings){
        .tag = tag.data, .program = "smtpd", .facility = config->syslog_facility, .syslog = true,
        .postlog_socket = *config->maillog_file ? socket.data : NULL,
    });
}

static void serve(const struct server *server)
{
    struct sockaddr_in here = { .sin_family = AF_INET };
    struct session_client client = {
        .name = "localhost", .reverse_name = "localhost", .address = "127.0.0.1", .port = "0",
        .server_address = "127.0.0.1", .server_port = "0",
    };
    AUTO_STR struct str output = STR_EMPTY;

    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(&client.peer, &here, sizeof(here));

    struct session *session = session_new(server, &client, &output);

    session_greet(session, slice_of(""));
    converse(session, &output);
    session_log_end(session);
    session_free(session);
}

int alone_main(void)
{
    struct config_request request = { .program = "smtpd", .service = "smtpd" };
    const struct config *config;
    struct server server = { 0 };
    struct error error = ERROR_NONE;

    if (!config_load(&request, &config, &error))
        config_fatal(&request, false, &error);
    open_log(config);
    server.calls = (struct server_calls){
        .argument = (void *)config, .submit = submit, .submit_add = submit_add,
        .submit_end = submit_end, .submit_abandon = submit_abandon, .queue_free = queue_free,
        .pause = wait_seconds, .flush_site = flush_site,
    };

    const struct table_context tables = table_context_of(config, config->queue_directory);

    if (!server_open_alone(&server, config, &tables, &error))
        log_fatal("%s", error.text);
    serve(&server);
    server_close(&server);
    return EX_OK;
}
