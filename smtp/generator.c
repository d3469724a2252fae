#include "generator.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/scope.h"
#include "endpoint.h"
#include "log/log.h"
#include "smtp/reply.h"
#include "stream/stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_WIDTH = 80, LINE_LIMIT = 2048, TIMEOUT_SECONDS = 300, STACK_SIZE = 256 * 1024 };

struct work {
    const struct generator *generator;
    struct endpoint target;
    struct str content;             /* of every message, dots doubled, without the end */
    atomic_int started, finished, sequence;
};

/* --- The server. ---------------------------------------------------------------------- */

static struct stream *connect_target(const struct work *work)
{
    int window = work->generator->window;

    for (int tried = 1;; tried++) {
        int fd = socket(work->target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            log_fatal("socket: %m");
        if (window > 0) {
            setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &window, sizeof(window));
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
        }
        if (connect(fd, (const struct sockaddr *)&work->target.address, work->target.length) == 0)
            return stream_new(fd);
        if (tried >= work->generator->tries || (errno != ECONNREFUSED && errno != ECONNRESET))
            log_fatal("connect: %m");
        close(fd);
        usleep(10);
    }
}

/* --- One session. ------------------------------------------------------------------------ */

struct session {
    struct work *work;
    struct stream *stream;
    bool greeted;
};

static void expect(struct session *session, const char *what, int class)
{
    struct smtp_reply reply = SMTP_REPLY_EMPTY;
    enum smtp_reply_state state = SMTP_REPLY_MORE;

    stream_set_deadline(session->stream, moment_after(TIMEOUT_SECONDS));
    while (state != SMTP_REPLY_COMPLETE) {
        struct slice line;

        if (stream_flush(session->stream) != STREAM_OK
            || stream_line(session->stream, LINE_LIMIT, &line, NULL) != STREAM_OK)
            log_fatal("lost connection while waiting for the reply to %s", what);
        state = smtp_reply_add(&reply, line);
        if (session->work->generator->verbose)
            log_info("<<< %.*s", SLICE_ARGS(line));
    }
    if (reply.code / 100 != class && !session->work->generator->keep_going)
        log_fatal("%s rejected: %s", what, reply.text.data);
    smtp_reply_free(&reply);
}

static void say(struct session *session, const char *what, int class, struct str *line)
{
    if (session->work->generator->verbose)
        log_info(">>> %s", line->data);
    str_text(line, "\r\n");
    stream_write(session->stream, str_slice(line));
    expect(session, what, class);
    str_clear(line);
}

static void begin(struct session *session, struct str *line)
{
    const struct generator *generator = session->work->generator;

    session->stream = connect_target(session->work);
    expect(session, "connect", 2);
    if (generator->old)
        return;
    str_format(line, "%s %s", generator->lmtp ? "LHLO" : "HELO", generator->hostname);
    say(session, generator->lmtp ? "LHLO" : "HELO", 2, line);
}

static void end(struct session *session, struct str *line)
{
    str_text(line, "QUIT");
    say(session, "QUIT", 2, line);
    stream_close(session->stream);
    session->stream = NULL;
}

/* -N: a number that no other recipient has; -r: one for each of the message but the last. */
static void write_recipient(struct session *session, int index, struct str *line)
{
    const struct generator *generator = session->work->generator;

    str_text(line, "RCPT TO:<");
    if (generator->number_recipients)
        str_format(line, "%d", atomic_fetch_add(&session->work->sequence, 1) + 1);
    else if (index > 1)
        str_format(line, "%d", index);
    str_format(line, "%s>", generator->recipient);
}

static void write_headers(struct session *session, int message)
{
    const struct generator *generator = session->work->generator;
    char date[64];
    time_t now = time(NULL);
    struct tm local;

    if (generator->old || generator->file)
        return;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", localtime_r(&now, &local));
    stream_format(session->stream, "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\n"
                  "Message-Id: <%04x.%04x.%08lx@%s>\r\n", generator->sender,
                  generator->recipient, date, (unsigned)getpid() & 0xffff,
                  (unsigned)message & 0xffff, (unsigned long)now, generator->hostname);
    if (generator->subject)
        stream_format(session->stream, "Subject: %s\r\n", generator->subject);
    stream_write(session->stream, SLICE_LITERAL("\r\n"));
}

