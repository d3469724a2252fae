#include "table/memcache_client.h"

#include "base/memory.h"
#include "base/scope.h"
#include "log/log.h"
#include "table/match.h"
#include "table/remote.h"
#include "table/source_config.h"

enum { KEY_LIMIT = 250 };       /* memcached's own */

struct memcache {
    char *name;
    struct source_config *source;
    struct remote *remote;
    struct match_list *domains;     /* NULL: any key */
    const char *key_format;
    int64_t flags, ttl, data_limit, line_limit, tries, pause_seconds, timeout_seconds;
};

void memcache_free(struct memcache *memcache)
{
    if (!memcache)
        return;
    match_list_close(memcache->domains);
    remote_free(memcache->remote);
    source_config_close(memcache->source);
    free(memcache->name);
    free(memcache);
}

static bool check_format(const struct memcache *memcache, struct error *error)
{
    for (const char *at = memcache->key_format; *at; at++)
        if (*at == '%' && !strchr("%sSuUdD123456789", *++at ? *at : 'x'))
            return error_set(error, "db_common_parse: %s: Invalid query template: %s",
                             memcache->name, memcache->key_format);
    return true;
}

static bool read_numbers(struct memcache *memcache, struct error *error)
{
    struct source_config *source = memcache->source;

    memcache->ttl = 3600;
    memcache->data_limit = 10240;
    memcache->line_limit = 1024;
    memcache->tries = 2;
    memcache->pause_seconds = 1;
    memcache->timeout_seconds = 2;
    return source_config_number(source, "flags", 0, 0, &memcache->flags, error)
        && source_config_number(source, "ttl", 0, 0, &memcache->ttl, error)
        && source_config_number(source, "data_size_limit", 1, INT32_MAX, &memcache->data_limit,
                                error)
        && source_config_number(source, "line_size_limit", 1, INT32_MAX, &memcache->line_limit,
                                error)
        && source_config_number(source, "max_try", 1, 0, &memcache->tries, error)
        && source_config_number(source, "retry_pause", 1, 0, &memcache->pause_seconds, error)
        && source_config_number(source, "timeout", 1, 0, &memcache->timeout_seconds, error);
}

static bool prepare(struct memcache *memcache, const struct table_context *context,
                    struct error *error)
{
    struct source_config *source = memcache->source;
    const char *domain = source_config_text(source, "domain", "");

    memcache->key_format = source_config_text(source, "key_format", "%s");
    if (!read_numbers(memcache, error) || !check_format(memcache, error))
        return false;
    if (*domain) {
        memcache->domains = match_list_open(context, memcache->name, domain, MATCH_STRING, 0,
                                            error);
        if (!memcache->domains)
            return false;
    }
    memcache->remote = remote_new(context, slice_of(source_config_text(source, "memcache",
                                                    "inet:localhost:11211")), error);
    return memcache->remote != NULL;
}

struct memcache *memcache_new(struct table *table, const struct table_context *context,
                              const char *name, struct error *error)
{
    struct memcache *memcache = memory_new(1, sizeof(*memcache));

    memcache->name = memory_copy(name);
    memcache->source = source_config_open(table, context, name, error);
    if (memcache->source && prepare(memcache, context, error))
        return memcache;
    memcache_free(memcache);
    return NULL;
}

const char *memcache_backup(const struct memcache *memcache)
{
    return source_config_text(memcache->source, "backup", NULL);
}

/* --- Keys. ------------------------------------------------------------------------------ */

/* The number-th part of the domain from its end. */
static struct slice domain_part(struct slice domain, int number)
{
    for (; number > 1; number--) {
        size_t dot = slice_find_last(domain, '.');

        domain = slice_part(domain, 0, dot == domain.length ? 0 : dot);
    }

    size_t dot = slice_find_last(domain, '.');

    return dot == domain.length ? domain : slice_from(domain, dot + 1);
}

static struct slice expansion(char letter, struct slice key)
{
    size_t at = slice_find_last(key, '@');
    bool has_domain = at < key.length;
    struct slice domain = has_domain ? slice_from(key, at + 1) : slice_of("");

    switch (letter) {
    case '%': return slice_of("%");
    case 's': case 'S': return key;
    case 'u': case 'U': return slice_part(key, 0, at);
    case 'd': case 'D': return domain;
    default: return domain_part(domain, letter - '0');
    }
}

/* memcached takes keys without white space and control characters. */
static bool can_be_sent(struct slice key)
{
    if (!key.length || key.length > KEY_LIMIT)
        return false;
    for (size_t i = 0; i < key.length; i++)
        if ((unsigned char)key.data[i] <= ' ' || key.data[i] == 0x7f)
            return false;
    return true;
}

static bool format_key(const struct memcache *memcache, struct slice key, struct str *sent)
{
    str_clear(sent);
    for (const char *at = memcache->key_format; *at; at++) {
        if (*at != '%') {
            str_byte(sent, *at);
            continue;
        }

        struct slice part = expansion(*++at, key);

        if (!part.length)
            return false;
        str_add(sent, part);
    }
    return true;
}

enum table_result memcache_key(struct memcache *memcache, struct slice key, struct str *sent,
                               struct error *error)
{
    size_t at = slice_find_last(key, '@');

    if (memcache->domains) {
        if (at == key.length || at == 0)
            return TABLE_ABSENT;

        enum match_result match = match_list_get(memcache->domains, slice_from(key, at + 1),
                                                 error);

        if (match != MATCH_YES)
            return match == MATCH_NO ? TABLE_ABSENT : TABLE_TROUBLE;
    }
    return format_key(memcache, key, sent) ? TABLE_FOUND : TABLE_ABSENT;
}

