/* tcp: tables (tcp_table(5)): one line to a server, one line back. */
#include "table/remote.h"
#include "table/type.h"

#include "base/scope.h"
#include "log/log.h"

enum { TALK_SECONDS = 100, REPLY_LIMIT = 4096 };

static bool tcp_open(struct table *table, const struct table_context *context, const char *name,
                     struct error *error)
{
    AUTO_STR struct str endpoint = STR_EMPTY;

    str_format(&endpoint, "inet:%s", name);
    table->data = remote_new(context, str_slice(&endpoint), error);
    return table->data != NULL;
}

static void tcp_close(struct table *table)
{
    remote_free(table->data);
}

static void encode(struct str *output, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.data[i];

        if (byte > ' ' && byte < 0x7f && byte != '%')
            str_byte(output, (char)byte);
        else
            str_format(output, "%%%02X", byte);
    }
}

static int hex_digit(char c)
{
    return byte_is_digit(c) ? c - '0'
        : byte_lower(c) >= 'a' && byte_lower(c) <= 'f' ? byte_lower(c) - 'a' + 10 : -1;
}

static bool decode(struct str *output, struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '%') {
            str_byte(output, text.data[i]);
            continue;
        }

        int high = i + 2 < text.length ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.length ? hex_digit(text.data[i + 2]) : -1;

        if (high < 0 || low < 0)
            return false;
        str_byte(output, (char)(high * 16 + low));
        i += 2;
    }
    str_cut(output, strlen(output->data));
    return true;
}

struct exchange {
    struct str question, answer;
};

static enum stream_result talk(void *argument, struct stream *stream)
{
    struct exchange *exchange = argument;
    struct slice line;
    bool crlf = false;

    stream_write(stream, str_slice(&exchange->question));

    enum stream_result result = stream_flush(stream);

    if (result == STREAM_OK)
        result = stream_line(stream, REPLY_LIMIT, &line, &crlf);
    if (result == STREAM_OK) {
        str_set(&exchange->answer, line);
        str_text(&exchange->answer, crlf ? "\r" : "");     /* only LF ends a reply */
    }
    return result;
}

static enum table_result bad_reply(const struct table *table, const char *what,
                                   struct slice answer, struct error *error)
{
    log_warn("read TCP map reply from %s: %s: %.*s", remote_name(table->data), what,
             SLICE_ARGS(answer));
    error_set(error, "table %s: query error: %s", table->type_name, what);
    return TABLE_TROUBLE;
}

static enum table_result interpret(const struct table *table, struct slice answer,
                                   struct str *value, struct error *error)
{
    struct slice code = slice_part(answer, 0, 3), text = slice_from(answer, 4);
    AUTO_STR struct str decoded = STR_EMPTY;

    if (answer.length < 4 || !byte_is_digit(code.data[0]) || !byte_is_digit(code.data[1])
        || !byte_is_digit(code.data[2]) || !byte_is_space(answer.data[3])
        || !decode(&decoded, text))
        return bad_reply(table, "malformed reply", answer, error);
    if (slice_is(code, "500"))
        return TABLE_ABSENT;
    if (slice_is(code, "400")) {
        error_set(error, "table %s: query error: %s", table->type_name, decoded.data);
        return TABLE_TROUBLE;
    }
    if (!slice_is(code, "200"))
        return bad_reply(table, "bad status code", answer, error);
    str_add(value, str_slice(&decoded));
    return TABLE_FOUND;
}

static enum table_result tcp_get(struct table *table, struct slice key, struct str *value,
                                 struct error *error)
{
    struct exchange exchange = { STR_EMPTY, STR_EMPTY };
    enum table_result result = TABLE_TROUBLE;

    str_text(&exchange.question, "get ");
    encode(&exchange.question, key);
    str_byte(&exchange.question, '\n');
    if (remote_ask(table->data, talk, &exchange, moment_after(TALK_SECONDS), error)) {
        result = interpret(table, str_slice(&exchange.answer), value, error);
    } else {
        log_warn("read TCP map reply from %s: %s", remote_name(table->data), error->text);
        error_prefix(error, "table %s: query error", table->type_name);
    }
    str_free(&exchange.question);
    str_free(&exchange.answer);
    return result;
}

const struct table_type table_type_tcp = {
    .name = "tcp", .pattern = true, .open = tcp_open, .get = tcp_get, .close = tcp_close,
};
