#include "sink.h"

#include "base/random.h"
#include "base/scope.h"
#include "log/log.h"
#include "stream/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_LIMIT = 2048 };

struct visit {
    struct sink *sink;
    struct stream *stream;
    char address[INET6_ADDRSTRLEN + 8];
    const char *protocol;
    struct str helo, sender, recipients, message;
    size_t recipient_count;
    bool has_sender, esmtp;
};

/* --- Replies. ---------------------------------------------------------------------------- */

static void say(struct visit *visit, const char *text)
{
    stream_format(visit->stream, "%s\r\n", text);
}

static void say_hello(struct visit *visit)
{
    const struct sink *sink = visit->sink;
    const struct { bool off; const char *text; } offers[] = {
        { sink->no_pipelining, "PIPELINING" }, { sink->no_8bitmime, "8BITMIME" },
        { sink->no_auth, "AUTH PLAIN LOGIN" }, { sink->no_xclient, "XCLIENT NAME HELO" },
        { sink->no_xforward, "XFORWARD NAME ADDR PROTO HELO" },
        { sink->no_enhanced, "ENHANCEDSTATUSCODES" }, { sink->no_dsn, "DSN" },
    };

    stream_format(visit->stream, "250-%s\r\n", sink->hostname);
    for (size_t i = 0; i < COUNT(offers); i++)
        if (!offers[i].off)
            stream_format(visit->stream, "250-%s\r\n", offers[i].text);
    say(visit, "250 ");
}

static void forget_mail(struct visit *visit)
{
    visit->has_sender = false;
    visit->recipient_count = 0;
    str_clear(&visit->sender);
    str_clear(&visit->recipients);
}

/* --- Commands. ----------------------------------------------------------------------------- */

static bool obey_helo(struct visit *visit, struct slice rest)
{
    visit->protocol = "SMTP";
    str_set(&visit->helo, slice_trim(rest));
    stream_format(visit->stream, "250 %s\r\n", visit->sink->hostname);
    return true;
}

static bool obey_ehlo(struct visit *visit, struct slice rest)
{
    visit->protocol = visit->sink->lmtp ? "LMTP" : "ESMTP";
    str_set(&visit->helo, slice_trim(rest));
    say_hello(visit);
    return true;
}

static bool obey_ok(struct visit *visit, UNUSED struct slice rest)
{
    say(visit, "250 2.0.0 Ok");
    return true;
}

/* What follows "FROM:" or "TO:". */
static struct slice argument_of(struct slice rest)
{
    rest = slice_from(rest, slice_find(rest, ':'));
    return slice_trim(slice_starts(rest, ":") ? slice_from(rest, 1) : rest);
}

static bool obey_mail(struct visit *visit, struct slice rest)
{
    if (visit->has_sender) {
        say(visit, "503 5.5.1 Error: nested MAIL command");
        return true;
    }
    visit->has_sender = true;
    str_set(&visit->sender, argument_of(rest));
    say(visit, "250 2.1.0 Ok");
    return true;
}

static bool obey_rcpt(struct visit *visit, struct slice rest)
{
    if (!visit->has_sender) {
        say(visit, "503 5.5.1 Error: need MAIL command");
        return true;
    }
    visit->recipient_count++;
    str_add(&visit->recipients, argument_of(rest));
    str_byte(&visit->recipients, '\n');
    say(visit, "250 2.1.5 Ok");
    return true;
}

static bool obey_rset(struct visit *visit, UNUSED struct slice rest)
{
    forget_mail(visit);
    say(visit, "250 2.1.0 Ok");
    return true;
}

static bool obey_quit(struct visit *visit, UNUSED struct slice rest)
{
    say(visit, "221 Bye");
    atomic_fetch_add(&visit->sink->quits, 1);
    return false;
}

static void wait_for(int seconds, int odds)
{
    if (seconds <= 0)
        return;
    sleep((unsigned)seconds);
    while (odds > 0 && random_below(100) < (size_t)odds)
        sleep((unsigned)seconds);
}

