#include "base/test.h"

#include "address/address.h"
#include "base/scope.h"

/* Recorded from Debian's smtpd: without and with strict_rfc821_envelopes; NULL is a 501. */
static const struct { const char *text, *loose, *strict, *rest; } recorded[] = {
    { "<u@x>", "u@x", "u@x", "" },
    { "u@x", "u@x", NULL, "" },
    { "u@x(", "u@x", NULL, "" },
    { "<u@x (a>", "u@x", NULL, "" },
    { "u@x(<", NULL, NULL, "" },
    { "<<u@x> (a)> N", "u@x", NULL, " N" },
    { "<@a:>", NULL, NULL, "" },
    { "<u\\\\>", "u\\", "u\\", "" },
    { "<\"u\tv\"@x>", "u v@x", "u v@x", "" },
    { " <u@x>", "u@x", "u@x", "" },
    { "<u@x> NOTIFY=NEVER", "u@x", "u@x", " NOTIFY=NEVER" },
    { "u@x NOTIFY=NEVER", "u@x", NULL, " NOTIFY=NEVER" },
    { "Full Name <u@x>", "Full", NULL, " Name <u@x>" },
    { "\"Full Name\" <u@x>", "Full Name", NULL, " <u@x>" },
    { "(c) <u@x>", NULL, NULL, " <u@x>" },
    { "<u@x", NULL, NULL, "" },
    { "u@x>", "u@x", NULL, "" },
    { "<>", NULL, NULL, "" },
    { "<u>", "u", "u", "" },
    { "<u@>", "u@", "u@", "" },
    { "<@x>", "@x", NULL, "" },
    { "<@a,@b:u@x>", "u@x", "u@x", "" },
    { "@a:u@x", "u@x", NULL, "" },
    { "<\"a b\"@x>", "a b@x", "a b@x", "" },
    { "\"a b\"@x", "a b@x", NULL, "" },
    { "<a b@x>", NULL, NULL, "" },
    { "<a@b@x>", "a@b@x", "a@b@x", "" },
    { "<a@x,b@x>", NULL, NULL, "" },
    { "<a@x>,<b@x>", NULL, NULL, "" },
    { "<a@x><b@x>", NULL, NULL, "" },
    { "a@x,b@x", NULL, NULL, "" },
    { "<<u@x>>", "u@x", "u@x", "" },
    { "<u@x>>", "u@x", "u@x", "" },
    { "<\"a@x>", NULL, NULL, "" },
    { "<a\\@b@x>", "a@b@x", "a@b@x", "" },
    { "<u@[1.2.3.4>", "u@[1.2.3.4]", "u@[1.2.3.4]", "" },
    { "<u@x.>", "u@x.", "u@x.", "" },
    { "<.u@x>", ".u@x", ".u@x", "" },
    { "<u..v@x>", "u..v@x", "u..v@x", "" },
    { "<u@x y>", NULL, NULL, "" },
    { "<\xc3\xa9@x>", "\xc3\xa9@x", "\xc3\xa9@x", "" },
    { "<u@\xc3\xa9>", NULL, NULL, "" },
    { "group:u@x;", "u@x", NULL, "" },
    { "<u(c)@x>", "u@x", NULL, "" },
    { "<u@x(c)>", "u@x", NULL, "" },
    { "<x!u>", "x!u", "x!u", "" },
    { "<\"\"@x>", "@x", NULL, "" },
    { "<\"\">", NULL, NULL, "" },
    { "<a;b@x>", NULL, NULL, "" },
    { "<a:b@x>", "a:b@x", "a:b@x", "" },
    { "<a,b@x>", NULL, NULL, "" },
    { "<\"a\"b@x>", NULL, NULL, "" },
    { "<a\"b\"@x>", NULL, NULL, "" },
    { "<u @x>", "u@x", "u@x", "" },
    { "<u@ x>", "u@x", "u@x", "" },
    { "< u@x >", "u@x", "u@x", "" },
    { "<u@x>NOTIFY=NEVER", NULL, NULL, "" },
    { "<-u@x>", "-u@x", "-u@x", "" },
    { "<u@x..>", "u@x..", "u@x..", "" },
    { "<u@x,>", "u@x", NULL, "" },
    { "<u@x;>", "u@x", NULL, "" },
    { "<<;>>", ";", ";", "" },
    { "<<,>>", ",", ",", "" },
    { "<<<,>>>", ",>", ",>", "" },
    { "<>u@x>", "u@x", NULL, "" },
    { "<[>x", "<[>x]", "<[>x]", "" },
    { "<@a(:u@x>", "u@x", "u@x", "" },
    { "<@a\\:u@x>", "u@x", "u@x", "" },
};

