#include "deliver/status_filter.h"

#include "base/scope.h"
#include "base/test.h"

/* A failure and a success, each replaced by what one key of the table says. */
static struct status_filter *filter_of(const struct table_context *context, const char *rules)
{
    struct error error = ERROR_NONE;

    return status_filter_open(context, "test_delivery_status_filter", rules, &error);
}

TEST(statuses_are_replaced_within_their_class)
{
    static const struct {
        const char *result, *dsn, *reason;
        enum outcome_action before, after;
        const char *new_dsn, *new_reason;
    } cases[] = {
        { "4.1.1 later", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_DELAYED, "4.1.1", "later" },
        { "5.7.1 no", "4.3.0", "busy", OUTCOME_DELAYED, OUTCOME_FAILED, "5.7.1", "no" },
        { "5.9.9", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.9.9", "gone" },
        { "5.9.9  two  blanks", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.9.9",
          "two  blanks" },
        { "2.0.0 fine", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.1.1", "gone" },
        { "5.0.0 bad", "2.0.0", "ok", OUTCOME_DELIVERED, OUTCOME_DELIVERED, "2.0.0", "ok" },
        { "2.7.7 nice", "2.0.0", "ok", OUTCOME_RELAYED, OUTCOME_RELAYED, "2.7.7", "nice" },
        { "garbage", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.1.1", "gone" },
        { "5.1.1: x", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.1.1", "gone" },
        { "5.1.1234 x", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.1.1", "gone" },
        { "5.123.001 x", "5.1.1", "gone", OUTCOME_FAILED, OUTCOME_FAILED, "5.123.001", "x" },
    };
    const struct table_context context = { .queue_directory = "", .default_type = "hash",
                                           .proxymap_service = "proxymap" };

    for (size_t i = 0; i < COUNT(cases); i++) {
        AUTO_ARENA struct arena *arena = arena_new();
        struct status_filter *filter = filter_of(
            &context, arena_format(arena, "static:{%s}", cases[i].result));
        struct outcome outcome = { .action = cases[i].before, .dsn = cases[i].dsn,
                                   .reason = cases[i].reason };

        status_filter_apply(filter, arena, &outcome);
        CHECK_TEXT(outcome.dsn, cases[i].new_dsn);
        CHECK_TEXT(outcome.reason, cases[i].new_reason);
        CHECK_NUMBER(outcome.action, cases[i].after);
        status_filter_close(filter);
    }
}

TEST(tables_are_asked_with_status_and_text)
{
    const struct table_context context = { .queue_directory = "", .default_type = "hash",
                                           .proxymap_service = "proxymap" };
    AUTO_ARENA struct arena *arena = arena_new();
    struct status_filter *filter = filter_of(
        &context, "inline:{{5.1.1 gone=5.2.2 here}}, inline:{{5.1.1 Gone=5.3.3 there}}");
    struct outcome outcome = { .action = OUTCOME_FAILED, .dsn = "5.1.1", .reason = "Gone" };
    struct outcome other = { .action = OUTCOME_FAILED, .dsn = "5.1.1", .reason = "away" };

    status_filter_apply(filter, arena, &outcome);
    CHECK_TEXT(outcome.reason, "there");
    status_filter_apply(filter, arena, &other);
    CHECK_TEXT(other.reason, "away");
    status_filter_close(filter);
}

TEST(trouble_and_no_tables_change_nothing)
{
    const struct table_context context = { .queue_directory = "", .default_type = "hash",
                                           .proxymap_service = "proxymap" };
    AUTO_ARENA struct arena *arena = arena_new();
    struct status_filter *filter = filter_of(&context, "fail:x");
    struct outcome outcome = { .action = OUTCOME_FAILED, .dsn = "5.1.1", .reason = "gone" };

    CHECK(!filter_of(&context, ""));
    status_filter_apply(NULL, arena, &outcome);
    status_filter_apply(filter, arena, &outcome);
    CHECK_TEXT(outcome.dsn, "5.1.1");
    CHECK_TEXT(outcome.reason, "gone");
    status_filter_close(filter);
}
