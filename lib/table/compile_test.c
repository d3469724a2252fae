#include "base/test.h"

#include "base/scope.h"
#include "log/log.h"
#include "table/cache.h"
#include "table/compile.h"
#include "table/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS = 32, KEYS = 200, REBUILDS = 30 };

static const struct maker_settings settings = { 65536, 65536, 0 };
static const struct table_context test_context = {
    .queue_directory = "", .default_type = "hash", .proxymap_service = "proxymap",
};

/* A name for a table in a new folder. */
static void make_name(char folder[64], char path[80])
{
    snprintf(folder, 64, "/tmp/compile_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, 80, "%s/table", folder);
}

static void remove_all(const char *folder, const char *path)
{
    static const char *const suffixes[] = { ".db", ".lmdb", ".cdb" };
    AUTO_STR struct str file = STR_EMPTY;

    for (size_t i = 0; i < COUNT(suffixes); i++) {
        str_clear(&file);
        str_format(&file, "%s%s", path, suffixes[i]);
        unlink(file.data);
    }
    rmdir(folder);
}

/* A table in which every key has the generation as its value. */
static bool build(const char *type, const char *path, unsigned flags, int generation)
{
    struct error error = ERROR_NONE;
    struct maker *maker = maker_open(slice_of(type), path, MAKER_CREATE | MAKER_EMPTY | flags,
                                     0600, &settings, &error);

    if (!maker)
        return false;
    for (int i = 0; i < KEYS; i++) {
        char key[32], value[32];

        snprintf(key, sizeof(key), "key%d", i);
        snprintf(value, sizeof(value), "%d of key%d", generation, i);
        if (maker_put(maker, slice_of(key), slice_of(value), false, &error) != MAKER_DONE)
            return false;
    }
    return maker_close(maker, &error);
}

TEST(compiled_tables_are_read_with_and_without_nul)
{
    static const char *const types[] = { "hash", "btree", "lmdb", "cdb" };

    for (size_t i = 0; i < COUNT(types); i++)
        for (int without = 0; without < 2; without++) {
            char folder[64], path[80], name[96];
            struct error error = ERROR_NONE;
            AUTO_STR struct str value = STR_EMPTY;

            make_name(folder, path);
            CHECK(build(types[i], path, without ? MAKER_WITHOUT_NUL : 0, 7));
            snprintf(name, sizeof(name), "%s:%s", types[i], path);

            struct table *table = table_open(&test_context, slice_of(name), TABLE_FOLD, &error);

            CHECK(table != NULL);
            CHECK_NUMBER(table_get(table, slice_of("KEY5"), &value, &error), TABLE_FOUND);
            CHECK_TEXT(value.data, "7 of key5");
            CHECK_NUMBER(table_get(table, slice_of("nokey"), &value, &error), TABLE_ABSENT);
            CHECK_NUMBER(table_get(table, slice_of(""), &value, &error), TABLE_ABSENT);
            CHECK(build(types[i], path, 0, 8));
            CHECK_NUMBER(table_get(table, slice_of("key5"), &value, &error), TABLE_FOUND);
            CHECK_TEXT(value.data, "8 of key5");
            table_close(table);
            remove_all(folder, path);
        }
}

TEST(entries_are_kept_replaced_deleted_and_listed)
{
    char folder[64], path[80];
    struct error error = ERROR_NONE;
    AUTO_STR struct str key = STR_EMPTY;
    AUTO_STR struct str value = STR_EMPTY;
    struct slice a = SLICE_LITERAL("a"), b = SLICE_LITERAL("b");

    make_name(folder, path);

    struct maker *maker = maker_open(slice_of("btree"), path, MAKER_CREATE, 0640, &settings,
                                     &error);

    CHECK_NUMBER(maker_put(maker, a, slice_of("1"), false, &error), MAKER_DONE);
    CHECK_NUMBER(maker_put(maker, a, slice_of("2"), false, &error), MAKER_DUPLICATE);
    CHECK_NUMBER(maker_put(maker, b, slice_of("3"), false, &error), MAKER_DONE);
    CHECK_NUMBER(maker_put(maker, b, slice_of("4"), true, &error), MAKER_DONE);
    CHECK_NUMBER(maker_delete(maker, a, &error), MAKER_DONE);
    CHECK_NUMBER(maker_delete(maker, a, &error), MAKER_ABSENT);
    CHECK(maker_close(maker, &error));
    maker = maker_open(slice_of("btree"), path, MAKER_READ_ONLY, 0, &settings, &error);
    CHECK_NUMBER(maker_next(maker, true, &key, &value, &error), MAKER_DONE);
    CHECK_TEXT(key.data, "b");
    CHECK_TEXT(value.data, "4");
    CHECK_NUMBER(maker_next(maker, false, &key, &value, &error), MAKER_ABSENT);
    CHECK(maker_close(maker, &error));
    remove_all(folder, path);
}

struct shared {
    struct table *table;
    atomic_int generation;      /* the last that was built */
    atomic_bool stop;
    atomic_int wrong;
    atomic_long answers;
};

/* Every key is there at all times, and its value is of a generation that was or is being made. */
static void *read_all(void *argument)
{
    struct shared *shared = argument;
    struct str value = STR_EMPTY;

    for (int i = 0; !shared->stop; i = (i + 1) % KEYS) {
        char key[32], end[32];
        struct error error = ERROR_NONE;
        int before = shared->generation;
        uint64_t seen = 0;

        snprintf(key, sizeof(key), "key%d", i);
        snprintf(end, sizeof(end), " of key%d", i);

        bool good = table_get(shared->table, slice_of(key), &value, &error) == TABLE_FOUND
            && slice_ends(str_slice(&value), end)
            && slice_number(slice_part(str_slice(&value), 0, slice_find(str_slice(&value), ' ')),
                            REBUILDS, &seen)
            && (int)seen >= before && (int)seen <= shared->generation + 1;

        shared->wrong += !good;
        shared->answers++;
    }
    str_free(&value);
    return NULL;
}

TEST(thirty_two_readers_never_see_half_a_rebuild)
{
    static const char *const types[] = { "hash", "btree", "lmdb", "cdb" };

    for (size_t t = 0; t < COUNT(types); t++) {
        char folder[64], path[80], name[96];
        struct error error = ERROR_NONE;
        struct shared shared = { NULL, 0, false, 0, 0 };
        pthread_t readers[READERS];

        make_name(folder, path);
        snprintf(name, sizeof(name), "%s:%s", types[t], path);
        CHECK(build(types[t], path, 0, 0));
        shared.table = table_open(&test_context, slice_of(name), 0, &error);
        CHECK(shared.table != NULL);
        for (int i = 0; i < READERS; i++)
            assert_int_equal(pthread_create(&readers[i], NULL, read_all, &shared), 0);
        for (int generation = 1; generation <= REBUILDS; generation++) {
            CHECK(build(types[t], path, 0, generation));
            shared.generation = generation;
            usleep(2000);
        }
        shared.stop = true;
        for (int i = 0; i < READERS; i++)
            pthread_join(readers[i], NULL);
        CHECK_NUMBER(shared.wrong, 0);
        CHECK(shared.answers > READERS);
        table_close(shared.table);
        remove_all(folder, path);
    }
}

/* The source takes its place whole; the cache of proxymap opens it anew within a second. */
static bool write_source(const char *path, int generation)
{
    AUTO_STR struct str next = STR_EMPTY;

    str_format(&next, "%s.new", path);

    FILE *file = fopen(next.data, "w");

    if (!file)
        return false;
    for (int i = 0; i < KEYS; i++)
        fprintf(file, "key%d %d of key%d\n", i, generation, i);
    return fclose(file) == 0 && rename(next.data, path) == 0;
}

struct cached {
    struct table_cache *cache;
    const char *name;
    atomic_bool stop;
    atomic_int wrong;
    atomic_int newest;
};

static void *read_cached(void *argument)
{
    struct cached *cached = argument;
    struct str value = STR_EMPTY;

    for (int i = 0; !cached->stop; i = (i + 1) % KEYS) {
        char key[32], end[32];
        struct error error = ERROR_NONE;
        uint64_t seen = 0;

        snprintf(key, sizeof(key), "key%d", i);
        snprintf(end, sizeof(end), " of key%d", i);

        bool good = table_cache_get(cached->cache, cached->name, 0, slice_of(key), &value, &error)
                == TABLE_FOUND
            && slice_ends(str_slice(&value), end)
            && slice_number(slice_part(str_slice(&value), 0, slice_find(str_slice(&value), ' ')),
                            REBUILDS, &seen);

        cached->wrong += !good;
        if ((int)seen > cached->newest)
            cached->newest = (int)seen;
    }
    str_free(&value);
    return NULL;
}

TEST(thirty_two_readers_of_a_texthash_source_see_the_new_one)
{
    char folder[64], path[80], name[96];
    struct cached cached = { NULL, name, false, 0, 0 };
    pthread_t readers[READERS];

    make_name(folder, path);
    snprintf(name, sizeof(name), "texthash:%s", path);
    CHECK(write_source(path, 0));
    cached.cache = table_cache_new(&test_context);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_cached, &cached), 0);
    for (int generation = 1; generation <= REBUILDS; generation++)
        CHECK(write_source(path, generation));
    for (int tries = 0; cached.newest < REBUILDS && tries < 2000; tries++)
        usleep(5000);
    cached.stop = true;
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    CHECK_NUMBER(cached.wrong, 0);
    CHECK_NUMBER(cached.newest, REBUILDS);
    table_cache_free(cached.cache);
    unlink(path);
    remove_all(folder, path);
}
