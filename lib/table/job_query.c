#include "table/job.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/scope.h"
#include "base/vector.h"
#include "config/config.h"
#include "log/log.h"
#include "table/store.h"
#include "table/type.h"

#include <stdio.h>
#include <unistd.h>

/* The tables of the command line, opened when the first key is there. */
struct opened {
    struct table **items;
    size_t count, capacity;
    char **names;
    int name_count;
};

static struct table_context context_of(const struct table_job *job)
{
    struct table_context context = table_context_of(job->config, job->config->queue_directory);

    context.default_type = job->default_type;
    return context;
}

static void open_tables(const struct table_job *job, struct opened *tables)
{
    const struct table_context context = context_of(job);

    for (int i = (int)tables->count; i < tables->name_count; i++) {
        struct error error = ERROR_NONE;
        struct table *table = table_open(&context, slice_of(tables->names[i]), job_table_flags(job),
                                         &error);

        if (!table)
            log_fatal("%s", error.text);
        VECTOR_PUSH(tables, table);
    }
}

static void close_tables(struct opened *tables)
{
    for (size_t i = 0; i < tables->count; i++)
        table_close(tables->items[i]);
    VECTOR_FREE(tables);
}

/* -F: values are stored in base64. */
static void print_value(const struct table_job *job, const char *table, struct slice key,
                        struct slice value)
{
    AUTO_STR struct str decoded = STR_EMPTY;

    if (job->file_contents) {
        if (!base64_decode(&decoded, value))
            log_fatal("table %s: key %.*s: malformed base64 value", table, SLICE_ARGS(key));
        value = str_slice(&decoded);
    }
    fwrite(value.data, 1, value.length, stdout);
    putchar('\n');
}

/* The tables are closed first: what libdb holds looks lost to who searches for leaks. */
static NO_RETURN void give_up(struct opened *tables, const char *name, const struct error *error)
{
    struct slice text = slice_of(error->text);
    bool complete = slice_starts(text, "table ") || slice_starts(text, "error reading ");
    AUTO_STR struct str said = STR_EMPTY;

    if (!complete)
        str_format(&said, "table %s: query error: ", name);
    str_add(&said, text);
    close_tables(tables);
    log_fatal("%s", said.data);
}

/* The first table that knows the key answers; with_key prints it in front. */
static bool query(const struct table_job *job, struct opened *tables, struct slice key,
                  bool with_key)
{
    AUTO_STR struct str value = STR_EMPTY;

    open_tables(job, tables);
    for (size_t i = 0; i < tables->count; i++) {
        struct error error = ERROR_NONE;
        const char *name = table_name(tables->items[i]);

        switch (table_get(tables->items[i], key, &value, &error)) {
        case TABLE_TROUBLE:
            give_up(tables, name, &error);
        case TABLE_FOUND:
            if (with_key)
                printf("%.*s%s", SLICE_ARGS(key), job->command->separator);
            print_value(job, name, key, str_slice(&value));
            return true;
        default:
            break;
        }
    }
    return false;
}

/* The lines of standard input, each a key. */
static bool for_each_line(bool (*take)(void *argument, struct slice key), void *argument)
{
    AUTO_FREE char *line = NULL;
    size_t room = 0;
    bool found = false;

    for (ssize_t length; (length = getline(&line, &room, stdin)) >= 0;) {
        struct slice key = slice_part(slice_bytes(line, (size_t)length), 0,
                                      slice_find(slice_bytes(line, (size_t)length), '\n'));

        found |= take(argument, key);
    }
    return found;
}

struct queries {
    const struct table_job *job;
    struct opened *tables;
};

static bool query_line(void *argument, struct slice key)
{
    const struct queries *queries = argument;

    return query(queries->job, queries->tables, key, true);
}

static bool query_message(const struct table_job *job, struct opened *tables)
{
    struct source keys = SOURCE_EMPTY;
    bool found = false;

    job->command->message_keys(job, &keys);
    for (size_t i = 0; i < keys.count; i++)
        found |= query(job, tables, keys.items[i].text, true);
    source_free(&keys);
    return found;
}

int job_query(const struct table_job *job, char **names, int count)
{
    struct opened tables = { .names = names, .name_count = count };
    bool found;

    if (strcmp(job->query, "-") != 0)
        found = query(job, &tables, slice_of(job->query), false);
    else if (job->body || job->header)
        found = query_message(job, &tables);
    else
        found = for_each_line(query_line, &(struct queries){ job, &tables });
    close_tables(&tables);
    return found ? 0 : 1;
}

/* Only compiled types can be listed and changed; what others say about it. */
static struct maker *open_compiled(const struct table_job *job, const char *name, unsigned flags)
{
    const char *path;
    struct slice type = job_split_name(job, name, &path);
    struct error error = ERROR_NONE;
    struct opened tables = { .names = (char *[]){ memory_copy(name) }, .name_count = 1 };

