#include "base/test.h"

#include "base/moment.h"
#include "base/scope.h"
#include "table/store.h"

#include <errno.h>
#include <stdio.h>

static const struct table_context test_context = { .queue_directory = "" };
static const char *const types[] = { "hash", "btree", "lmdb" };

struct place {
    char folder[64];
    char name[96];
};

static void make_place(struct place *place, const char *type)
{
    snprintf(place->folder, sizeof(place->folder), "/tmp/store_test.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->name, sizeof(place->name), "%s:%s/cache", type, place->folder);
}

static void remove_place(const struct place *place)
{
    static const char *const suffixes[] = { "db", "lmdb" };

    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char path[96];

        snprintf(path, sizeof(path), "%s/cache.%s", place->folder, suffixes[i]);
        unlink(path);
    }
    rmdir(place->folder);
}

/* Numbered keys, each with its number as its value. */
static void fill(struct store *store, int count)
{
    struct error error = ERROR_NONE;

    for (int i = 0; i < count; i++) {
        char key[32], value[32];

        snprintf(key, sizeof(key), "key%d", i);
        snprintf(value, sizeof(value), "%d", i);
        CHECK(store_put(store, slice_of(key), slice_of(value), &error));
    }
}

static bool is_even(void *argument, UNUSED struct slice key, struct slice value)
{
    ++*(int *)argument;
    return (value.data[value.length - 1] - '0') % 2 == 0;
}

TEST(a_store_keeps_what_was_put_and_is_cleaned)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        AUTO_STR struct str value = STR_EMPTY;
        struct error error = ERROR_NONE;
        struct place place;
        int asked = 0;

        make_place(&place, types[i]);

        struct store *store = store_open(&test_context, place.name, 0, &error);

        CHECK(store != NULL);
        CHECK_NUMBER(store_cleaned_at(store), 0);
        fill(store, 100);
        CHECK(store_put(store, slice_of("key7"), slice_of("8"), &error));
        CHECK(store_clean(store, is_even, &asked, &error));
        CHECK_NUMBER(asked, 100);
        store_close(store);
        store = store_open(&test_context, place.name, 0, &error);
        CHECK(store_cleaned_at(store) > 0);
        CHECK_NUMBER(store_get(store, slice_of("key7"), &value, &error), TABLE_FOUND);
        CHECK_TEXT(value.data, "8");
        CHECK_NUMBER(store_get(store, slice_of("key9"), &value, &error), TABLE_ABSENT);
        CHECK_NUMBER(store_delete(store, slice_of("key8"), &error), TABLE_FOUND);
        CHECK_NUMBER(store_delete(store, slice_of("key8"), &error), TABLE_ABSENT);
        store_close(store);
        remove_place(&place);
    }
}

TEST(a_walk_gives_every_entry_once)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        AUTO_STR struct str key = STR_EMPTY;
        AUTO_STR struct str value = STR_EMPTY;
        struct error error = ERROR_NONE;
        struct place place;
        long sum = 0;
        int count = 0;

        make_place(&place, types[i]);

        struct store *store = store_open(&test_context, place.name, 0, &error);

        fill(store, 300);
        for (bool first = true;
             store_next(store, first, &key, &value, &error) == TABLE_FOUND; first = false) {
            sum += strtol(value.data, NULL, 10);
            count++;
        }
        CHECK_NUMBER(count, 300);
        CHECK_NUMBER(sum, 299 * 300 / 2);
        store_close(store);
        remove_place(&place);
    }
}

TEST(a_btree_store_has_one_owner_and_an_lmdb_store_may_have_several)
{
    struct error error = ERROR_NONE;
    struct place place;

    make_place(&place, "btree");

    struct store *store = store_open(&test_context, place.name, 0, &error);

    CHECK(store_open(&test_context, place.name, moment_now() - 1, &error) == NULL);
    CHECK_NUMBER(error.code, EWOULDBLOCK);
    CHECK(strstr(error.text, "unable to get exclusive lock") != NULL);
    store_close(store);
    remove_place(&place);

    AUTO_STR struct str value = STR_EMPTY;

    make_place(&place, "lmdb");
    store = store_open(&test_context, place.name, 0, &error);

    struct store *other = store_open(&test_context, place.name, 0, &error);

    CHECK(store_put(store, slice_of("a"), slice_of("1"), &error));
    CHECK(store_put(other, slice_of("b"), slice_of("2"), &error));
    CHECK_NUMBER(store_get(store, slice_of("b"), &value, &error), TABLE_FOUND);
    CHECK_NUMBER(store_get(other, slice_of("a"), &value, &error), TABLE_FOUND);
    store_close(store);
    store_close(other);
    remove_place(&place);
}

TEST(an_lmdb_store_outgrows_its_map)
{
    AUTO_STR struct str value = STR_EMPTY;
    struct error error = ERROR_NONE;
    struct place place;
    char text[8192];

    memset(text, 'x', sizeof(text));
    make_place(&place, "lmdb");

    struct store *store = store_open(&test_context, place.name, 0, &error);

    for (int i = 0; i < 3000; i++) {    /* 36 MB; the map begins with 16 */
        char key[32];

        snprintf(key, sizeof(key), "%d", i);
        CHECK(store_put(store, slice_of(key), slice_bytes(text, sizeof(text)), &error));
    }
    CHECK_NUMBER(store_get(store, slice_of("0"), &value, &error), TABLE_FOUND);
    CHECK_NUMBER(value.length, sizeof(text));
    store_close(store);
    remove_place(&place);
}

TEST(a_store_of_a_type_that_cannot_be_changed_is_refused)
{
    struct error error = ERROR_NONE;

    CHECK(store_open(&test_context, "regexp:/etc/x", 0, &error) == NULL);
    CHECK_TEXT(error.text, "table regexp:/etc/x: update operation is not supported");
    CHECK(store_open(&test_context, "btree:/nonexist/x", 0, &error) == NULL);
    CHECK_TEXT(error.text, "open database /nonexist/x.db: No such file or directory");
}
