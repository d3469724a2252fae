#include "filter.h"

#include "base/encoding.h"
#include "base/scope.h"
#include "connect.h"
#include "log/log.h"
#include "smtp/reply.h"
#include "state.h"
#include "stream/stream.h"

enum { REPLY_LINE_LIMIT = 2048, COMMAND_LIMIT = 512 };

void filter_blame_nobody(struct filter *filter)
{
    str_set(&filter->reply, SLICE_LITERAL("451 4.3.0 Error: queue file write error"));
}

/* --- Commands and replies. ---------------------------------------------------------- */

static bool lose(struct filter *filter, enum stream_result result)
{
    if (result == STREAM_TIMEOUT)
        log_warn("timeout talking to proxy %s", filter->name);
    else
        log_warn("lost connection with proxy %s", filter->name);
    stream_close(filter->stream);
    filter->stream = NULL;
    filter_blame_nobody(filter);
    return false;
}

static bool refuse_garbage(struct filter *filter, struct slice line)
{
    AUTO_STR struct str shown = STR_EMPTY;

    printable_text(&shown, slice_part(line, 0, 100));
    log_warn("received garbage from proxy %s: %s", filter->name, shown.data);
    stream_close(filter->stream);
    filter->stream = NULL;
    filter_blame_nobody(filter);
    return false;
}

static bool read_reply(struct filter *filter)
{
    struct smtp_reply reply = SMTP_REPLY_EMPTY;
    enum smtp_reply_state state = SMTP_REPLY_MORE;
    enum stream_result result = STREAM_OK;
    struct slice line = slice_of(""), rest;

    while (state == SMTP_REPLY_MORE && result == STREAM_OK) {
        result = stream_line(filter->stream, REPLY_LINE_LIMIT, &line, NULL);
        if (result == STREAM_OK)
            state = smtp_reply_add(&reply, line);
    }
    str_clear(&filter->reply);
    for (rest = str_slice(&reply.text); rest.length;) {
        str_add(&filter->reply, slice_take_until(&rest, "\n"));
        str_text(&filter->reply, rest.length ? "\r\n" : "");
    }
    smtp_reply_free(&reply);
    if (result != STREAM_OK)
        return lose(filter, result);
    return state == SMTP_REPLY_COMPLETE || refuse_garbage(filter, line);
}

/* Only what judges the mail is passed on; the rest is between us and the filter. */
static bool judge_reply(struct filter *filter, char wanted, struct slice line)
{
    AUTO_STR struct str shown = STR_EMPTY;
    char class = filter->reply.data[0];

    if (!wanted || class == wanted)
        return true;
    printable_text(&shown, str_slice(&filter->reply));
    log_warn("proxy %s rejected \"%.*s\": \"%s\"", filter->name, SLICE_ARGS(line), shown.data);
    if (class != '4' && class != '5')
        filter_blame_nobody(filter);
    return false;
}

bool filter_command(struct filter *filter, char wanted, struct slice line)
{
    if (!filter->stream) {
        filter_blame_nobody(filter);
        return false;
    }
    stream_set_deadline(filter->stream, moment_after(filter->timeout_seconds));
    stream_write(filter->stream, line);
    stream_write(filter->stream, SLICE_LITERAL("\r\n"));

    enum stream_result result = stream_flush(filter->stream);

    if (result != STREAM_OK)
        return lose(filter, result);
    return read_reply(filter) && judge_reply(filter, wanted, line);
}

/* --- XFORWARD. ----------------------------------------------------------------------- */

enum { FORWARD_COUNT = 7 };

struct forward { const char *name, *value; };

/* What is logged behind the filter: our client, or whom our client has named. */
static void collect_forwards(const struct session *session, struct forward forwards[])
{
    const struct upstream *upstream = &session->upstream;
    const struct facts *facts = &session->facts;
    bool other = upstream->has_client, named = strcmp(facts->name, "unknown") != 0;
    const struct forward all[FORWARD_COUNT] = {
        { "NAME", other ? upstream->name : named ? facts->name : "" },
        { "ADDR", other ? upstream->address : facts->address },
        { "PORT", other ? upstream->port : facts->port },
        { "HELO", other ? upstream->helo : facts->helo ? facts->helo : "" },
        { "IDENT", upstream->ident },
        { "PROTO", other ? upstream->protocol : facts->protocol },
        { "SOURCE", mail_is_local(session) ? "LOCAL" : "REMOTE" },
    };

    memcpy(forwards, all, sizeof(all));
}

