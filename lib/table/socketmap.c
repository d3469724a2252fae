/* socketmap: tables (socketmap_table(5)): netstrings to a server and back. */
#include "table/remote.h"
#include "table/type.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"

enum { TALK_SECONDS = 100, REPLY_LIMIT = 100000, LENGTH_DIGITS = 9 };

struct socketmap {
    struct remote *remote;
    char *name;             /* of the map, as the server knows it */
};

static bool socketmap_open(struct table *table, const struct table_context *context,
                           const char *name, struct error *error)
{
    struct slice whole = slice_of(name);
    size_t colon = slice_find_last(whole, ':');
    struct socketmap *socketmap = memory_new(1, sizeof(*socketmap));

    table->data = socketmap;
    if (colon == whole.length)
        return error_set(error, "socketmap requires server:socketmap argument");
    socketmap->name = memory_copy(name + colon + 1);
    socketmap->remote = remote_new(context, slice_part(whole, 0, colon), error);
    return socketmap->remote != NULL;
}

static void socketmap_close(struct table *table)
{
    struct socketmap *socketmap = table->data;

    remote_free(socketmap->remote);
    free(socketmap->name);
    free(socketmap);
}

struct exchange {
    struct slice question;
    struct str answer;
    struct error *error;
};

static enum stream_result bad_format(struct exchange *exchange)
{
    error_set(exchange->error, "input format error");
    return STREAM_FAILED;
}

static enum stream_result read_length(struct exchange *exchange, struct stream *stream,
                                      size_t *length)
{
    *length = 0;
    for (int digits = 0; digits <= LENGTH_DIGITS; digits++) {
        struct slice byte;
        enum stream_result result = stream_read(stream, 1, &byte);

        if (result != STREAM_OK)
            return result;
        if (byte.data[0] == ':' && digits)
            return *length > REPLY_LIMIT ? STREAM_TOO_LONG : STREAM_OK;
        if (!byte_is_digit(byte.data[0]))
            break;
        *length = *length * 10 + (size_t)(byte.data[0] - '0');
    }
    return bad_format(exchange);
}

static enum stream_result talk(void *argument, struct stream *stream)
{
    struct exchange *exchange = argument;
    size_t length;

    str_clear(&exchange->answer);   /* of a connection that broke within it */
    stream_format(stream, "%zu:", exchange->question.length);
    stream_write(stream, exchange->question);
    stream_write(stream, SLICE_LITERAL(","));

    enum stream_result result = stream_flush(stream);

    if (result == STREAM_OK)
        result = read_length(exchange, stream, &length);
    if (result == STREAM_OK)
        result = stream_read_until(stream, length + 1, &exchange->answer);
    if (result != STREAM_OK)
        return result;
    if (exchange->answer.data[length] != ',')
        return bad_format(exchange);
    str_cut(&exchange->answer, length);
    return STREAM_OK;
}

struct trouble {
    const char *status, *word;
};

static enum table_result report(const struct table *table, struct slice status,
                                struct slice reason, struct error *error)
{
    static const struct trouble troubles[] = {
        { "TEMP", "temporary" }, { "TIMEOUT", "timeout" }, { "PERM", "permanent" },
    };
    const char *word = "unknown";

    for (size_t i = 0; i < COUNT(troubles); i++)
        if (slice_is(status, troubles[i].status))
            word = troubles[i].word;
    log_warn("%s socketmap server %s error%s%.*s", table->type_name, word,
             reason.length ? ": " : "", SLICE_ARGS(reason));
    error_set(error, "table %s: query error: %s error of the server", table->type_name, word);
    return TABLE_TROUBLE;
}

static enum table_result socketmap_get(struct table *table, struct slice key, struct str *value,
                                       struct error *error)
{
    const struct socketmap *socketmap = table->data;
    AUTO_STR struct str question = STR_EMPTY;
    AUTO_STR struct str answer = STR_EMPTY;

    str_format(&question, "%s ", socketmap->name);
    str_add(&question, key);

    struct exchange exchange = { str_slice(&question), STR_EMPTY, error };
    bool good = remote_ask(socketmap->remote, talk, &exchange, moment_after(TALK_SECONDS), error);

    answer = exchange.answer;
    if (!good) {
        log_warn("table %s lookup error: %s", table->type_name, error->text);
        error_prefix(error, "table %s: query error", table->type_name);
        return TABLE_TROUBLE;
    }

    struct slice rest = slice_part(str_slice(&answer), 0, strlen(answer.data));
    struct slice status = slice_take_until(&rest, " ");

    /* An OK without its blank is taken by Postfix for nothing found. */
    if (slice_is(status, "NOTFOUND") || slice_is(str_slice(&answer), "OK"))
        return TABLE_ABSENT;
    if (!slice_is(status, "OK"))
        return report(table, status, rest, error);
    str_add(value, rest);
    return TABLE_FOUND;
}

const struct table_type table_type_socketmap = {
    .name = "socketmap", .pattern = true,
    .open = socketmap_open, .get = socketmap_get, .close = socketmap_close,
};
