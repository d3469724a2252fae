#include "base/test.h"

#include "address/address.h"
#include "address/header.h"
#include "address/lookup.h"
#include "address/resolve.h"
#include "address/rewrite.h"
#include "base/scope.h"
#include "config/config.h"

#include <string.h>

static const struct table_context test_context = { .queue_directory = "", .default_type = "hash" };

/* All text parameters empty, and what trivial-rewrite has by default on mx.example.test. */
static struct config test_config(void)
{
    struct config config;

    memset(&config, 0, sizeof(config));
#define CLEAR_TEXT(name) config.name = ""
#define CLEAR_RAW(name) config.name = ""
#define CLEAR_BOOL(name) config.name = false
#define CLEAR_NUMBER(name) config.name = 0
#define CLEAR_SIZE(name) config.name = 0
#define CLEAR_SECONDS(name) config.name = 0
#define PARAMETER(name, type, ...) CLEAR_##type(name);
#include "config/parameters.def"
#undef PARAMETER
    config.myhostname = "mx.example.test";
    config.relocated_prefix_enable = true;
    config.mydomain = "example.test";
    config.myorigin = "origin.test";
    config.mydestination = "mx.example.test, localhost, local.test";
    config.inet_interfaces = "127.0.0.1";
    config.proxy_interfaces = "192.0.2.7";
    config.inet_protocols = "all";
    config.recipient_delimiter = "+";
    config.empty_address_recipient = "MAILER-DAEMON";
    config.append_at_myorigin = true;
    config.swap_bangpath = true;
    config.allow_percent_hack = true;
    config.virtual_alias_domains = "valias.test";
    config.virtual_mailbox_domains = "vmbox.test";
    config.relay_domains = "relay.test";
    config.parent_domain_matches_subdomains = "relay_domains";
    config.local_transport = "local:mx.example.test";
    config.virtual_transport = "virtual";
    config.relay_transport = "relay";
    config.default_transport = "smtp";
    config.resolve_dequoted_address = true;
    config.show_user_unknown_table_name = true;
    config.propagate_unmatched_extensions = "canonical, virtual";
    config.empty_address_relayhost_maps_lookup_key = "<>";
    config.empty_address_default_transport_maps_lookup_key = "<>";
    return config;
}

/* Recorded from Debian's trivial-rewrite: local context, remote context where it differs. */
TEST(external_addresses_are_rewritten_as_postfix_does)
{
    static const struct { const char *address, *local, *remote; } cases[] = {
        { "", "", NULL },
        { "user", "user@origin.test", "user" },
        { "user@", "user@", NULL },
        { "@", "\"\"", NULL },
        { "@dom", "\"\"@dom", NULL },
        { "user@host.", "user@host", NULL },
        { "user@host..", "user@host..", NULL },
        { "a!b", "b@a", NULL },
        { "a!b!c", "b!c@a", NULL },
        { "host!user@dom", "host!user@dom", NULL },
        { "a%b", "a@b", NULL },
        { "a%b%c", "a%b@c", NULL },
        { "a%b@c", "a%b@c", NULL },
        { "@a:user@b", "user@b", NULL },
        { "@a,@b:user@c", "user@c", NULL },
        { "\"a b\"@x", "\"a b\"@x", NULL },
        { "a b@x", "\"a b\"@x", NULL },
        { "\"a\"@x", "a@x", NULL },
        { "\"a@b\"@x", "\"a@b\"@x", NULL },
        { "\"a@b\"", "\"a@b\"@origin.test", "\"a@b\"" },
        { "\"a%b\"@x", "a%b@x", NULL },
        { "\"a!b\"", "a!b@origin.test", "a!b" },
        { "user@[1.2.3.4", "user@[1.2.3.4]", NULL },
        { "user@ host", "user@host", NULL },
        { "us er", "\"us er\"@origin.test", "\"us er\"" },
        { "(comment)user@x", "\"(comment) user\"@x", NULL },
        { "user(comment)@x", "\"user (comment)\"@x", NULL },
        { "u@x,v@y", "\"u@x, v\"@y", NULL },
        { "a@b@c", "\"a@b\"@c", NULL },
        { "user@\"x\"", "user@x", NULL },
        { ".user@x", "\".user\"@x", NULL },
        { "us..er@x", "\"us..er\"@x", NULL },
        { "a\\b@x", "ab@x", NULL },
        { "a\"b\"c@x", "\"a b c\"@x", NULL },
        { "@a:user", "user@origin.test", "user" },
        { "!user", "user@", NULL },
        { "user!", "\"\"@user", NULL },
        { "%user", "\"\"@user", NULL },
        { "user%", "user@", NULL },
        { "a!b%c", "b%c@a", NULL },
        { "\"", "\"\"", NULL },
        { "\"a", "a@origin.test", "a" },
        { "a\"", "\"a \"@origin.test", "\"a \"" },
        { "a!!b", "!b@a", NULL },
        { "\"a!b\"@c", "a!b@c", NULL },
        { "a;b@c", "\"a;b\"@c", NULL },
        { "a!\"b c\"", "\"b c\"@a", NULL },
        { "u%[1.2.3.4]", "u@[1.2.3.4]", NULL },
        { " u@x ", "u@x", NULL },
        { "\"a\" \"b\"@c", "\"a b\"@c", NULL },
    };
    struct config config = test_config();
    struct rewrite_settings settings = rewrite_settings_of(&config);

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str local = STR_EMPTY;
        AUTO_STR struct str remote = STR_EMPTY;

        rewrite_external(&settings, REWRITE_LOCAL, slice_of(cases[i].address), &local);
        CHECK_TEXT(local.data, cases[i].local);
        rewrite_external(&settings, REWRITE_REMOTE, slice_of(cases[i].address), &remote);
        CHECK_TEXT(remote.data, cases[i].remote ? cases[i].remote : cases[i].local);
    }
}