static void add_forward(struct str *command, const struct forward *forward)
{
    bool literal = !strcmp(forward->name, "ADDR") && strchr(forward->value, ':');

    str_format(command, " %s=%s", forward->name, literal ? "IPv6:" : "");
    if (*forward->value)
        xtext_encode(command, slice_of(forward->value));
    else
        str_text(command, "[UNAVAILABLE]");
}

static bool is_offered(struct slice words, const char *name)
{
    struct slice word;

    while ((word = slice_take_word(&words)).length)
        if (slice_is_nocase(word, name))
            return true;
    return false;
}

/* words: the attributes that the filter knows. */
static bool send_forwards(struct filter *filter, const struct session *session,
                          struct slice words)
{
    const struct slice verb = SLICE_LITERAL("XFORWARD");
    struct forward forwards[FORWARD_COUNT];
    AUTO_STR struct str command = STR_EMPTY;

    collect_forwards(session, forwards);
    str_add(&command, verb);
    for (size_t i = 0; i < FORWARD_COUNT; i++) {
        AUTO_STR struct str more = STR_EMPTY;

        if (!is_offered(words, forwards[i].name))
            continue;
        add_forward(&more, &forwards[i]);
        if (command.length > verb.length && command.length + more.length > COMMAND_LIMIT - 2) {
            if (!filter_command(filter, '2', str_slice(&command)))
                return false;
            str_set(&command, verb);
        }
        str_add(&command, str_slice(&more));
    }
    return command.length == verb.length || filter_command(filter, '2', str_slice(&command));
}

/* --- The start. ----------------------------------------------------------------------- */

const char *filter_destination(const char *text, bool *is_unix)
{
    *is_unix = strncmp(text, "unix:", 5) == 0;
    return *is_unix || strncmp(text, "inet:", 5) == 0 ? text + 5 : text;
}

static bool connect_filter(struct filter *filter, const struct server *server)
{
    const struct server_calls *calls = &server->calls;
    bool is_unix;
    const char *name = filter_destination(filter->name, &is_unix);
    struct error error = ERROR_NONE;

    filter->stream = calls->connect(calls->argument, is_unix, name, filter->timeout_seconds,
                                    &error);
    if (filter->stream) {
        stream_set_deadline(filter->stream, moment_after(filter->timeout_seconds));
        return read_reply(filter) &&
               judge_reply(filter, '2', SLICE_LITERAL("connection request"));
    }
    log_warn("connect to proxy filter %s: %s", filter->name, error.text);
    return false;
}

static bool introduce(struct filter *filter, const struct session *session)
{
    AUTO_STR struct str line = STR_EMPTY, answer = STR_EMPTY;
    struct slice rest, text;

    str_format(&line, "EHLO %s", session->server->config->smtpd_proxy_ehlo);
    if (!filter_command(filter, '2', str_slice(&line)))
        return false;
    str_set(&answer, str_slice(&filter->reply));
    for (rest = str_slice(&answer); smtp_reply_next(&rest, &text);)
        if (slice_is_nocase(slice_take_word(&text), "XFORWARD"))
            return send_forwards(filter, session, text);
    return true;
}

bool filter_open(struct filter *filter, const struct session *session)
{
    if (connect_filter(filter, session->server) && introduce(filter, session))
        return true;
    filter_close(filter);
    filter_blame_nobody(filter);
    return false;
}

/* --- Content and end. ------------------------------------------------------------------ */

void filter_add(struct filter *filter, struct slice content)
{
    if (!filter->stream)
        return;
    stream_set_deadline(filter->stream, moment_after(filter->timeout_seconds));
    while (content.length) {
        size_t end = slice_find(content, '\n');

        if (!filter->line_open && content.data[0] == '.')
            stream_write(filter->stream, SLICE_LITERAL("."));
        stream_write(filter->stream, slice_part(content, 0, end));
        filter->line_open = end >= content.length;
        if (!filter->line_open)
            stream_write(filter->stream, SLICE_LITERAL("\r\n"));
        content = slice_from(content, end + 1);
    }
}

bool filter_end(struct filter *filter)
{
    filter_add(filter, slice_of(filter->line_open ? "\n" : ""));

    bool answered = filter_command(filter, 0, SLICE_LITERAL("."));

    filter->in_content = false;
    return answered;
}

void filter_close(struct filter *filter)
{
    if (!filter->stream)
        return;
    /* In the content QUIT would be a line of it. */
    if (!filter->in_content) {
        stream_write(filter->stream, SLICE_LITERAL("QUIT\r\n"));
        (void)stream_flush(filter->stream);
    }
    stream_close(filter->stream);
    filter->stream = NULL;
}
