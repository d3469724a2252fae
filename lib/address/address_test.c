#include "base/test.h"

#include "address/address.h"
#include "base/scope.h"

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
