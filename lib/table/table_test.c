#include "base/test.h"

#include "base/scope.h"
#include "log/log.h"
#include "table/match.h"
#include "table/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct table_context test_context = {
    .queue_directory = "", .default_type = "hash", .proxymap_service = "proxymap",
};

/* A file with the text, gone at the end of the test (remove_file). */
static void make_file(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/table_test.XXXXXX");

    int file = mkstemp(path);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

/* The answer of the table: the value, "-" when it is absent, "!" for trouble. */
static const char *answer(const char *name, const char *key, unsigned flags, struct str *value)
{
    struct error error = ERROR_NONE;
    struct table *table = table_open(&test_context, slice_of(name), flags, &error);

    if (!table) {
        str_set(value, slice_of(error.text));
        return value->data;
    }

    enum table_result result = table_get(table, slice_of(key), value, &error);

    table_close(table);
    return result == TABLE_FOUND ? value->data : result == TABLE_ABSENT ? "-" : "!";
}

TEST(tables_answer_as_postmap_does)
{
    static const struct { const char *table, *key, *value; } cases[] = {
        { "static:foo", "a", "foo" },
        { "static:{ foo bar }", "a", "foo bar" },
        { "inline:{a=b}", "a", "b" },
        { "inline:{ {a = b c}, d=e }", "a", "b c" },
        { "inline:{ {A = b}, x=c }", "a", "b" },
        { "inline:{a=b}", "c", "-" },
        { "fail:x", "a", "!" },
        { "unionmap:{static:one,inline:{a=b}}", "a", "one,b" },
        { "unionmap:{inline:{a=b}, static:{x y}}", "a", "b,x y" },
        { "pipemap:{inline:{a=b},inline:{b=c}}", "a", "c" },
        { "pipemap:{inline:{a=b},inline:{b=c}}", "b", "-" },
        { "randmap:{x}", "a", "x" },
        { "regexp:{{/a/ b},{/c/ d}}", "xcx", "d" },
        { "regexp:{{/^(.)(x)?(.)$/ [$1|${2}|$(3)|$$]}}", "ab", "[a||b|$]" },
        { "pcre:{{/^(.)(x)?(.)$/ [$1|${2}|$(3)|$$]}}", "ab", "[a||b|$]" },
        { "pcre:{{/^a(?=b)/ look}}", "AB", "look" },
        { "regexp:{{/a/i lower}}", "A", "-" },
        { "regexp:{{!/a/ none}}", "b", "none" },
        { "regexp:{{if /a/},{/b/ ab},{endif},{/b/ b}}", "xb", "b" },
        { "regexp:{{if /a/},{/b/ ab},{endif},{/b/ b}}", "ab", "ab" },
        { "cidr:{{10.0.0.0/8 ten},{[2001:db8::]/32 six}}", "10.1.2.3", "ten" },
        { "cidr:{{10.0.0.0/8 ten},{[2001:db8::]/32 six}}", "2001:DB8::1", "six" },
        { "cidr:{{10.0.0.0/8 ten},{[2001:db8::]/32 six}}", "11.1.2.3", "-" },
        { "cidr:{{!10.0.0.0/8 other}}", "11.1.2.3", "other" },
        { "cidr:{{if 10.0.0.0/8},{10.1.0.0/16 in},{endif},{0.0.0.0/0 all}}", "10.1.0.1", "in" },
        { "cidr:{{if 10.0.0.0/8},{10.1.0.0/16 in},{endif},{0.0.0.0/0 all}}", "9.1.0.1", "all" },
        { "unix:passwd.byname", "nosuchuser", "-" },
        { "static:", "a",
          "open dictionary: expecting \"type:name\" form instead of \"static:\"" },
        { "foo:bar", "a", "unsupported dictionary type: foo" },
        { "inline:{}", "a", "bad syntax: \"inline:{}\"; need \"inline:{name=value...}\"" },
        { "inline:{a}", "a", "missing '=' after attribute name: \"inline:{a}\"; "
          "need \"inline:{name=value...}\"" },
        { "static:{foo", "a", "bad static:name syntax: missing '}' in \"{foo\"" },
        { "unionmap:x", "a", "bad syntax: \"unionmap:x\"; need \"unionmap:{type:name...}\"" },
        { "regexp:/nonexist", "a", "open /nonexist: No such file or directory" },
        { "texthash:/nonexist", "a", "open database /nonexist: No such file or directory" },
        { "/nonexist", "a", "open database /nonexist.db: No such file or directory" },
        { "unix:foo", "a", "unknown table: unix:foo" },
        { "regexp:{/a/ b}", "a", "regexp map: no '{' at start of text in \"/a/\"" },
        { "regexp:{{/a/ b}x}", "a", "regexp map: syntax error after '}' in \"{/a/ b}x\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str value = STR_EMPTY;

        CHECK_TEXT(answer(cases[i].table, cases[i].key, TABLE_FOLD, &value), cases[i].value);
    }
}

TEST(texthash_reads_the_source_of_a_hash_table)
{
    char path[64], name[80];
    AUTO_STR struct str value = STR_EMPTY;

    make_file(path, "# comment\n\nKey one\n two\n\"q r\" v\n\"a\\\"b\" z\n"
              "long    value   with  blanks  \n");
    snprintf(name, sizeof(name), "texthash:%s", path);
    CHECK_TEXT(answer(name, "KEY", TABLE_FOLD, &value), "one two");
    CHECK_TEXT(answer(name, "Key", 0, &value), "one two");
    CHECK_TEXT(answer(name, "key", 0, &value), "-");
    CHECK_TEXT(answer(name, "q r", TABLE_FOLD, &value), "-");
    CHECK_TEXT(answer(name, "\"q r\"", TABLE_FOLD, &value), "v");
    CHECK_TEXT(answer(name, "\"a\\\"b\"", TABLE_FOLD, &value), "z");
    CHECK_TEXT(answer(name, "long", TABLE_FOLD, &value), "value   with  blanks");
    unlink(path);
}

TEST(a_list_asks_its_tables_in_order_and_outlives_a_broken_one)
{
    struct error error = ERROR_NONE;
    AUTO_STR struct str value = STR_EMPTY;
    const char *source = NULL;
    struct table_list *list = table_list_open(&test_context, "test_maps",
        "inline:{a=1}, inline:{a=2, b=3} hash:/nonexist", TABLE_FOLD, &error);

    CHECK_NUMBER(table_list_count(list), 3);
    CHECK_NUMBER(table_list_get(list, slice_of("a"), &value, &source, &error), TABLE_FOUND);
    CHECK_TEXT(value.data, "1");
    CHECK_TEXT(source, "inline:{a=1}");
    CHECK_NUMBER(table_list_get(list, slice_of("b"), &value, NULL, &error), TABLE_FOUND);
    CHECK_TEXT(value.data, "3");
    CHECK_NUMBER(table_list_get(list, slice_of("c"), &value, NULL, &error), TABLE_TROUBLE);
    table_list_close(list);
}

TEST(match_lists_know_networks_domains_tables_and_negation)
{
    static const struct {
        const char *list;
        enum match_kind kind;
        unsigned flags;
        const char *name, *address;
        enum match_result result;
    } cases[] = {
        { "127.0.0.0/8 [::1]/128", MATCH_HOST, 0, "unknown", "127.0.0.1", MATCH_YES },
        { "127.0.0.0/8 [::1]/128", MATCH_HOST, 0, "unknown", "::1", MATCH_YES },
        { "127.0.0.0/8 [::1]/128", MATCH_HOST, 0, "unknown", "::2", MATCH_NO },
        { "!127.0.0.1, 127.0.0.0/8", MATCH_HOST, 0, "", "127.0.0.1", MATCH_NO },
        { "!127.0.0.1, 127.0.0.0/8", MATCH_HOST, 0, "", "127.0.0.2", MATCH_YES },
        { "10.0.0.1/8", MATCH_HOST, 0, "", "10.0.0.2", MATCH_TROUBLE },
        { "cidr:{{10.0.0.0/8 no}}", MATCH_HOST, 0, "", "10.0.0.2", MATCH_YES },
        { "example.com", MATCH_HOST, MATCH_PARENT, "a.Example.com", "1.2.3.4", MATCH_YES },
        { "example.com", MATCH_HOST, 0, "a.example.com", "1.2.3.4", MATCH_NO },
        { ".example.com", MATCH_HOST, 0, "a.example.com", "1.2.3.4", MATCH_YES },
        { "unknown", MATCH_HOST, 0, "unknown", "1.2.3.4", MATCH_NO },
        { "inline:{1.2.3.4=x}", MATCH_HOST, 0, "a.b", "1.2.3.4", MATCH_YES },
        { "example.com", MATCH_DOMAIN, MATCH_PARENT, "a.b.EXAMPLE.com", NULL, MATCH_YES },
        { "example.com", MATCH_DOMAIN, MATCH_PARENT, "xexample.com", NULL, MATCH_NO },
        { "example.com", MATCH_DOMAIN, 0, "example.com", NULL, MATCH_YES },
        { ".example.com", MATCH_DOMAIN, 0, "example.com", NULL, MATCH_NO },
        { "inline:{.example.com=x}", MATCH_DOMAIN, 0, "a.b.example.com", NULL, MATCH_YES },
        { "inline:{example.com=x}", MATCH_DOMAIN, 0, "a.b.example.com", NULL, MATCH_NO },
        { "inline:{example.com=x}", MATCH_DOMAIN, MATCH_PARENT, "a.example.com", NULL, MATCH_YES },
        { "!a.example.com example.com", MATCH_DOMAIN, MATCH_PARENT, "a.example.com", NULL,
          MATCH_NO },
        { "Foo, bar", MATCH_STRING, 0, "FOO", NULL, MATCH_YES },
        { "Foo, bar", MATCH_STRING, 0, "a.bar", NULL, MATCH_NO },
        { "static:x", MATCH_STRING, 0, "any", NULL, MATCH_YES },
        { "fail:x", MATCH_STRING, 0, "any", NULL, MATCH_TROUBLE },
        { "", MATCH_DOMAIN, 0, "any", NULL, MATCH_NO },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = ERROR_NONE;
        struct match_list *list = match_list_open(&test_context, "test", cases[i].list,
                                                  cases[i].kind, cases[i].flags, &error);

        CHECK(list != NULL);
        CHECK_NUMBER(cases[i].address
            ? match_list_client(list, slice_of(cases[i].name), slice_of(cases[i].address), &error)
            : match_list_get(list, slice_of(cases[i].name), &error), cases[i].result);
        match_list_close(list);
    }
}

TEST(a_match_list_includes_files)
{
    char path[64];
    struct error error = ERROR_NONE;

    make_file(path, "# ours\n10.0.0.0/8,\n !192.168.1.1 192.168.0.0/16\n");

    struct match_list *list = match_list_open(&test_context, "mynetworks", path, MATCH_HOST, 0,
                                              &error);

    CHECK(list != NULL);
    CHECK_NUMBER(match_list_client(list, slice_of(""), slice_of("10.9.9.9"), &error), MATCH_YES);
    CHECK_NUMBER(match_list_client(list, slice_of(""), slice_of("192.168.1.1"), &error), MATCH_NO);
    CHECK_NUMBER(match_list_client(list, slice_of(""), slice_of("192.168.1.2"), &error), MATCH_YES);
    match_list_close(list);
    unlink(path);
}
