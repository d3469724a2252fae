#include "base/test.h"

#include "address/lookup.h"
#include "address/resolve.h"
#include "address/settings_test.h"
#include "base/scope.h"

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
static const struct { const char *address, *wanted; } recorded[] = {
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
    /* An operator behind an open parenthesis or bracket is none, and the search for more ends. */
    { "(a!b", "0r local|mx.example.test|(a!b@mx.example.test" },
    { "((a!b@", "0r local|mx.example.test|((a!b@mx.example.test" },
    { "[x!t@mx.example.test", "0r local|mx.example.test|[x!t@mx.example.test" },
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

TEST(addresses_resolve_as_postfix_does)
{
    struct config config = test_config();

    config.transport_maps = "inline:{ {user@t.test = smtp:usernext}, "
        "{user+ext@t.test = smtp:extnext}, t.test=slow:, .t.test=:dotnext, "
        "{plain.test = :[host]:2525}, null.test=:, {err.test = error:5.7.1 go away}, "
        "err2.test=error:, {lst.test = smtp:a, b}, local.test=uucp, "
        "mailer-daemon@mx.example.test=smtp:nullroute, vmbox.test=vtrans:, relay.test=:relaynext, "
        "up.test=SMTP:Foo.Bar }";
    for (size_t i = 0; i < COUNT(recorded); i++)
        check_resolve(&config, "", recorded[i].address, recorded[i].wanted);
}

static void check_routing(int steps, const char *wanted)
{
    struct config config = test_config();
    AUTO_STR struct str address = STR_EMPTY;

    str_text(&address, "a");
    for (int i = 0; i < steps; i++)
        str_text(&address, "%mx.example.test");
    str_text(&address, "@mx.example.test");
    check_resolve(&config, "", address.data, wanted);
}

/* Each step costs as much as the address is long. */
TEST(routing_is_followed_fifty_times)
{
    check_routing(50, "0 local|mx.example.test|a@mx.example.test");
    check_routing(51, "4rb " BAD "a%mx.example.test@");
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

/* Bits of the kinds of servers that a process is told it will ask. */
static void note_kind(void *argument, enum table_connects how)
{
    *(unsigned *)argument |= 1u << how;
}

static unsigned kinds_asked(const struct config *config,
                            struct resolver *open(const struct config *,
                                                  const struct table_context *, struct lookup *,
                                                  enum resolve_purpose, struct error *))
{
    unsigned kinds = 0;
    struct table_context context = test_context;
    struct error error = ERROR_NONE;
    struct lookup *lookup = lookup_open(config, &context, &error);

    context.connects = note_kind;
    context.argument = &kinds;
    resolver_close(open(config, &context, lookup, RESOLVE_MAIL, &error));
    lookup_close(lookup);
    return kinds;
}

TEST(tables_of_the_network_are_left_to_trivial_rewrite)
{
    static const char *const maps[] = {
        "tcp:127.0.0.1:9", "hash:/nowhere, socketmap:inet:127.0.0.1:9:x",
        "unionmap:{static:a, tcp:127.0.0.1:9}", "pipemap:{static:a, tcp:127.0.0.1:9}",
    };
    const unsigned local = 1u << TABLE_CONNECTS_UNIX, network = 1u << TABLE_CONNECTS_TCP;
    struct config config = test_config();

    config.rewrite_service_name = "rewrite";
    CHECK_NUMBER(kinds_asked(&config, resolver_open), 0);
    for (size_t i = 0; i < COUNT(maps); i++) {
        config.transport_maps = maps[i];
        CHECK_NUMBER(kinds_asked(&config, resolver_open), local);
        CHECK_NUMBER(kinds_asked(&config, resolver_open_here), network);
    }
}
