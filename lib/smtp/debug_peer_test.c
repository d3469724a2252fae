#include "base/test.h"
#include "log/log.h"
#include "smtp/debug_peer.h"

static const struct table_context context = {
    .queue_directory = "", .default_type = "hash", .proxymap_service = "proxymap",
};

TEST(only_listed_peers_add_verbosity)
{
    static const struct { const char *list, *parents, *name, *address; bool listed; } cases[] = {
        { "", "", "a.example", "192.0.2.1", false },
        { "192.0.2.0/24", "", "unknown", "192.0.2.1", true },
        { "192.0.2.0/24", "", "unknown", "198.51.100.1", false },
        { "!192.0.2.1, 192.0.2.0/24", "", "unknown", "192.0.2.1", false },
        { "[2001:db8::]/32", "", "", "2001:db8::25", true },
        { "example", "debug_peer_list", "a.example", "192.0.2.1", true },
        { "example", "relay_domains", "a.example", "192.0.2.1", false },
        { ".example", "", "A.EXAMPLE", "", true },
        { "unknown", "", "unknown", "192.0.2.1", false },
        { "inline:{192.0.2.1=x}", "", "", "192.0.2.1", true },
        { "fail:x", "", "a.example", "192.0.2.1", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config config = {
            .debug_peer_list = cases[i].list, .debug_peer_level = 3,
            .parent_domain_matches_subdomains = cases[i].parents,
        };
        struct error error = ERROR_NONE;
        struct debug_peer *debug_peer = debug_peer_open(&context, &config, &error);

        CHECK(debug_peer != NULL);
        CHECK_NUMBER(debug_peer_level(debug_peer, slice_of(cases[i].name),
                                      slice_of(cases[i].address)), cases[i].listed ? 3 : 0);
        debug_peer_close(debug_peer);
    }
}

TEST(a_list_that_cannot_be_read_is_an_error)
{
    struct config config = { .debug_peer_list = "/no/such/file",
                             .parent_domain_matches_subdomains = "" };
    struct error error = ERROR_NONE;

    CHECK(debug_peer_open(&context, &config, &error) == NULL);
    CHECK(strstr(error.text, "/no/such/file") != NULL);
}

TEST(of_auth_only_the_mechanism_is_shown)
{
    static const struct { const char *command, *shown; } cases[] = {
        { "AUTH PLAIN AGEAc2VjcmV0", "AUTH PLAIN" },
        { "auth  login  dXNlcg==", "auth  login" },
        { " AUTH PLAIN x", " AUTH PLAIN" },
        { "AUTH", "AUTH" },
        { "AUTHOR x", "AUTHOR x" },
        { "MAIL FROM:<a@b.example> AUTH=<>", "MAIL FROM:<a@b.example> AUTH=<>" },
        { "", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_SLICE(debug_peer_shown(slice_of(cases[i].command)), cases[i].shown);
}

static _Thread_local char logged[200];

static void catch_line(UNUSED enum log_severity severity, const char *text)
{
    strncat(logged, text, sizeof(logged) - strlen(logged) - 1);
    strncat(logged, "|", sizeof(logged) - strlen(logged) - 1);
}

TEST(each_line_of_a_conversation_is_logged_alone)
{
    log_open(&(struct log_settings){ .tag = "test", .sink = catch_line });
    debug_peer_log(DEBUG_SAID, "a[192.0.2.1]", slice_of("250-one\r\n250 two\r\n"));
    debug_peer_log(DEBUG_HEARD, "a[192.0.2.1]", slice_of("HELO x"));
    debug_peer_log(DEBUG_HEARD, "a[192.0.2.1]", slice_of(""));
    log_open(&(struct log_settings){ .tag = "test", .standard_error = true });
    CHECK_TEXT(logged, "> a[192.0.2.1]: 250-one|> a[192.0.2.1]: 250 two|"
                       "< a[192.0.2.1]: HELO x|< a[192.0.2.1]: |");
}
