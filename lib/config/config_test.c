#include "config/config.h"

#include "base/memory.h"
#include "base/scope.h"
#include "base/test.h"
#include "config/main_cf.h"
#include "config/names.h"
#include "config/parameter.h"
#include "config/twin.h"
#include "config/value.h"

#include <fcntl.h>

/* A directory with a main.cf of that text; the caller frees the name after forget_directory. */
static char *new_directory(const char *text)
{
    char *name = memory_copy("/tmp/config_test.XXXXXX");
    AUTO_STR struct str path = STR_EMPTY;

    CHECK(mkdtemp(name) != NULL);
    str_format(&path, "%s/main.cf", name);

    AUTO_CLOSE int file = open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(file >= 0);
    CHECK(write(file, text, strlen(text)) == (ssize_t)strlen(text));
    return name;
}

static void forget_directory(const char *name)
{
    AUTO_STR struct str path = STR_EMPTY;

    str_format(&path, "%s/main.cf", name);
    unlink(path.data);
    rmdir(name);
}

/* The expanded value of "value" when main.cf says so; "!" and the error when it fails. */
static void expand_line(const char *text, struct str *value)
{
    AUTO_STR struct str file = STR_EMPTY;
    struct main_cf *main_cf;
    struct error error;

    str_format(&file, "word = text\nempty =\nloop = $loop\nvalue = %s\n", text);
    CHECK(main_cf_parse(str_slice(&file), "main.cf", NULL, NULL, &main_cf, &error));

    struct names *names = names_new(main_cf, "test", "test");

    str_clear(value);
    if (!names_value(names, slice_of("value"), value, &error)) {
        str_clear(value);
        str_format(value, "!%s", error.text);
    }
    names_free(names);
    main_cf_free(main_cf);
}

