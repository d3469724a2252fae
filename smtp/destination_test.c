#include "destination.h"

#include "base/test.h"

TEST(destination_takes_every_form_of_a_next_hop_apart)
{
    static const struct {
        const char *text;
        bool lmtp;
        const char *host;
        int port;
        bool unix_socket, exact, default_port;
    } cases[] = {
        { "example.com", false, "example.com", 25, false, false, true },
        { "[mx.example.com]", false, "mx.example.com", 25, false, true, true },
        { "[mx.example.com]:587", false, "mx.example.com", 587, false, true, false },
        { "example.com:submission", false, "example.com", 587, false, false, false },
        { "[IPv6:2001:db8::1]:25", false, "2001:db8::1", 25, false, true, true },
        { "2001:db8::1", false, "2001:db8::1", 25, false, true, true },
        { "192.0.2.1:26", false, "192.0.2.1", 26, false, true, false },
        { "inet:host:24", true, "host", 24, false, true, true },
        { "unix:private/lmtp", true, "private/lmtp", 0, true, true, false },
        { "host.example", true, "host.example", 24, false, true, true },
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct destination destination;
        struct error error;

        CHECK(destination_parse(&destination, cases[i].text, cases[i].lmtp ? "24" : "smtp",
                                cases[i].lmtp, arena, &error));
        CHECK_TEXT(destination.host, cases[i].host);
        CHECK_NUMBER(destination.port, cases[i].port);
        CHECK_NUMBER(destination.unix_socket, cases[i].unix_socket);
        CHECK_NUMBER(destination.exact, cases[i].exact);
        CHECK_NUMBER(destination.default_port, cases[i].default_port);
    }
    arena_free(arena);
}

TEST(destination_refuses_what_names_no_host_or_port)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "empty host name in next hop \"\"" },
        { "[]:25", "empty host name in next hop \"[]:25\"" },
        { "[host]:nosuchport", "unknown service: nosuchport/tcp" },
        { "host:70000", "unknown service: 70000/tcp" },
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct destination destination;
        struct error error;

        CHECK(!destination_parse(&destination, cases[i].text, "smtp", false, arena, &error));
        CHECK_TEXT(error.text, cases[i].error);
    }
    arena_free(arena);
}