TEST(internal_addresses_are_rewritten_without_quotes)
{
    static const struct { const char *address, *wanted; } cases[] = {
        { "", "" }, { "user", "user@origin.test" }, { "a b", "a b@origin.test" },
        { "a b@x", "a b@x" }, { "a@b@c", "a@b@c" }, { "a!b", "b@a" },
        { "a b!c", "a b!c@origin.test" },
        { "@a:user@b", "user@b" }, { "us\"er@x.", "us\"er@x" },
    };
    struct config config = test_config();
    struct rewrite_settings settings = rewrite_settings_of(&config);

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str output = STR_EMPTY;

        rewrite_address(&settings, REWRITE_LOCAL, slice_of(cases[i].address), &output);
        CHECK_TEXT(output.data, cases[i].wanted);
    }
}

TEST(domains_without_a_dot_are_completed_when_asked)
{
    static const struct { const char *address, *local, *remote; } cases[] = {
        { "user", "user@origin.test", "user@remote.invalid" },
        { "user@host", "user@host.example.test", "user@host.remote.invalid" },
        { "user@host.", "user@host", "user@host" },
        { "host!user", "user@host.example.test", "user@host.remote.invalid" },
        { "user@", "user@", "user@" },
        { "user@[1.2.3.4]", "user@[1.2.3.4]", "user@[1.2.3.4]" },
        { "u@h..", "u@h..", "u@h.." },
    };
    struct config config = test_config();

    config.append_dot_mydomain = true;
    config.remote_header_rewrite_domain = "remote.invalid";

    struct rewrite_settings settings = rewrite_settings_of(&config);

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str local = STR_EMPTY;
        AUTO_STR struct str remote = STR_EMPTY;

        rewrite_external(&settings, REWRITE_LOCAL, slice_of(cases[i].address), &local);
        CHECK_TEXT(local.data, cases[i].local);
        rewrite_external(&settings, REWRITE_REMOTE, slice_of(cases[i].address), &remote);
        CHECK_TEXT(remote.data, cases[i].remote);
    }
}

static void check_resolve(const struct config *config, const char *sender, const char *address,
                          const char *wanted)
{
    struct error error = ERROR_NONE;
    struct lookup *lookup = lookup_open(config, &test_context, &error);
    struct resolver *resolver = resolver_open(config, &test_context, lookup, RESOLVE_MAIL, &error);
    struct resolution resolution = RESOLUTION_EMPTY;
    AUTO_STR struct str got = STR_EMPTY;

    CHECK(resolver != NULL);
    if (resolver_resolve(resolver, slice_of(sender), slice_of(address), &resolution, &error))
        str_format(&got, "%d%s%s %s|%s|%s", resolution.class,
                   resolution.flags & RESOLVE_ROUTED ? "r" : "",
                   resolution.flags & RESOLVE_BAD ? "b" : "", resolution.transport.data,
                   resolution.nexthop.data, resolution.recipient.data);
    else
        str_text(&got, "trouble");
    CHECK_TEXT(got.data, wanted);
    resolution_free(&resolution);
    resolver_close(resolver);
    lookup_close(lookup);
}