/* --- The protocol. ---------------------------------------------------------------------- */

struct exchange {
    const struct memcache *memcache;
    struct str question;
    bool gets;              /* a value may come */
    bool found;
    struct str answer;      /* the line, or the value */
    struct error *error;
};

static enum stream_result unexpected(struct exchange *exchange, struct slice line)
{
    error_set(exchange->error, "unexpected memcache server reply: %.*s",
              (int)(line.length < 30 ? line.length : 30), line.data);
    return STREAM_FAILED;
}

/* "VALUE key flags bytes", the bytes, a line end, "END". */
static enum stream_result read_value(struct exchange *exchange, struct stream *stream,
                                     struct slice line)
{
    struct slice rest = line;
    uint64_t length = 0;

    for (int i = 0; i < 3; i++)
        slice_take_word(&rest);
    if (!slice_number(slice_trim(rest), UINT32_MAX, &length))
        return unexpected(exchange, line);
    if (length > (uint64_t)exchange->memcache->data_limit)
        return STREAM_TOO_LONG;

    str_clear(&exchange->answer);
    enum stream_result result = stream_read_until(stream, (size_t)length + 2, &exchange->answer);

    if (result != STREAM_OK)
        return result;
    str_cut(&exchange->answer, (size_t)length);
    exchange->found = true;
    result = stream_line(stream, (size_t)exchange->memcache->line_limit, &line, NULL);
    if (result == STREAM_OK && !slice_is(line, "END"))
        return unexpected(exchange, line);
    return result;
}

static enum stream_result talk(void *argument, struct stream *stream)
{
    struct exchange *exchange = argument;
    struct slice line;

    exchange->found = false;    /* over a connection that broke behind the value */
    stream_write(stream, str_slice(&exchange->question));

    enum stream_result result = stream_flush(stream);

    if (result == STREAM_OK)
        result = stream_line(stream, (size_t)exchange->memcache->line_limit, &line, NULL);
    if (result != STREAM_OK)
        return result;
    if (!exchange->gets) {
        str_set(&exchange->answer, line);
        return STREAM_OK;
    }
    if (slice_is(line, "END"))
        return STREAM_OK;
    return slice_starts(line, "VALUE ") ? read_value(exchange, stream, line)
                                        : unexpected(exchange, line);
}

static bool ask(struct memcache *memcache, struct exchange *exchange, struct error *error)
{
    exchange->memcache = memcache;
    exchange->error = error;
    for (int64_t tries = 1;; tries++) {
        if (remote_ask(memcache->remote, talk, exchange,
                       moment_after(memcache->timeout_seconds), error))
            return true;
        /* A server that is not there is not asked again. */
        if (error->code || tries >= memcache->tries)
            return false;
        sleep((unsigned)memcache->pause_seconds);
    }
}

static void free_exchange(struct exchange *exchange)
{
    str_free(&exchange->question);
    str_free(&exchange->answer);
}

enum table_result memcache_get(struct memcache *memcache, struct slice sent, struct str *value,
                               struct error *error)
{
    struct exchange exchange = { .question = STR_EMPTY, .answer = STR_EMPTY, .gets = true };
    enum table_result result = TABLE_TROUBLE;

    if (!can_be_sent(sent))
        return TABLE_ABSENT;
    str_format(&exchange.question, "get %.*s\r\n", SLICE_ARGS(sent));
    if (ask(memcache, &exchange, error)) {
        result = exchange.found ? TABLE_FOUND : TABLE_ABSENT;
        if (exchange.found)
            str_add(value, str_slice(&exchange.answer));
    }
    free_exchange(&exchange);
    return result;
}

bool memcache_set(struct memcache *memcache, struct slice sent, struct slice value,
                  struct error *error)
{
    struct exchange exchange = { .question = STR_EMPTY, .answer = STR_EMPTY };

    if (!can_be_sent(sent))
        return error_set(error, "%s: a key that memcached does not take", memcache->name);
    str_format(&exchange.question, "set %.*s %ld %ld %zu\r\n", SLICE_ARGS(sent),
               (long)memcache->flags, (long)memcache->ttl, value.length);
    str_add(&exchange.question, value);
    str_text(&exchange.question, "\r\n");

    bool good = ask(memcache, &exchange, error);

    if (good && !slice_is(str_slice(&exchange.answer), "STORED"))
        good = error_set(error, "%s: update failed: %.30s", memcache->name, exchange.answer.data);
    free_exchange(&exchange);
    return good;
}

enum table_result memcache_delete(struct memcache *memcache, struct slice sent,
                                  struct error *error)
{
    struct exchange exchange = { .question = STR_EMPTY, .answer = STR_EMPTY };
    enum table_result result = TABLE_TROUBLE;

    if (!can_be_sent(sent))
        return TABLE_ABSENT;
    str_format(&exchange.question, "delete %.*s\r\n", SLICE_ARGS(sent));
    if (ask(memcache, &exchange, error)) {
        struct slice answer = str_slice(&exchange.answer);

        result = slice_is(answer, "DELETED") ? TABLE_FOUND : TABLE_ABSENT;
        if (!slice_is(answer, "DELETED") && !slice_is(answer, "NOT_FOUND")) {
            error_set(error, "%s: delete failed: %.30s", memcache->name, exchange.answer.data);
            result = TABLE_TROUBLE;
        }
    }
    free_exchange(&exchange);
    return result;
}
