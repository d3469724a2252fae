#include "base/encoding.h"
#include "base/hash.h"
#include "base/scope.h"
#include "base/test.h"
#include "base/vector.h"

TEST(slice_number_takes_only_whole_numbers_within_the_limit)
{
    static const struct {
        const char *text;
        uint64_t limit;
        bool good;
        uint64_t number;
    } cases[] = {
        { "0", 10, true, 0 },
        { "10", 10, true, 10 },
        { "11", 10, false, 0 },
        { "", 10, false, 0 },
        { "1x", 10, false, 0 },
        { "-1", 10, false, 0 },
        { "9", 5, false, 0 },
        { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, false, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t number = 0;

        CHECK(slice_number(slice_of(cases[i].text), cases[i].limit, &number) == cases[i].good);
        CHECK(number == cases[i].number);
    }
}

TEST(a_list_has_a_name_in_any_case)
{
    struct slice list = slice_of("bounce, Policy\n\tresource");

    CHECK(slice_list_has(list, "policy") && slice_list_has(list, "resource"));
    CHECK(!slice_list_has(list, "") && !slice_list_has(list, "res"));
    CHECK(!slice_list_has(slice_of(", "), "bounce"));
}

TEST(slice_take_token_passes_over_separators)
{
    struct slice rest = slice_of(" a, b  ,c "), token;

    CHECK(slice_take_token(&rest, ", ", &token));
    CHECK_SLICE(token, "a");
    CHECK(slice_take_token(&rest, ", ", &token));
    CHECK_SLICE(token, "b");
    CHECK(slice_take_token(&rest, ", ", &token));
    CHECK_SLICE(token, "c");
    CHECK(!slice_take_token(&rest, ", ", &token));
}

TEST(str_grows_and_stays_a_c_string)
{
    AUTO_STR struct str str = STR_EMPTY;

    CHECK_TEXT(str.data, "");
    for (int i = 0; i < 100; i++)
        str_format(&str, "%d,", i);
    CHECK_NUMBER(str.length, 290);
    CHECK_NUMBER(strlen(str.data), 290);
    str_drop(&str, 280);
    CHECK_TEXT(str.data, "96,97,98,99," + 2);
    str_clear(&str);
    CHECK_TEXT(str.data, "");
}

TEST(arena_pieces_are_zeroed_and_separate)
{
    AUTO_ARENA struct arena *arena = arena_new();

    for (size_t round = 0; round < 3; round++) {
        char *small = arena_take(arena, 10);
        char *large = arena_take(arena, 100000);

        CHECK(small[9] == 0 && large[99999] == 0);
        memset(small, 'x', 10);
        memset(large, 'y', 100000);
        CHECK_TEXT(arena_format(arena, "%s-%d", "n", 5), "n-5");
        CHECK(small[9] == 'x' && large[99999] == 'y');
        arena_reset(arena);
    }
}

TEST(hash_keeps_what_was_set)
{
    struct hash *hash = hash_new();
    int values[1000];

    for (int i = 0; i < 1000; i++) {
        AUTO_STR struct str key = STR_EMPTY;

        str_format(&key, "key%d", i);
        CHECK(hash_set(hash, str_slice(&key), &values[i]) == NULL);
    }
    CHECK_NUMBER(hash_count(hash), 1000);
    CHECK(hash_get(hash, slice_of("key77")) == &values[77]);
    CHECK(hash_get(hash, slice_of("key1000")) == NULL);
    CHECK(hash_remove(hash, slice_of("key77")) == &values[77]);
    CHECK(hash_get(hash, slice_of("key77")) == NULL);

    size_t position = 0, seen = 0;

    while (hash_next(hash, &position))
        seen++;
    CHECK_NUMBER(seen, 999);
    hash_free(hash, NULL);
}

TEST(xtext_and_base64_come_back_as_they_were)
{
    static const char *const texts[] = { "", "a", "ab", "abc", "a+b=c \t\xc3\xa4", "~~~~" };

    for (size_t i = 0; i < COUNT(texts); i++) {
        AUTO_STR struct str there = STR_EMPTY, back = STR_EMPTY;

        xtext_encode(&there, slice_of(texts[i]));
        CHECK(xtext_decode(&back, str_slice(&there)));
        CHECK_TEXT(back.data, texts[i]);
        str_clear(&there);
        str_clear(&back);
        base64_encode(&there, slice_of(texts[i]));
        CHECK(base64_decode(&back, str_slice(&there)));
        CHECK_TEXT(back.data, texts[i]);
    }

    AUTO_STR struct str output = STR_EMPTY;

    CHECK(!xtext_decode(&output, slice_of("a+4")));
    CHECK(!xtext_decode(&output, slice_of("a+G0")));
    CHECK(!base64_decode(&output, slice_of("abc")));
    CHECK(!base64_decode(&output, slice_of("ab=c")));
    CHECK(!base64_decode(&output, slice_of("ab*c")));
}

TEST(printable_text_keeps_utf_8_and_masks_the_rest)
{
    AUTO_STR struct str shown = STR_EMPTY;

    printable_text(&shown, slice_of("gr\xc3\xbc\xc3\x9f\r\n\x7f \xff\xf0\x9f\x93\xa8 end\xc3"));
    CHECK_TEXT(shown.data, "gr\xc3\xbc\xc3\x9f??? ?\xf0\x9f\x93\xa8 end?");
}

TEST(bytes_of_a_set_are_found_wherever_they_stand)
{
    CHECK_NUMBER(slice_find_any(slice_of("some words, here"), ",;"), 10);
    CHECK_NUMBER(slice_find_any(slice_of("some words"), ","), 10);
    CHECK_NUMBER(slice_find_any(slice_of("some words"), ""), 10);
    CHECK_NUMBER(slice_find_any(slice_bytes("a\0b;", 4), ",;"), 3);
    CHECK_NUMBER(slice_find_any(slice_of("\xc3\xbc"), "\xbc,"), 1);
}

TEST(text_is_ascii_and_utf_8_at_every_distance_from_the_start)
{
    char text[24];

    for (size_t at = 0; at + 1 < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        CHECK(text_is_ascii(slice_bytes(text, sizeof(text))));
        text[at] = '\xc3';
        CHECK(!text_is_ascii(slice_bytes(text, sizeof(text))));
        CHECK(!text_is_utf8(slice_bytes(text, sizeof(text))));
        text[at + 1] = '\xbc';
        CHECK(text_is_utf8(slice_bytes(text, sizeof(text))));
    }
}

TEST(text_is_utf8_refuses_what_rfc_3629_does)
{
    CHECK(text_is_utf8(slice_of("gr\xc3\xbc\xc3\x9f \xf0\x9f\x93\xa8")));
    CHECK(!text_is_utf8(slice_of("\xc0\xaf")));
    CHECK(!text_is_utf8(slice_of("\xed\xa0\x80")));
    CHECK(!text_is_utf8(slice_of("\xf4\x90\x80\x80")));
    CHECK(!text_is_utf8(slice_of("\xc3")));
}

TEST(vector_items_are_zeroed_when_added)
{
    struct { int *items; size_t count, capacity; } vector = { NULL, 0, 0 };

    for (int i = 0; i < 100; i++) {
        CHECK(*VECTOR_ADD(&vector) == 0);
        vector.items[vector.count - 1] = i;
    }
    CHECK_NUMBER(vector.items[99], 99);
    VECTOR_FREE(&vector);
}