/* Instead of the reply; true when the command was dealt with, *stays when the client may. */
static bool make_mischief(struct visit *visit, enum sink_command command, bool *stays)
{
    const struct sink_mischief *mischief = &visit->sink->mischief[command];

    wait_for(mischief->delay, mischief->odds);
    *stays = !mischief->leave && !mischief->close;
    if (mischief->close)
        say(visit, "421 4.0.0 Server closing connection");
    if (!*stays)
        return true;
    if (mischief->soft || mischief->hard)
        say(visit, mischief->soft ? visit->sink->soft_reply : visit->sink->hard_reply);
    return mischief->soft || mischief->hard;
}

/* Lines up to the dot; kept when they are dumped.  False when the client has gone. */
static bool take_content(struct visit *visit)
{
    bool keep = visit->sink->dump_single || visit->sink->dump_many, starts = true;

    str_clear(&visit->message);
    for (;;) {
        struct slice line;
        enum stream_result result = stream_line(visit->stream, LINE_LIMIT, &line, NULL);

        if (result != STREAM_OK && result != STREAM_TOO_LONG)
            return false;
        if (starts && result == STREAM_OK && slice_is(line, "."))
            return true;
        if (starts && slice_starts(line, "."))
            line = slice_from(line, 1);
        starts = result == STREAM_OK;
        if (keep)
            str_add(&visit->message, line);
        if (keep && starts)
            str_byte(&visit->message, '\n');
        stream_set_deadline(visit->stream, moment_after(visit->sink->timeout_seconds));
    }
}

static void show_counters(const struct sink *sink)
{
    if (!sink->count)
        return;
    printf("sess=%d quit=%d mesg=%d\r", atomic_load(&sink->sessions),
           atomic_load(&sink->quits), atomic_load(&sink->messages));
    fflush(stdout);
}

static void end_content(struct visit *visit, bool refused)
{
    struct sink *sink = visit->sink;
    const struct sink_envelope envelope = {
        visit->address, visit->protocol, visit->helo.data, visit->sender.data,
        visit->recipients.data,
    };

    for (size_t i = 0; !refused && i < (sink->lmtp ? visit->recipient_count : 1); i++)
        say(visit, sink->lmtp ? "250 2.2.0 Ok" : "250 2.0.0 Ok");
    sink_dump(sink, &envelope, str_slice(&visit->message));
    forget_mail(visit);

    int messages = atomic_fetch_add(&sink->messages, 1) + 1;

    show_counters(sink);
    if (sink->message_limit > 0 && messages >= sink->message_limit) {
        stream_set_deadline(visit->stream, moment_after(sink->timeout_seconds));
        (void)stream_flush(visit->stream);
        exit(0);
    }
}

static bool obey_data(struct visit *visit, UNUSED struct slice rest)
{
    const struct sink *sink = visit->sink;
    bool stays, dealt;

    if (visit->recipient_count == 0) {
        say(visit, "503 5.5.1 Error: need RCPT command");
        return true;
    }
    say(visit, "354 End data with <CR><LF>.<CR><LF>");
    stream_set_deadline(visit->stream, moment_after(sink->timeout_seconds));
    if (stream_flush(visit->stream) != STREAM_OK)
        return false;
    if (sink->abort_delay >= 0) {
        wait_for(sink->abort_delay, 0);
        say(visit, "550 This violates SMTP");
        return false;
    }
    wait_for(sink->read_delay, 0);
    if (!take_content(visit))
        return false;
    dealt = make_mischief(visit, SINK_DOT, &stays);
    end_content(visit, dealt);
    return stays;
}

static const struct {
    const char *name;
    bool (*obey)(struct visit *visit, struct slice rest);
} commands[] = {
    [SINK_CONNECT] = { "CONNECT", NULL },
    [SINK_HELO] = { "HELO", obey_helo },
    [SINK_EHLO] = { "EHLO", obey_ehlo },
    [SINK_LHLO] = { "LHLO", obey_ehlo },
    [SINK_XCLIENT] = { "XCLIENT", obey_ok },
    [SINK_XFORWARD] = { "XFORWARD", obey_ok },
    [SINK_AUTH] = { "AUTH", obey_ok },
    [SINK_MAIL] = { "MAIL", obey_mail },
    [SINK_RCPT] = { "RCPT", obey_rcpt },
    [SINK_DATA] = { "DATA", obey_data },
    [SINK_DOT] = { ".", NULL },
    [SINK_RSET] = { "RSET", obey_rset },
    [SINK_NOOP] = { "NOOP", obey_ok },
    [SINK_VRFY] = { "VRFY", obey_ok },
    [SINK_QUIT] = { "QUIT", obey_quit },
    [SINK_UNKNOWN] = { "", NULL },
};

