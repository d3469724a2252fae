#include "transport.h"

#include "base/memory.h"
#include "log/log.h"

#include <stdlib.h>

static int first_window(const struct transport_limits *limits)
{
    if (limits->rate_delay > 0 || limits->transport_rate_delay > 0)
        return 1;
    if (limits->concurrency > 0 && limits->initial_concurrency > limits->concurrency)
        return limits->concurrency;
    return limits->initial_concurrency > 0 ? limits->initial_concurrency : 1;
}

struct destination *destination_new(struct transport *transport, const char *name)
{
    struct destination *destination = memory_new(1, sizeof(*destination));

    destination->transport = transport;
    destination->name = memory_copy(name);
    destination->window = first_window(&transport->limits);
    return destination;
}

void destination_free(struct destination *destination)
{
    free(destination->name);
    free(destination->reason);
    free(destination);
}

const char *destination_name(const struct destination *destination)
{
    return destination->name;
}

size_t destination_load(const struct destination *destination)
{
    return destination->waiting + destination->busy;
}

bool destination_is_at_limit(const struct destination *destination, int *limit)
{
    *limit = destination->transport->limits.concurrency;
    return *limit > 0 && destination->window >= *limit;
}

bool destination_is_open(const struct destination *destination)
{
    const struct transport_limits *limits = &destination->transport->limits;

    if (destination->dead_until > 0 || destination->delayed_until > 0)
        return false;
    if (limits->rate_delay > 0 || limits->transport_rate_delay > 0)
        return destination->busy == 0;
    return limits->concurrency == 0 || destination->busy < (size_t)destination->window;
}

/* destination_concurrency_feedback_debug; the words in front are those of Postfix's log. */
static void log_state(const struct destination *destination, const char *event)
{
    const struct transport_limits *limits = &destination->transport->limits;

    if (limits->debug)
        log_info("%s: queue %s: limit %d window %d success %g failure %g fail_cohorts %g", event,
                 destination->name, limits->concurrency, destination->window,
                 destination->successes, destination->failures, destination->failed_cohorts);
}

static double find_feedback(const struct destination *destination,
                            const struct feedback *feedback, const char *event)
{
    double amount = feedback_at(feedback, destination->window);

    if (destination->transport->limits.debug)
        log_info("%s: feedback %g", event, amount);
    return amount;
}

static void grow(struct destination *destination)
{
    const struct transport_limits *limits = &destination->transport->limits;
    double amount = find_feedback(destination, &limits->positive, "qmgr_queue_unthrottle");

    destination->successes += amount;
    /* Half a step less than 1: three thirds are not 1. */
    while (amount > 0 && destination->successes + amount / 2 >= 1) {
        destination->window++;
        destination->failures = 0;
        destination->successes -= 1;
    }
    if (limits->concurrency > 0 && destination->window > limits->concurrency)
        destination->window = limits->concurrency;
}

void destination_succeeded(struct destination *destination)
{
    const struct transport_limits *limits = &destination->transport->limits;

    /* An agent has got through: what was thought to be dead is not. */
    if (destination->dead_until > 0)
        destination_revive(destination);
    destination->failed_cohorts = 0;
    /* Only a window that is used says anything about a larger one. */
    if ((limits->concurrency == 0 || destination->window < limits->concurrency) &&
        (size_t)destination->window < destination->busy + (size_t)limits->initial_concurrency)
        grow(destination);
    log_state(destination, "qmgr_queue_unthrottle");
}

static void kill_destination(struct destination *destination, const char *reason, int64_t until)
{
    char *copy = memory_copy(reason);

    free(destination->reason);
    destination->reason = copy;
    if (destination->dead_until == 0)
        destination->transport->dead++;
    destination->dead_until = until;
    destination->window = 0;
}

/* The window shrinks with the first of a series of failures, not with its last one. */
static void shrink(struct destination *destination)
{
    double amount = find_feedback(destination, &destination->transport->limits.negative,
                                  "qmgr_queue_throttle");

    destination->failures -= amount;
    while (amount > 0 && destination->failures - amount / 2 < 0) {
        destination->window--;
        destination->successes = 0;
        destination->failures += 1;
    }
    if (destination->window < 1)
        destination->window = 1;
}

bool destination_failed(struct destination *destination, const char *reason, int64_t until)
{
    double limit = destination->transport->limits.cohort_limit;

    if (destination->window > 0) {
        destination->failed_cohorts += 1.0 / destination->window;
        /* A hair less than the limit: ten tenths are not 1. */
        if (limit > 0 && destination->failed_cohorts >= limit - 1e-9)
            kill_destination(destination, reason, until);
    }
    if (destination->window > 0)
        shrink(destination);
    log_state(destination, "qmgr_queue_throttle");
    return destination->window == 0;
}

void destination_revive(struct destination *destination)
{
    free(destination->reason);
    destination->reason = NULL;
    if (destination->dead_until > 0)
        destination->transport->dead--;
    destination->dead_until = 0;
    destination->delayed_until = 0;
    destination->successes = destination->failures = destination->failed_cohorts = 0;
    destination->window = first_window(&destination->transport->limits);
}
