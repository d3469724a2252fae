#include "anvil_counts.h"
#include "base/test.h"

static struct anvil_reply count(struct anvil_counts *counts, const char *ident,
                                enum anvil_event event, time_t now)
{
    struct anvil_reply reply = { 0 };

    anvil_count(counts, slice_of(ident), event, false, now, &reply);
    return reply;
}

TEST(clients_are_counted_apart_and_rates_end_with_the_time_unit)
{
    struct anvil_counts *counts = anvil_counts_new(60);

    CHECK(count(counts, "smtp:a", ANVIL_CONNECT, 1000).count == 1);
    CHECK(count(counts, "smtp:a", ANVIL_CONNECT, 1001).rate == 2);
    CHECK(count(counts, "smtp:b", ANVIL_CONNECT, 1001).rate == 1);
    CHECK(count(counts, "smtp:a", ANVIL_MESSAGE, 1060).rate == 1);
    CHECK(count(counts, "smtp:a", ANVIL_MESSAGE, 1060).rate == 2);
    CHECK(count(counts, "smtp:a", ANVIL_MESSAGE, 1061).rate == 1);
    CHECK(count(counts, "smtp:a", ANVIL_CONNECT, 1062).count == 3);
    anvil_counts_free(counts);
}

TEST(looking_counts_nothing)
{
    struct anvil_counts *counts = anvil_counts_new(60);
    struct anvil_reply reply = { 0 };

    count(counts, "a", ANVIL_NEW_TLS, 1);
    anvil_count(counts, slice_of("a"), ANVIL_NEW_TLS, true, 1, &reply);
    anvil_count(counts, slice_of("a"), ANVIL_NEW_TLS, true, 1, &reply);
    CHECK(reply.rate == 1 && reply.count == 0);
    anvil_counts_free(counts);
}

TEST(clients_that_are_gone_are_forgotten_when_their_time_unit_is_over)
{
    struct anvil_counts *counts = anvil_counts_new(10);

    count(counts, "gone", ANVIL_CONNECT, 1);
    count(counts, "gone", ANVIL_DISCONNECT, 2);
    count(counts, "gone", ANVIL_DISCONNECT, 2);
    count(counts, "there", ANVIL_CONNECT, 1);
    count(counts, "new", ANVIL_MESSAGE, 11);
    anvil_counts_expire(counts, 11);
    CHECK(anvil_counts_size(counts) == 3);
    anvil_counts_expire(counts, 12);
    CHECK(anvil_counts_size(counts) == 2);
    CHECK(count(counts, "gone", ANVIL_CONNECT, 12).count == 1);
    anvil_counts_free(counts);
}
