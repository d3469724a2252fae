/*
 * Answers of the servers that tables ask: socketmap, tcp, memcache.  Whatever comes, it is a
 * value, nothing, or trouble with a reason.
 */
#include "base/scope.h"
#include "log/log.h"
#include "peer.h"
#include "table/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A table and the server that it asks. */
struct remote_table {
    struct table *table;
    struct peer peer;
};

struct remotes {
    struct remote_table socketmap, tcp, memcache;
};

static void ignore(enum log_severity severity, const char *text)
{
    (void)severity, (void)text;
}

static struct table *open_table(const char *name)
{
    static const struct table_context context = { .queue_directory = "", .default_type = "hash" };
    struct error error = ERROR_NONE;
    struct table *table = table_open(&context, slice_of(name), 0, &error);

    if (!table) {
        fprintf(stderr, "%s: %s\n", name, error.text);
        abort();
    }
    return table;
}

static struct table *open_memcache(const char *path)
{
    AUTO_STR struct str source = STR_EMPTY;
    AUTO_STR struct str name = STR_EMPTY;

    str_format(&source, "%s.cf", path);

    FILE *file = fopen(source.data, "w");

    if (!file)
        abort();
    fprintf(file, "memcache = unix:%s\nmax_try = 1\ntimeout = 60\n", path);
    fclose(file);
    str_format(&name, "memcache:%s", source.data);

    struct table *table = open_table(name.data);

    unlink(source.data);
    return table;
}

static struct remotes *open_remotes(void)
{
    struct remotes *remotes = calloc(1, sizeof(*remotes));
    AUTO_STR struct str name = STR_EMPTY;
    char path[100];

    if (!remotes)
        abort();
    log_open(&(struct log_settings){ .tag = "fuzz", .sink = ignore });
    peer_start_unix(&remotes->socketmap.peer, path, sizeof(path));
    str_format(&name, "socketmap:unix:%s:map", path);
    remotes->socketmap.table = open_table(name.data);
    str_clear(&name);
    str_format(&name, "tcp:127.0.0.1:%d", peer_start_inet(&remotes->tcp.peer));
    remotes->tcp.table = open_table(name.data);
    peer_start_unix(&remotes->memcache.peer, path, sizeof(path));
    remotes->memcache.table = open_memcache(path);
    return remotes;
}

static void ask(struct remote_table *remote, struct slice words)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;

    peer_say(&remote->peer, words);
    if (table_get(remote->table, SLICE_LITERAL("key"), &value, &error) == TABLE_TROUBLE
        && !error.text[0])
        abort();
    peer_say(&remote->peer, slice_of(""));
}

/* The first byte says which table asks, the others are what its server says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct remotes *remotes;

    if (!remotes)
        remotes = open_remotes();

    struct slice words = slice_bytes(data + (size > 0), size - (size > 0));

    switch (size ? data[0] : 0) {
    case 's':
        ask(&remotes->socketmap, words);
        return 0;
    case 't':
        ask(&remotes->tcp, words);
        return 0;
    case 'm':
        ask(&remotes->memcache, words);
        return 0;
    default:
        return -1;
    }
}