TEST(paths_are_taken_as_clients_send_them)
{

    for (size_t i = 0; i < COUNT(recorded); i++) {
        AUTO_STR struct str internal = STR_EMPTY;
        struct slice rest = slice_of(recorded[i].text);
        const char *loose = recorded[i].loose ? recorded[i].loose : "501";
        bool good = address_parse_path(&rest, PATH_NO_ASCII_CHECK, &internal) == PATH_GOOD;

        if (strcmp(good ? internal.data : "501", loose) != 0)
            print_error("path %s\n", recorded[i].text);
        CHECK_TEXT(good ? internal.data : "501", loose);
        CHECK_SLICE(rest, recorded[i].rest);
        rest = slice_of(recorded[i].text);
        good = address_parse_path(&rest, PATH_NO_ASCII_CHECK | PATH_STRICT, &internal) == PATH_GOOD;
        CHECK_TEXT(good ? internal.data : "501", recorded[i].strict ? recorded[i].strict : "501");
    }
}

TEST(the_whole_argument_of_vrfy_is_a_path)
{
    static const struct { const char *text, *internal; } cases[] = {
        { "x y <u@x>", "u@x" }, { "<u@x(c)", "<u@x" }, { "u @ x", "u@x" }, { "<u@x", "<u@x" },
        { "<@@a:> <u@x>", "<u@x" }, { "u@x, v@x", NULL }, { "", NULL }, { "a b", NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str internal = STR_EMPTY;
        struct slice rest = slice_of(cases[i].text);
        bool good = address_parse_path(&rest, PATH_WHOLE, &internal) == PATH_GOOD;

        CHECK_TEXT(good ? internal.data : "501", cases[i].internal ? cases[i].internal : "501");
        CHECK_NUMBER(rest.length, 0);
    }
}

TEST(words_and_comments_around_a_path_are_dropped)
{
    static const char *const paths[] = {
        "(c)<a@b.test>", "<a@b.test>(c)", "x<a@b.test>", "\"x y\"<a@b.test>",
        "(<c@d.test>)<a@b.test>",
    };

    for (size_t i = 0; i < COUNT(paths); i++) {
        AUTO_STR struct str internal = STR_EMPTY;
        struct slice rest = slice_of(paths[i]);

        CHECK_NUMBER(address_parse_path(&rest, 0, &internal), PATH_GOOD);
        CHECK_TEXT(internal.data, "a@b.test");
        rest = slice_of(paths[i]);
        CHECK_NUMBER(address_parse_path(&rest, PATH_STRICT, &internal), PATH_BAD);
    }
}

TEST(the_null_path_is_taken_where_it_is_allowed)
{
    static const char *const nulls[] = { "<>", "<\"\">", "< >", " <>" };

    for (size_t i = 0; i < COUNT(nulls); i++) {
        AUTO_STR struct str internal = STR_EMPTY;
        struct slice rest = slice_of(nulls[i]);

        CHECK_NUMBER(address_parse_path(&rest, PATH_EMPTY, &internal), PATH_GOOD);
        CHECK_TEXT(internal.data, "");
        rest = slice_of(nulls[i]);
        CHECK_NUMBER(address_parse_path(&rest, 0, &internal), PATH_BAD);
    }
}
