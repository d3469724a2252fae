#include "limits.h"

#include "base/scope.h"
#include "log/log.h"

/* Postfix lets a number below 0 stand; it is taken for none. */
static int find_number(const struct config *config, const char *transport, const char *suffix,
                       int fallback)
{
    int number = config_family_number(config, transport, suffix, fallback);

    return number > 0 ? number : 0;
}

/* A value that is no feedback is named in the log and counts as 1, as with Postfix. */
static struct feedback find_feedback(const struct config *config, const char *transport,
                                     const char *suffix, const char *fallback_name,
                                     const char *fallback)
{
    AUTO_STR struct str name = STR_EMPTY, value = STR_EMPTY;
    struct feedback feedback = { FEEDBACK_FIXED, 1 };
    struct error error = ERROR_NONE;

    str_format(&name, "%s%s", transport, suffix);
    if (!config_lookup(config, name.data, &value, &error) || value.length == 0 ||
        slice_equal(str_slice(&value), slice_of(fallback))) {
        str_set(&name, slice_of(fallback_name));
        str_set(&value, slice_of(fallback));
    }
    if (!feedback_parse(value.data, &feedback)) {
        log_warn("%s: ignoring malformed or unreasonable feedback: %s", name.data, value.data);
        feedback = (struct feedback){ FEEDBACK_FIXED, 1 };
    }
    if (config->destination_concurrency_feedback_debug)
        log_info("%s: %s feedback type %d value at %d: %g", transport, name.data,
                 (int)feedback.shape, config->initial_destination_concurrency,
                 feedback_at(&feedback, config->initial_destination_concurrency));
    return feedback;
}

static void find_slots(const struct config *config, const char *transport,
                       struct slot_rules *slots)
{
    slots->cost = find_number(config, transport, "_delivery_slot_cost",
                              config->default_delivery_slot_cost);
    slots->loan = find_number(config, transport, "_delivery_slot_loan",
                              config->default_delivery_slot_loan);
    slots->discount = find_number(config, transport, "_delivery_slot_discount",
                                  config->default_delivery_slot_discount);
    slots->minimum = find_number(config, transport, "_minimum_delivery_slots",
                                 config->default_minimum_delivery_slots);
}

static void find_memory(const struct config *config, const char *transport,
                        struct memory_rules *memory)
{
    memory->recipients = find_number(config, transport, "_recipient_limit",
                                     config->default_recipient_limit);
    memory->extra = find_number(config, transport, "_extra_recipient_limit",
                                config->default_extra_recipient_limit);
    memory->refill_least = find_number(config, transport, "_recipient_refill_limit",
                                       config->default_recipient_refill_limit);
    memory->refill_delay =
        1000 * (int64_t)config_family_seconds(config, transport, "_recipient_refill_delay",
                                              config->default_recipient_refill_delay);
}

static void find_concurrency(const struct config *config, const char *transport,
                             struct transport_limits *limits)
{
    limits->concurrency = find_number(config, transport, "_destination_concurrency_limit",
                                      config->default_destination_concurrency_limit);
    limits->initial_concurrency = find_number(config, transport,
                                              "_initial_destination_concurrency",
                                              config->initial_destination_concurrency);
    limits->cohort_limit =
        find_number(config, transport, "_destination_concurrency_failed_cohort_limit",
                    config->default_destination_concurrency_failed_cohort_limit);
    limits->positive = find_feedback(config, transport,
                                     "_destination_concurrency_positive_feedback",
                                     "default_destination_concurrency_positive_feedback",
                                     config->default_destination_concurrency_positive_feedback);
    limits->negative = find_feedback(config, transport,
                                     "_destination_concurrency_negative_feedback",
                                     "default_destination_concurrency_negative_feedback",
                                     config->default_destination_concurrency_negative_feedback);
}

void limits_find(const struct config *config, const char *transport,
                 struct transport_limits *limits)
{
    limits->recipients = find_number(config, transport, "_destination_recipient_limit",
                                     config->default_destination_recipient_limit);
    limits->rate_delay = 1000 * (int64_t)config_family_seconds(
        config, transport, "_destination_rate_delay", config->default_destination_rate_delay);
    limits->transport_rate_delay = 1000 * (int64_t)config_family_seconds(
        config, transport, "_transport_rate_delay", config->default_transport_rate_delay);
    limits->debug = config->destination_concurrency_feedback_debug;
    find_concurrency(config, transport, limits);
    find_slots(config, transport, &limits->slots);
    find_memory(config, transport, &limits->memory);
}