enum sink_command sink_find(struct slice name)
{
    enum sink_command command = SINK_CONNECT;

    while (command < SINK_UNKNOWN && !slice_is_nocase(name, commands[command].name))
        command++;
    return command;
}

static bool is_served(const struct sink *sink, enum sink_command command)
{
    switch (command) {
    case SINK_HELO:
        return !sink->lmtp;
    case SINK_EHLO:
        return !sink->lmtp && !sink->no_esmtp;
    case SINK_LHLO:
        return sink->lmtp;
    case SINK_XCLIENT:
        return !sink->no_xclient;
    case SINK_XFORWARD:
        return !sink->no_xforward;
    default:
        return commands[command].obey;
    }
}

static bool obey(struct visit *visit, struct slice line)
{
    struct slice rest = line;
    enum sink_command command = sink_find(slice_take_word(&rest));
    bool stays;

    if (visit->sink->verbose || visit->sink->mischief[command].log)
        log_info("%.*s", SLICE_ARGS(line));
    if (!is_served(visit->sink, command)) {
        say(visit, "500 5.5.1 Error: unknown command");
        return true;
    }
    if (make_mischief(visit, command, &stays))
        return stays;
    return commands[command].obey(visit, rest);
}

/* --- The visit of a client. ------------------------------------------------------------------ */

static bool greet(struct visit *visit)
{
    const struct sink *sink = visit->sink;
    bool stays;

    if (make_mischief(visit, SINK_CONNECT, &stays))
        return stays;
    if (sink->pix)
        say(visit, "220 ********");
    else
        stream_format(visit->stream, "220 %s%s\r\n", sink->hostname,
                      sink->no_esmtp ? "" : " ESMTP");
    return true;
}

static void converse(struct visit *visit)
{
    bool stays = greet(visit);

    while (stays) {
        struct slice line;

        /* Replies to commands that came together leave together. */
        stream_set_deadline(visit->stream, moment_after(visit->sink->timeout_seconds));
        if ((!stream_has_line(visit->stream) && stream_flush(visit->stream) != STREAM_OK)
            || stream_line(visit->stream, LINE_LIMIT, &line, NULL) != STREAM_OK)
            return;
        stays = obey(visit, line);
    }
    stream_set_deadline(visit->stream, moment_after(visit->sink->timeout_seconds));
    (void)stream_flush(visit->stream);
}

static void note_address(struct visit *visit, const struct sockaddr *peer)
{
    const void *bytes = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
    char *text = visit->address;

    memcpy(text, "127.0.0.1", sizeof("127.0.0.1"));     /* a Unix socket has no address */
    if (peer->sa_family == AF_INET6) {
        bytes = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
        memcpy(text, "ipv6:", sizeof("ipv6:"));
        text += strlen("ipv6:");
    }
    if (peer->sa_family != AF_UNIX)
        inet_ntop(peer->sa_family, bytes, text, INET6_ADDRSTRLEN);
}

void sink_serve(struct sink *sink, int fd, const struct sockaddr *peer)
{
    struct visit visit = {
        .sink = sink, .stream = stream_new(fd), .protocol = "SMTP", .helo = STR_EMPTY,
        .sender = STR_EMPTY, .recipients = STR_EMPTY, .message = STR_EMPTY,
    };

    note_address(&visit, peer);
    if (sink->verbose)
        log_info("connect (%s)", visit.address);
    converse(&visit);
    if (sink->verbose)
        log_info("disconnect");
    stream_close(visit.stream);
    str_free(&visit.helo);
    str_free(&visit.sender);
    str_free(&visit.recipients);
    str_free(&visit.message);

    int sessions = atomic_fetch_add(&sink->sessions, 1) + 1;

    show_counters(sink);
    if (sink->session_limit > 0 && sessions >= sink->session_limit)
        exit(0);
}
