#include "base/test.h"

#include "address/lookup.h"
#include "address/settings_test.h"
#include "base/scope.h"

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
            str_format(&got, "<%.*s>", SLICE_ARGS(results.items[k]));
        CHECK_TEXT(got.data, cases[i].wanted);
        free(results.items);
        table_list_close(list);
        lookup_close(lookup);
    }
}
