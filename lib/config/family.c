#include "config/family.h"

#include "base/compiler.h"

#define COUNTED PARAMETER_NUMBER, 0, 0
#define COUNTED_FROM_1 PARAMETER_NUMBER, 1, 0

static const struct family_member transport[] = {
    { "_delivery_slot_cost", "$default_delivery_slot_cost", COUNTED },
    { "_delivery_slot_discount", "$default_delivery_slot_discount", PARAMETER_NUMBER, 0, 100 },
    { "_delivery_slot_loan", "$default_delivery_slot_loan", COUNTED },
    { "_destination_concurrency_failed_cohort_limit",
      "$default_destination_concurrency_failed_cohort_limit", COUNTED },
    { "_destination_concurrency_limit", "$default_destination_concurrency_limit", COUNTED },
    { "_destination_concurrency_negative_feedback",
      "$default_destination_concurrency_negative_feedback", PARAMETER_TEXT, 0, 0 },
    { "_destination_concurrency_positive_feedback",
      "$default_destination_concurrency_positive_feedback", PARAMETER_TEXT, 0, 0 },
    { "_destination_rate_delay", "$default_destination_rate_delay", PARAMETER_SECONDS, 0, 0 },
    { "_destination_recipient_limit", "$default_destination_recipient_limit", COUNTED },
    { "_extra_recipient_limit", "$default_extra_recipient_limit", COUNTED },
    { "_initial_destination_concurrency", "$initial_destination_concurrency", COUNTED_FROM_1 },
    { "_minimum_delivery_slots", "$default_minimum_delivery_slots", COUNTED },
    { "_recipient_limit", "$default_recipient_limit", COUNTED },
    { "_recipient_refill_delay", "$default_recipient_refill_delay", PARAMETER_SECONDS, 1, 0 },
    { "_recipient_refill_limit", "$default_recipient_refill_limit", COUNTED_FROM_1 },
    { "_transport_rate_delay", "$default_transport_rate_delay", PARAMETER_SECONDS, 0, 0 },
};

static const struct family_member time_limit = { "_time_limit", "$command_time_limit",
                                                 PARAMETER_SECONDS, 1, 0 };

/* The transports of a stock master.cf, whose members have rows. */
static const char *const stock[] = {
    "error", "lmtp", "local", "relay", "retry", "smtp", "virtual",
};

static bool is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

const struct family_member *family_at(const char *command, size_t index)
{
    static const char *const agents[] = { "local", "pipe", "virtual", "smtp", "lmtp", "error",
                                          NULL };
    static const char *const timed[] = { "pipe", "spawn", NULL };
    size_t count = is_one_of(command, agents) ? COUNT(transport) : 0;

    if (index < count)
        return &transport[index];
    return index == count && is_one_of(command, timed) ? &time_limit : NULL;
}

const struct family_member *family_find(const char *suffix)
{
    for (size_t i = 0; i < COUNT(transport); i++)
        if (strcmp(transport[i].suffix, suffix) == 0)
            return &transport[i];
    return strcmp(time_limit.suffix, suffix) == 0 ? &time_limit : NULL;
}

bool family_is_row(struct slice name)
{
    /* These two have defaults of their own, whatever master.cf says. */
    if (slice_is(name, "local_destination_concurrency_limit") ||
        slice_is(name, "local_destination_recipient_limit"))
        return false;
    for (size_t i = 0; i < COUNT(stock); i++) {
        if (!slice_starts(name, stock[i]))
            continue;

        struct slice suffix = slice_from(name, strlen(stock[i]));

        for (size_t j = 0; j < COUNT(transport); j++)
            if (slice_is(suffix, transport[j].suffix))
                return true;
    }
    return false;
}

static bool service_holds(const struct master_service *service, struct slice name)
{
    struct slice suffix = slice_from(name, strlen(service->name));
    const struct family_member *member;

    if (!slice_starts(name, service->name))
        return false;
    for (size_t i = 0; (member = family_at(service->command, i)); i++)
        if (slice_is(suffix, member->suffix))
            return true;
    return false;
}

bool family_holds(const struct master_cf *master_cf, struct slice name)
{
    for (size_t i = 0; master_cf && i < master_cf_count(master_cf); i++)
        if (service_holds(master_cf_at(master_cf, i), name))
            return true;
    return false;
}
