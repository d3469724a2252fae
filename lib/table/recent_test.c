#include "table/recent.h"

#include "base/scope.h"
#include "base/test.h"

#include <unistd.h>

TEST(recent_answers_are_given_for_a_second)
{
    struct recent *recent = recent_new();
    AUTO_STR struct str value = STR_EMPTY;
    bool found = false;

    CHECK(!recent_get(recent, slice_of("root"), &found, &value));
    recent_set(recent, slice_of("root"), true, slice_of("root:x"));
    recent_set(recent, slice_of("nobody"), false, slice_of(""));
    CHECK(recent_get(recent, slice_of("root"), &found, &value) && found);
    CHECK_TEXT(value.data, "root:x");
    CHECK(recent_get(recent, slice_of("nobody"), &found, &value) && !found);
    usleep((RECENT_MILLISECONDS + 100) * 1000);
    CHECK(!recent_get(recent, slice_of("root"), &found, &value));
    recent_free(recent);
}

TEST(recent_forgets_when_there_are_too_many)
{
    struct recent *recent = recent_new();
    AUTO_STR struct str value = STR_EMPTY;
    bool found = true;

    for (int i = 0; i < 2500; i++) {
        AUTO_STR struct str key = STR_EMPTY;

        str_format(&key, "user%d", i);
        recent_set(recent, str_slice(&key), true, str_slice(&key));
    }
    CHECK(!recent_get(recent, slice_of("user0"), &found, &value));
    CHECK(recent_get(recent, slice_of("user2499"), &found, &value) && found);
    CHECK_TEXT(value.data, "user2499");
    recent_free(recent);
}