#define BAD "error|5.1.3 bad address syntax|"

/* Recorded from Debian's trivial-rewrite. */
TEST(addresses_resolve_as_postfix_does)
{
    static const struct { const char *address, *wanted; } cases[] = {
        { "", "0 smtp|nullroute|MAILER-DAEMON@mx.example.test" },
        { "user@MX.example.test", "0 local|mx.example.test|user@MX.example.test" },
        { "user@valias.test",
          "1 error|5.1.1 User unknown in virtual alias table|user@valias.test" },
        { "user@vmbox.test", "2 vtrans|vmbox.test|user@vmbox.test" },
        { "user@relay.test", "3 relay|relaynext|user@relay.test" },
        { "user@sub.relay.test", "3 relay|sub.relay.test|user@sub.relay.test" },
        { "user@[127.0.0.1]", "0 local|mx.example.test|user@[127.0.0.1]" },
        { "user@[192.0.2.7]", "0 local|mx.example.test|user@[192.0.2.7]" },
        { "user@[192.0.2.8]", "4 smtp|[192.0.2.8]|user@[192.0.2.8]" },
        { "user@[IPv6:::1]", "4 smtp|[IPv6:::1]|user@[IPv6:::1]" },
        { "user@[foo]", "4b " BAD "user@[foo]" },
        { "user@[::1]", "4b " BAD "user@[::1]" },
        { "user@1.2.3.4", "4b " BAD "user@1.2.3.4" },
        { "user@", "4b " BAD "user@" },
        { "@", "4b " BAD "MAILER-DAEMON@" },
        { "user", "0 local|mx.example.test|user@mx.example.test" },
        { "@dom.test", "4 smtp|dom.test|@dom.test" },
        { "user%dom.test@mx.example.test", "4 smtp|dom.test|user@dom.test" },
        { "user%dom.test@default.test", "4r smtp|default.test|user%dom.test@default.test" },
        { "user%local.test@mx.example.test", "0 uucp|local.test|user@local.test" },
        { "user!x@mx.example.test", "4 smtp|user|x@user" },
        { "a@b@mx.example.test", "4 smtp|b|a@b" },
        { "a@b@default.test", "4r smtp|default.test|a@b@default.test" },
        { "a%b%c@mx.example.test", "4r smtp|c|a%b@c" },
        { "a%mx.example.test@mx.example.test", "0 local|mx.example.test|a@mx.example.test" },
        { "user+ext@t.test", "4 smtp|extnext|user+ext@t.test" },
        { "user+foo@t.test", "4 smtp|usernext|user+foo@t.test" },
        { "x@t.test", "4 slow|t.test|x@t.test" },
        { "x@a.b.t.test", "4 smtp|dotnext|x@a.b.t.test" },
        { "x@plain.test", "4 smtp|[host]:2525|x@plain.test" },
        { "x@null.test", "4 smtp|null.test|x@null.test" },
        { "x@err.test", "4 error|5.7.1 go away|x@err.test" },
        { "x@err2.test", "4 error|Address is undeliverable|x@err2.test" },
        { "x@lst.test", "4 smtp|a, b|x@lst.test" },
        { "X@UP.test", "4 SMTP|Foo.Bar|X@UP.test" },
        { "x@default.test.", "4 smtp|default.test|x@default.test" },
        { "x@.default.test", "4b " BAD "x@.default.test" },
        { "x@a..b", "4b " BAD "x@a..b" },
        { "x@-bad.test", "4b " BAD "x@-bad.test" },
        { "x@bad_.test", "4 smtp|bad_.test|x@bad_.test" },
        { "x@\xc3\xa9.test", "4 smtp|\xc3\xa9.test|x@\xc3\xa9.test" },
        { "-user@default.test", "4b " BAD "-user@default.test" },
        { "@mx.example.test", "0 smtp|nullroute|MAILER-DAEMON@mx.example.test" },
        { "@local.test", "0 uucp|local.test|MAILER-DAEMON@local.test" },
        { "a%b@", "4 smtp|b|a@b" },
        { "%@mx.example.test", "4b " BAD "MAILER-DAEMON@" },
        { "a%@mx.example.test", "4b " BAD "a@" },
        { "%a@mx.example.test", "4 smtp|a|@a" },
        { "!a@mx.example.test", "4b " BAD "a@" },
        { "user@mx.example.test]", "4b " BAD "user@mx.example.test]" },
        { "us\"er@default.test", "4 smtp|default.test|us\"er@default.test" },
        { "user@1.2.3", "4b " BAD "user@1.2.3" },
        { "user@0x.1", "4 smtp|0x.1|user@0x.1" },
        { "x!user", "4 smtp|x|user@x" },
        { "user%vmbox.test", "2 vtrans|vmbox.test|user@vmbox.test" },
        { "user%local.test", "0 uucp|local.test|user@local.test" },
        { "%", "4b " BAD "MAILER-DAEMON@" },
    };
    struct config config = test_config();

    config.transport_maps = "inline:{ {user@t.test = smtp:usernext}, "
        "{user+ext@t.test = smtp:extnext}, t.test=slow:, .t.test=:dotnext, "
        "{plain.test = :[host]:2525}, null.test=:, {err.test = error:5.7.1 go away}, "
        "err2.test=error:, {lst.test = smtp:a, b}, local.test=uucp, "
        "mailer-daemon@mx.example.test=smtp:nullroute, vmbox.test=vtrans:, relay.test=:relaynext, "
        "up.test=SMTP:Foo.Bar }";
    for (size_t i = 0; i < COUNT(cases); i++)
        check_resolve(&config, "", cases[i].address, cases[i].wanted);
}