    if (maker_knows(type)) {
        const struct maker_settings settings = {
            .buffer_bytes = (size_t)job->config->berkeley_db_read_buffer_size,
            .map_bytes = (size_t)job->config->lmdb_map_size,
        };
        struct maker *maker = maker_open(type, path, flags, 0644, &settings, &error);

        if (!maker)
            log_fatal("%s", error.text);
        free(tables.names[0]);
        return maker;
    }
    if (!(flags & MAKER_READ_ONLY)
        && (slice_is(type, "regexp") || slice_is(type, "pcre") || slice_is(type, "cidr")
            || slice_is(type, "texthash")))
        log_fatal("%s map requires O_RDONLY access mode", name);
    open_tables(job, &tables);
    log_fatal("table %s: %s operation is not supported", name,
              flags & MAKER_READ_ONLY ? "sequence" : "delete");
}

/* Tables that others keep for us: what is listed or deleted there goes through a store. */
static bool is_served(const char *name)
{
    struct slice text = slice_of(name);

    return slice_starts(text, "proxy:") || slice_starts(text, "memcache:")
        || slice_starts(text, "internal:");
}

static void list_served(const struct table_job *job, const char *name)
{
    const struct table_context context = context_of(job);
    AUTO_STR struct str key = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;
    struct store *store = store_open(&context, name, 0, &error);
    enum table_result result = TABLE_TROUBLE;

    for (bool first = true; store && (result = store_next(store, first, &key, &value, &error))
         == TABLE_FOUND; first = false) {
        printf("%s%s", key.data, job->command->separator);
        print_value(job, name, str_slice(&key), str_slice(&value));
    }
    store_close(store);
    if (result == TABLE_TROUBLE)
        log_fatal("%s", error.text);
}

void job_list(const struct table_job *job, const char *name)
{
    if (is_served(name)) {
        list_served(job, name);
        return;
    }

    struct maker *maker = open_compiled(job, name, MAKER_READ_ONLY);
    AUTO_STR struct str key = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;
    enum maker_result result;

    for (bool first = true; (result = maker_next(maker, first, &key, &value, &error))
         == MAKER_DONE; first = false) {
        if (!key.length)
            log_warn("table %s: empty lookup key value is not allowed", name);
        printf("%s%s", key.data, job->command->separator);
        print_value(job, name, str_slice(&key), str_slice(&value));
    }
    if (result == MAKER_FAILED || !maker_close(maker, &error))
        log_fatal("table %s: sequence error: %s", name, error.text);
}

/* Where keys are deleted: in a file that we have open, or in one that proxywrite has. */
struct victim {
    struct maker *maker;
    struct store *store;
};

struct deletions {
    const struct table_job *job;
    struct victim *victims;
    int count;
};

static struct victim open_victim(const struct table_job *job, const char *name)
{
    const struct table_context context = context_of(job);
    struct error error = ERROR_NONE;

    if (!is_served(name))
        return (struct victim){ .maker = open_compiled(job, name, 0) };

    struct store *store = store_open(&context, name, 0, &error);

    if (!store)
        log_fatal("%s", error.text);
    return (struct victim){ .store = store };
}

static bool delete_from(const struct victim *victim, struct slice key)
{
    struct error error = ERROR_NONE;
    bool found, trouble;

    if (victim->store) {
        enum table_result result = store_delete(victim->store, key, &error);

        found = result == TABLE_FOUND;
        trouble = result == TABLE_TROUBLE;
    } else {
        enum maker_result result = maker_delete(victim->maker, key, &error);

        found = result == MAKER_DONE;
        trouble = result == MAKER_FAILED;
    }
    if (trouble)
        log_fatal("%s", error.text);
    return found;
}

/* What cannot be a key counts as deleted, as in Postfix. */
static bool can_be_key(const struct deletions *deletions, const struct victim *victim,
                       struct slice key)
{
    AUTO_STR struct str shown = STR_EMPTY;

    if (!deletions->job->utf8 || text_is_utf8(key))
        return true;
    printable_text(&shown, key);
    log_warn("%s: non-UTF-8 key \"%s\": malformed UTF-8 or invalid codepoint",
             victim->store ? store_name(victim->store) : maker_table_name(victim->maker),
             shown.data);
    return false;
}

static bool delete_key(void *argument, struct slice key)
{
    const struct deletions *deletions = argument;
    AUTO_STR struct str stored = STR_EMPTY;
    bool found = false;

    table_fold(job_table_flags(deletions->job), key, &stored);
    for (int i = 0; i < deletions->count; i++)
        found |= !can_be_key(deletions, &deletions->victims[i], key)
            || delete_from(&deletions->victims[i], str_slice(&stored));
    return found;
}

int job_delete(const struct table_job *job, char **names, int count)
{
    AUTO_FREE struct victim *victims = memory_new((size_t)count + 1, sizeof(*victims));
    struct deletions deletions = { job, victims, count };
    struct error error = ERROR_NONE;

    for (int i = 0; i < count; i++)
        victims[i] = open_victim(job, names[i]);

    bool found = strcmp(job->deletion, "-") == 0
        ? for_each_line(delete_key, &deletions) : delete_key(&deletions, slice_of(job->deletion));

    for (int i = 0; i < count; i++) {
        store_close(victims[i].store);
        if (victims[i].maker && !maker_close(victims[i].maker, &error))
            log_fatal("%s", error.text);
    }
    return found ? 0 : 1;
}
