#include "base/test.h"

#include "address/rewrite.h"
#include "address/settings_test.h"
#include "base/scope.h"

/* Recorded from Debian's trivial-rewrite: local context, remote context where it differs. */
static const struct { const char *address, *local, *remote; } recorded[] = {
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

TEST(external_addresses_are_rewritten_as_postfix_does)
{
    struct config config = test_config();
    struct rewrite_settings settings = rewrite_settings_of(&config);

    for (size_t i = 0; i < COUNT(recorded); i++) {
        AUTO_STR struct str local = STR_EMPTY;
        AUTO_STR struct str remote = STR_EMPTY;

        rewrite_external(&settings, REWRITE_LOCAL, slice_of(recorded[i].address), &local);
        CHECK_TEXT(local.data, recorded[i].local);
        rewrite_external(&settings, REWRITE_REMOTE, slice_of(recorded[i].address), &remote);
        CHECK_TEXT(remote.data, recorded[i].remote ? recorded[i].remote : recorded[i].local);
    }
}

TEST(internal_addresses_are_rewritten_without_quotes)
{
    static const struct { const char *address, *wanted; } cases[] = {
        { "", "" }, { "user", "user@origin.test" }, { "a b", "a b@origin.test" },
        { "a b@x", "a b@x" }, { "a@b@c", "a@b@c" }, { "a!b", "b@a" },
        { "a b!c", "a b!c@origin.test" },
        { "@a:", "@origin.test" }, { "a\tb@x", "a b@x" }, { "x@<", "x@ <" },
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