TEST(expressions_expand_as_postfix_expands_them)
{
    static const struct { const char *text, *value; } cases[] = {
        { "$word", "text" }, { "${word}", "text" }, { "$(word)", "text" },
        { "${ word }", "text" }, { "a$word-b", "atext-b" }, { "$$word", "$word" },
        { "[$empty]", "[]" }, { "[$nosuch]", "[]" }, { "$word.foo", "text.foo" },
        { "${word?yes}", "yes" }, { "${empty?yes}", "" }, { "${empty:no}", "no" },
        { "${word:no}", "" }, { "${word?{a}:{b}}", "a" }, { "${empty?{a}:{b}}", "b" },
        { "${word ? {a} : {b}}", "a" }, { "${word?{a}:b}", "a" }, { "${word?a:b}", "a:b" },
        { "${word?$word}", "text" }, { "${word?{a {b} c}}", "a {b} c" },
        { "${{1}=={1}}", "true" }, { "${{1}=={2}}", "" }, { "${{1}=={2}?{y}:{n}}", "n" },
        { "${{$word} == {text} ? {y} : {n}}", "y" }, { "${{9}<{10}?{y}:{n}}", "y" },
        { "${{a9}<{a10}?{y}:{n}}", "n" }, { "${{-1}<{-2}?{y}:{n}}", "n" },
        { "${{3.9}<level{3.10}?{y}:{n}}", "y" }, { "${{3.9}!=level{3.9}?{y}:{n}}", "n" },
        { "${{ 1 }=={1}?{ y }:{n}}", "n" }, { "${{01}=={1}?{y}:{n}}", "y" },
        { "${{1}=={1}:{y}}", "" }, { "${{1}!={1}:{y}}", "y" }, { "${{}=={}?{e}:{n}}", "e" },
        { "${foo", "!truncated macro reference: \"${foo\"" },
        { "$(foo", "!truncated macro reference: \"$(foo\"" },
        { "a $ b", "!empty macro name: \"a $ b\"" },
        { "${}", "!empty macro name: \"${}\"" },
        { "${foo bar}", "!attribute name syntax error at: \"...foo>>> bar\"" },
        { "${word.foo}", "!attribute name syntax error at: \"...word>>>.foo\"" },
        { "${word?{a}x}", "!\":\" expected at: \"...a}>>>x\"" },
        { "${word?{a}:{b} x}", "!unexpected input at: \"...b}>>>x\"" },
        { "${{1}==2?{y}}", "!bad operator suffix at: \"...==>>>2\"" },
        { "${{x}<level{3.9}?{y}:{n}}", "!malformed compatibility level syntax: \"x\"" },
        { "$loop", "!unreasonable macro call nesting: \"loop\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str value = STR_EMPTY;

        expand_line(cases[i].text, &value);
        CHECK_SLICE(str_slice(&value), cases[i].value);
    }
}

TEST(parameters_stand_in_the_order_of_their_names)
{
    for (size_t i = 0; i < parameter_count(); i++) {
        const char *name = parameter_name(parameter_at(i));

        CHECK(parameter_find(slice_of(name)) == parameter_at(i));
        if (i > 0)
            CHECK(strcmp(parameter_name(parameter_at(i - 1)), name) < 0);
    }
    CHECK(parameter_find(slice_of("2bounce_notice_recipient")) == parameter_at(0));
}

TEST(time_spans_have_units_and_add_up)
{
    static const struct { const char *text; bool good; int seconds; } cases[] = {
        { "30", true, 30 }, { "5m", true, 300 }, { "1h", true, 3600 }, { "2d", true, 172800 },
        { "1w", true, 604800 }, { "1w2d", true, 777600 }, { "0", true, 0 }, { "5M", true, 300 },
        { "", false, 0 }, { "x", false, 0 }, { "5x", false, 0 }, { "-5", false, 0 },
        { "99999999999", false, 0 }, { "5 m", false, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int seconds = 0;

        CHECK(config_parse_seconds(slice_of(cases[i].text), 's', &seconds) == cases[i].good);
        CHECK_NUMBER(seconds, cases[i].seconds);
    }
}

TEST(lmtp_twins_have_the_rows_of_smtp)
{
    static const struct { const char *name, *row, *fallback; } cases[] = {
        { "lmtp_tcp_port", "smtp_tcp_port", "24" },
        { "lmtp_lhlo_name", "smtp_helo_name", "$myhostname" },
        { "lmtp_connect_timeout", "smtp_connect_timeout", "0s" },
        { "lmtp_tls_eckey_file", "smtp_tls_eckey_file", "$lmtp_tls_eccert_file" },
        { "lmtp_helo_name", NULL, NULL },
        { "lmtp_assume_final", NULL, NULL },
        { "lmtp_nosuch", NULL, NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct parameter *row = twin_find(slice_of(cases[i].name));
        AUTO_STR struct str text = STR_EMPTY;

        if (!cases[i].row) {
            CHECK(row == NULL);
            continue;
        }
        CHECK_TEXT(row->member, cases[i].row);
        twin_default(row, &text);
        CHECK_TEXT(text.data, cases[i].fallback);
    }
}

TEST(config_load_gives_lookup_expansion_and_families)
{
    AUTO_FREE char *directory = new_directory(
        "myhostname = mail.example.org\nfoo = <$myhostname>\n"
        "relay_destination_concurrency_limit = 7\nqueue_directory = /elsewhere\n");
    struct config_override overrides[] = { { "queue_directory", "/nowhere" } };
    struct config_request request = {
        .directory = directory, .program = "test", .overrides = overrides, .override_count = 1,
    };
    AUTO_STR struct str value = STR_EMPTY;
    const struct config *config;
    struct error error;

    CHECK(config_load(&request, &config, &error));
    CHECK(config_lookup(config, "foo", &value, &error));
    CHECK_TEXT(value.data, "<mail.example.org>");
    CHECK(config_lookup(config, "mydomain", &value, &error));
    CHECK_TEXT(value.data, "example.org");
    CHECK(config_lookup(config, "queue_directory", &value, &error));
    CHECK_TEXT(value.data, "/nowhere");
    CHECK(!config_lookup(config, "nosuch_name", &value, &error));
    CHECK_NUMBER(config_family_number(config, "relay", "_destination_concurrency_limit", 20), 7);
    CHECK_NUMBER(config_family_number(config, "other", "_destination_concurrency_limit", 20), 20);
    CHECK_NUMBER(config_family_number(config, "local", "_destination_concurrency_limit", 20), 2);
    CHECK_NUMBER(config_family_seconds(config, "x", "_time_limit", 1000), 1000);
    config_free(config);
    forget_directory(directory);
}

TEST(list_members_are_separated_by_commas_and_blanks_but_not_in_braces)
{
    struct slice rest = slice_of(" a, {b, c}, inline:{x=y, z=w} ,,d "), member;

    CHECK(config_list_next(&rest, true, &member));
    CHECK_SLICE(member, "a");
    CHECK(config_list_next(&rest, true, &member));
    CHECK_SLICE(member, "b, c");
    CHECK(config_list_next(&rest, true, &member));
    CHECK_SLICE(member, "inline:{x=y, z=w}");
    CHECK(config_list_next(&rest, true, &member));
    CHECK_SLICE(member, "d");
    CHECK(!config_list_next(&rest, true, &member));
}
