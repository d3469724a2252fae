#include "deliver/verify.h"

#include "base/scope.h"
#include "base/test.h"

TEST(a_verify_request_comes_back_as_it_was)
{
    AUTO_STR struct str bytes = STR_EMPTY;
    AUTO_ARENA struct arena *arena = arena_new();
    struct verify_request back;
    struct error error = ERROR_NONE;
    const struct verify_request sent = {
        .action = VERIFY_UPDATE, .address = "a b@c.test", .wait_milliseconds = 6000,
        .status = VERIFY_BOUNCED, .text = "unknown user: \"a b\"",
    };

    frame_write(&bytes, &verify_request_frame, &sent);
    CHECK(frame_read(slice_from(str_slice(&bytes), 4), &verify_request_frame, arena, &back,
                     &error));
    CHECK_NUMBER(back.action, VERIFY_UPDATE);
    CHECK_TEXT(back.address, "a b@c.test");
    CHECK_NUMBER(back.wait_milliseconds, 6000);
    CHECK_NUMBER(back.status, VERIFY_BOUNCED);
    CHECK_TEXT(back.text, "unknown user: \"a b\"");
}

TEST(the_sender_of_probes_changes_with_time)
{
    /* As Debian's verify named it at these times. */
    static const struct { const char *sender; int ttl; int64_t now; const char *text; } cases[] = {
        { "double-bounce", 0, 1795338612, "double-bounce" },
        { "double-bounce", 1, 1795338612, "double-bounce20Q0GBS" },
        { "double-bounce", 100000, 1795338618, "double-bounceLP4" },
        { "dx@foo.bar", 100000, 1795338624, "dxLP4@foo.bar" },
        { "a", 7, 1795338630, "a8YQ6GX" },
        { "probe+x@foo.bar", 31, 1795338642, "probe+x20Q0GC@foo.bar" },
        { "<>", 7, 1795338630, "" },
        { "", 7, 1795338630, "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_STR struct str text = STR_EMPTY;

        verify_sender(&text, cases[i].sender, cases[i].ttl, cases[i].now);
        CHECK_TEXT(text.data, cases[i].text);
    }
}

TEST(the_sender_of_probes_is_known_again)
{
    static const struct { const char *address, *sender; int ttl; bool is; } cases[] = {
        { "double-bounce@here.test", "double-bounce", 0, true },
        { "Double-Bounce@HERE.test", "double-bounce", 0, true },
        { "double-bounce@there.test", "double-bounce", 0, false },
        { "double-bouncer@here.test", "double-bounce", 0, false },
        { "double-bounceLP4@here.test", "double-bounce", 100000, true },
        { "double-bounceLP5@here.test", "double-bounce", 100000, true },
        { "double-bounceLP3@here.test", "double-bounce", 100000, true },
        { "double-bounceLP6@here.test", "double-bounce", 100000, false },
        { "double-bounce@here.test", "double-bounce", 100000, false },
        { "dxLP4@foo.bar", "dx@foo.bar", 100000, true },
        { "dxLP4@here.test", "dx@foo.bar", 100000, false },
        { "", "<>", 0, false },
        { "", "", 100000, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(verify_sender_is(slice_of(cases[i].address), cases[i].sender, cases[i].ttl,
                               "here.test", 1795338618) == cases[i].is);
}