static void send_message(struct session *session, int message, struct str *line)
{
    const struct generator *generator = session->work->generator;

    str_format(line, "MAIL FROM:<%s>", generator->sender);
    say(session, "MAIL FROM", 2, line);
    for (int i = generator->recipients; i > 0; i--) {
        write_recipient(session, i, line);
        say(session, "RCPT TO", 2, line);
    }
    str_text(line, "DATA");
    say(session, "DATA", 3, line);
    write_headers(session, message);
    stream_write(session->stream, str_slice(&session->work->content));
    stream_write(session->stream, SLICE_LITERAL(".\r\n"));
    for (int i = 0; i < (generator->lmtp ? generator->recipients : 1); i++)
        expect(session, "end of data", 2);
}

static void pause_between(const struct generator *generator)
{
    if (generator->wait > 0)
        sleep((unsigned)generator->wait);
    if (generator->random_wait > 0)
        sleep((unsigned)random_below((size_t)generator->random_wait + 1));
}

static void *run_session(void *argument)
{
    struct work *work = argument;
    struct session session = { .work = work };
    AUTO_STR struct str line = STR_EMPTY;
    int message;

    while ((message = atomic_fetch_add(&work->started, 1)) < work->generator->messages) {
        if (!session.stream)
            begin(&session, &line);
        send_message(&session, message, &line);
        if (!work->generator->keep_session)
            end(&session, &line);

        int finished = atomic_fetch_add(&work->finished, 1) + 1;

        if (work->generator->count)
            printf("%d\r", finished), fflush(stdout);
        pause_between(work->generator);
    }
    if (session.stream)
        end(&session, &line);
    return NULL;
}

/* --- The content. -------------------------------------------------------------------------- */

static void add_line(struct str *content, struct slice line)
{
    if (slice_starts(line, "."))
        str_byte(content, '.');
    str_add(content, line);
    str_text(content, "\r\n");
}

static void read_file(const char *name, struct str *content)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    if (!file)
        log_fatal("open %s: %m", name);
    while ((length = getline(&line, &size, file)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        add_line(content, slice_bytes(line, (size_t)length));
    }
    str_text(content, "\r\n");     /* as Debian's does */
    free(line);
    fclose(file);
}

static void make_body(int length, struct str *content)
{
    if (length == 0)
        for (int i = 1; i <= 4; i++)
            str_format(content, "La de da de da %d.\r\n", i);
    for (int left = length, line = 1; left > 0; left -= LINE_WIDTH, line++) {
        AUTO_STR struct str text = STR_EMPTY;

        if (left > LINE_WIDTH)
            str_format(&text, "%d", line);
        /* With its line end it is as long as the line is to be. */
        for (int end = left > LINE_WIDTH ? LINE_WIDTH - 2 : left; (int)text.length < end;)
            str_byte(&text, 'X');
        add_line(content, str_slice(&text));
    }
}

static void run_threads(struct work *work)
{
    int count = work->generator->sessions;
    AUTO_FREE pthread_t *threads = memory_new((size_t)count, sizeof(*threads));
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], &attributes, run_session, work) != 0)
            log_fatal("pthread_create: %m");
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
}

bool generator_run(const struct generator *generator, const char *destination)
{
    struct work work = { .generator = generator, .content = STR_EMPTY };

    work.target = endpoint_find(destination, generator->family, false, "smtp");
    if (generator->file)
        read_file(generator->file, &work.content);
    else
        make_body(generator->length, &work.content);
    run_threads(&work);
    if (generator->count)
        printf("\n");
    str_free(&work.content);
    return atomic_load(&work.finished) == generator->messages;
}