TEST(senders_choose_transport_and_relay_host)
{
    static const struct { const char *sender, *address, *wanted; } cases[] = {
        { "", "u@d.test", "4 smtp|nullrelay|u@d.test" },
        { "sender@s.test", "u@d.test", "4 smtp|[srelay]|u@d.test" },
        { "other@s.test", "u@d.test", "4 smtp|srelay2|u@d.test" },
        { "x@s2.test", "u@d.test", "4 smtp|:2|u@d.test" },
        { "dunno@s.test", "u@d.test", "4 smtp|[rhost]|u@d.test" },
        { "trans@s.test", "u@d.test", "4 strans|snext|u@d.test" },
        { "trans2@s.test", "u@d.test", "4 strans2|srelay2|u@d.test" },
        { "trans3@s.test", "u@d.test", "4 strans3|srelay2|u@d.test" },
        { "a@s3.test", "u@d.test", "trouble" },
        { "a@s4.test", "u@d.test", "4 smtp|[rhost]|u@d.test" },
        { "sender@s.test", "u@relay.test", "3 relay|[srelay]|u@relay.test" },
        { "x", "u@relay.test", "3 relay|[rhost]|u@relay.test" },
        { "sender@s.test", "u@vmbox.test", "2 virtual|vmbox.test|u@vmbox.test" },
        { "sender+x@s.test", "u@d.test", "4 smtp|[srelay]|u@d.test" },
        { "", "moved@local.test", "0 error|5.1.6 User has moved to new place|moved@local.test" },
        { "", "m+e@default.test", "4 error|5.1.6 User has moved to x y|m+e@default.test" },
        { "", "x@at.test", "4 error|5.1.6 User has moved to atgone|x@at.test" },
        { "", "mm", "0 error|5.1.6 User has moved to elsewhere|mm@mx.example.test" },
    };
    struct config config = test_config();

    config.relocated_maps = "inline:{ {moved@local.test = new place}, {m@default.test=x y}, "
        "{@at.test=atgone}, {mm=elsewhere} }";
    config.sender_dependent_relayhost_maps = "inline:{ {sender@s.test=[srelay]}, {@s2.test=:2}, "
        "{<>=nullrelay}, {dunno@s.test=DUNNO}, {@s.test=srelay2} }";
    config.sender_dependent_default_transport_maps = "inline:{ {trans@s.test=strans:snext}, "
        "{trans2@s.test=strans2:}, {trans3@s.test=strans3}, {@s3.test=:nexthop3}, "
        "{@s4.test=DUNNO}}";
    config.relayhost = "[rhost]";
    for (size_t i = 0; i < COUNT(cases); i++)
        check_resolve(&config, cases[i].sender, cases[i].address, cases[i].wanted);
}

static void append_found(void *argument, struct slice internal)
{
    str_format(argument, "<%.*s>", SLICE_ARGS(internal));
}

