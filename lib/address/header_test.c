#include "base/test.h"

#include "address/header.h"
#include "base/scope.h"

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