TEST(addresses_are_found_in_headers)
{
    static const struct { const char *value, *found; } cases[] = {
        { "a@b", "<a@b>" },
        { "a@b, c@d", "<a@b><c@d>" },
        { "Name <a@b>, \"Q, R\" <c@d> (x)", "<a@b><c@d>" },
        { "undisclosed-recipients:;", "" },
        { "group: a@b, c@d;, e@f", "<a@b><c@d><e@f>" },
        { "a@b (comment, with comma)", "<a@b>" },
        { "a @ b . c", "<a@b.c>" },
        { "a b", "<a><b>" },
        { "<@x,@y:u@z>", "<@x,@y:u@z>" },
        { "<a@b> <c@d>", "<a@b><c@d>" },
        { "name <<a@b>> c", "<a@b>><c>" },
        { "a<b", "<a<b>" },
        { "a, b>", "<a,b>" },
        { "g1: a; g2: b;", "<b>" },
        { "g: a, h: b;", "<a><b>" },
        { "p: <a@b>", "<p><a@b>" },
        { "a \"b\\\"c\" [d", "<a><b\"c><[d]>" },
        { "\"a b\"@c", "<a b@c>" },
        { "\"\"", "<>" },
        { "<>", "" },
        { "", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str found = STR_EMPTY;

        header_find_addresses(slice_of(cases[i].value), append_found, &found);
        CHECK_TEXT(found.data, cases[i].found);
    }
}

static enum table_result ask(const struct config *config, const char *maps, const char *address,
                             struct str *value, struct str *extension)
{
    struct error error = ERROR_NONE;
    struct lookup *lookup = lookup_open(config, &test_context, &error);
    struct table_list *list = table_list_open(&test_context, "maps", maps, TABLE_FOLD, &error);
    enum table_result result = lookup_address(lookup, list, slice_of(address), value, extension,
                                              &error);

    table_list_close(list);
    lookup_close(lookup);
    return result;
}

TEST(an_address_is_looked_up_in_the_order_of_canonical)
{
    static const struct { const char *maps, *address, *value, *extension; } cases[] = {
        { "inline:{u+e@d=1, u@d=2, @d=3}", "u+e@d", "1", "" },
        { "inline:{u@d=2, @d=3}", "u+e@d", "2", "+e" },
        { "inline:{@d=3, u=4}", "u+e@d", "3", "" },
        { "inline:{u=4, @origin.test=3}", "u+e@origin.test", "4", "+e" },
        { "inline:{u+e=4, u=5}", "u+e@local.test", "4", "" },
        { "inline:{u=5}", "U@[127.0.0.1]", "5", "" },
        { "inline:{u=5}", "u@d", NULL, "" },
        { "inline:{ {\"a b\"@d = 6} }", "a b@d", "6", "" },
        { "regexp:{{/^u@d$/ no}}", "u+e@d", NULL, "" },
        { "regexp:{{/^u.*@d$/ yes}}", "u+e@d", "yes", "" },
        { "inline:{owner=7}", "owner-list+x@local.test", NULL, "" },
    };
    struct config config = test_config();

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str value = STR_EMPTY;
        AUTO_STR struct str extension = STR_EMPTY;
        enum table_result result = ask(&config, cases[i].maps, cases[i].address, &value,
                                       &extension);

        CHECK_NUMBER(result, cases[i].value ? TABLE_FOUND : TABLE_ABSENT);
        CHECK_TEXT(value.data, cases[i].value ? cases[i].value : "");
        CHECK_TEXT(extension.data, cases[i].extension);
    }
}

TEST(access_keys_come_in_the_order_of_access)
{
    struct config config = test_config();
    struct error error = ERROR_NONE;
    struct lookup *lookup = lookup_open(&config, &test_context, &error);
    static const struct { char kind; const char *text; bool parent; const char *keys; } cases[] = {
        { 'a', "u+e@a.b.c", true, "u+e@a.b.c! u@a.b.c a.b.c b.c c u+e@ u@ " },
        { 'a', "u@a.b.c", false, "u@a.b.c! a.b.c .b.c .c u@ " },
        { 'd', "a.b.c", true, "a.b.c! b.c c " },
        { 'd', "a.b.c", false, "a.b.c! .b.c .c " },
        { 'n', "1.2.3.4", false, "1.2.3.4! 1.2.3 1.2 1 " },
        { 'n', "2001:db8::1", false, "2001:db8::1! 2001:db8 2001 " },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_ARENA struct arena *arena = arena_new();
        AUTO_STR struct str got = STR_EMPTY;
        struct access_keys keys = { NULL, 0, 0 };

        if (cases[i].kind == 'a')
            access_keys_of_address(lookup, slice_of(cases[i].text), cases[i].parent, arena, &keys);
        else if (cases[i].kind == 'd')
            access_keys_of_domain(slice_of(cases[i].text), cases[i].parent, arena, &keys);
        else
            access_keys_of_network(slice_of(cases[i].text), arena, &keys);
        for (size_t k = 0; k < keys.count; k++)
            str_format(&got, "%.*s%s ", SLICE_ARGS(keys.items[k].text),
                       keys.items[k].whole ? "!" : "");
        free(keys.items);
        CHECK_TEXT(got.data, cases[i].keys);
    }
    lookup_close(lookup);
}

TEST(mapped_addresses_get_back_what_they_lack)
{
    static const struct { const char *maps, *address, *wanted; } cases[] = {
        { "inline:{ {u@d = a@b, c} }", "u+e@d", "<a+e@b><c+e@origin.test>" },
        { "inline:{ {@d = @other} }", "u+e@d", "<u+e@other>" },
        { "inline:{ {@d = fix@other} }", "u+e@d", "<fix@other>" },
    };
    struct config config = test_config();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = ERROR_NONE;
        struct lookup *lookup = lookup_open(&config, &test_context, &error);
        struct table_list *list = table_list_open(&test_context, "maps", cases[i].maps,
                                                  TABLE_FOLD, &error);
        AUTO_ARENA struct arena *arena = arena_new();
        AUTO_STR struct str got = STR_EMPTY;
        struct address_list results = { NULL, 0, 0 };

        CHECK_NUMBER(lookup_map(lookup, list, slice_of(cases[i].address),
                                lookup_propagates(lookup, "virtual"), arena, &results, &error),
                     TABLE_FOUND);
        for (size_t k = 0; k < results.count; k++)
            append_found(&got, results.items[k]);
        CHECK_TEXT(got.data, cases[i].wanted);
        free(results.items);
        table_list_close(list);
        lookup_close(lookup);
    }
}

TEST(quoting_keeps_every_local_part)
{
    static const struct { const char *internal, *external; } cases[] = {
        { "user@dom", "user@dom" }, { "a b@dom", "\"a b\"@dom" },
        { "a\"b@dom", "\"a\\\"b\"@dom" }, { "@dom", "\"\"@dom" },
        { "a.@dom", "\"a.\"@dom" }, { "", "" }, { "a\\b@c", "\"a\\\\b\"@c" },
        { "\xc3\xa9@x", "\xc3\xa9@x" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str external = STR_EMPTY;
        AUTO_STR struct str internal = STR_EMPTY;

        address_quote(&external, slice_of(cases[i].internal));
        CHECK_TEXT(external.data, cases[i].external);
        CHECK(address_unquote(&internal, str_slice(&external)));
        CHECK_TEXT(internal.data, cases[i].internal);
    }
}

/* Recorded from Debian's smtpd: without and with strict_rfc821_envelopes; NULL is a 501. */
TEST(paths_are_taken_as_clients_send_them)
{
    static const struct { const char *text, *loose, *strict, *rest; } cases[] = {
        { "<u@x>", "u@x", "u@x", "" },
        { "u@x", "u@x", NULL, "" },
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
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str internal = STR_EMPTY;
        struct slice rest = slice_of(cases[i].text);
        bool good = address_parse_path(&rest, PATH_NO_ASCII_CHECK, &internal) == PATH_GOOD;

        if (strcmp(good ? internal.data : "501", cases[i].loose ? cases[i].loose : "501") != 0)
            print_error("path %s\n", cases[i].text);
        CHECK_TEXT(good ? internal.data : "501", cases[i].loose ? cases[i].loose : "501");
        CHECK_SLICE(rest, cases[i].rest);
        rest = slice_of(cases[i].text);
        good = address_parse_path(&rest, PATH_NO_ASCII_CHECK | PATH_STRICT, &internal) == PATH_GOOD;
        CHECK_TEXT(good ? internal.data : "501", cases[i].strict ? cases[i].strict : "501");
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
