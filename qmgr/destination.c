#include "destination.h"

#include "base/memory.h"
#include "base/slice.h"

#include <math.h>
#include <stdlib.h>

bool feedback_parse(const char *text, struct feedback *feedback)
{
    char *end;
    double amount = strtod(text, &end);
    struct slice shape = slice_trim(slice_of(end));

    if (end == text || amount < 0 || amount > 1)
        return false;
    feedback->amount = amount;
    if (shape.length == 0)
        feedback->shape = FEEDBACK_FIXED;
    else if (slice_is_nocase(shape, "/concurrency") || slice_is_nocase(shape, "/ concurrency"))
        feedback->shape = FEEDBACK_BY_CONCURRENCY;
    else if (slice_is_nocase(shape, "/sqrt_concurrency") ||
             slice_is_nocase(shape, "/ sqrt_concurrency"))
        feedback->shape = FEEDBACK_BY_ROOT;
    else
        return false;
    return true;
}

static double feedback_at(const struct feedback *feedback, double window)
{
    switch (feedback->shape) {
    case FEEDBACK_BY_CONCURRENCY:
        return feedback->amount / window;
    case FEEDBACK_BY_ROOT:
        return feedback->amount / sqrt(window);
    default:
        return feedback->amount;
    }
}

static double first_window(const struct transport_limits *limits)
{
    if (limits->rate_delay > 0 || limits->transport_rate_delay > 0)
        return 1;
    if (limits->concurrency > 0 && limits->initial_concurrency > limits->concurrency)
        return limits->concurrency;
    return limits->initial_concurrency > 0 ? limits->initial_concurrency : 1;
}

struct destination *destination_new(struct transport *transport, const char *name,
                                    const struct transport_limits *limits)
{
    struct destination *destination = memory_new(1, sizeof(*destination));

    destination->transport = transport;
    destination->name = memory_copy(name);
    destination->window = first_window(limits);
    return destination;
}

static void free_deliveries(struct delivery *delivery)
{
    while (delivery) {
        struct delivery *next = delivery->next;

        free(delivery->recipients);
        free(delivery);
        delivery = next;
    }
}

void destination_free(struct destination *destination)
{
    while (destination->first) {
        struct job *job = destination->first;

        destination->first = job->next;
        free_deliveries(job->first);
        free(job);
    }
    free(destination->name);
    free(destination->reason);
    free(destination);
}

static struct job *job_new(void *message)
{
    struct job *job = memory_new(1, sizeof(*job));

    job->message = message;
    job->last = &job->first;
    return job;
}

void destination_push(struct destination *destination, struct delivery *delivery)
{
    struct job *job = destination->last;

    delivery->next = NULL;
    destination->waiting++;
    if (!job || job->message != delivery->message) {
        job = job_new(delivery->message);
        if (destination->last)
            destination->last->next = job;
        else
            destination->first = job;
        destination->last = job;
    }
    *job->last = delivery;
    job->last = &delivery->next;
}

void destination_push_back(struct destination *destination, struct delivery *delivery)
{
    struct job *job = job_new(delivery->message);

    destination->waiting++;
    delivery->next = NULL;
    job->first = delivery;
    job->last = &delivery->next;
    job->next = destination->first;
    destination->first = job;
    if (!destination->last)
        destination->last = job;
}

/* The message whose turn it was goes behind the others. */
static void rotate(struct destination *destination, struct job *job)
{
    destination->first = job->next;
    if (!destination->first)
        destination->last = NULL;
    if (!job->first) {
        free(job);
        return;
    }
    job->next = NULL;
    if (destination->last)
        destination->last->next = job;
    else
        destination->first = job;
    destination->last = job;
}

struct delivery *destination_pop(struct destination *destination)
{
    struct job *job = destination->first;

    if (!job)
        return NULL;

    struct delivery *delivery = job->first;

    job->first = delivery->next;
    if (!job->first)
        job->last = &job->first;
    delivery->next = NULL;
    destination->waiting--;
    rotate(destination, job);
    return delivery;
}

bool destination_is_open(const struct destination *destination,
                         const struct transport_limits *limits, int64_t now)
{
    if (destination->dead_until > 0)
        return true;    /* what waits is handed to retry, which has its own limits */
    if (destination->delayed_until > now)
        return false;
    if (limits->rate_delay > 0 || limits->transport_rate_delay > 0)
        return destination->busy == 0;
    return limits->concurrency == 0 || (double)destination->busy < destination->window;
}

void destination_succeeded(struct destination *destination,
                           const struct transport_limits *limits)
{
    destination->failed_cohorts = 0;
    if (destination->window >= limits->concurrency && limits->concurrency > 0)
        return;
    /* Only a window that is used says anything about a larger one. */
    if ((double)destination->busy + limits->initial_concurrency < destination->window)
        return;
    destination->successes += feedback_at(&limits->positive, destination->window);
    while (destination->successes >= 1) {
        destination->successes -= 1;
        destination->failures = 0;
        destination->window += 1;
    }
    if (limits->concurrency > 0 && destination->window > limits->concurrency)
        destination->window = limits->concurrency;
}

void destination_kill(struct destination *destination, const char *reason, int64_t until)
{
    char *copy = memory_copy(reason);

    free(destination->reason);
    destination->reason = copy;
    destination->dead_until = until;
}

bool destination_failed(struct destination *destination, const struct transport_limits *limits,
                        const char *reason, int64_t until)
{
    destination->failed_cohorts += 1 / destination->window;
    destination->failures -= feedback_at(&limits->negative, destination->window);
    while (destination->failures < 0 && destination->window > 1) {
        destination->failures += 1;
        destination->successes = 0;
        destination->window -= 1;
    }
    if (destination->failures < 0)
        destination->failures = 0;
    /* A hair less than the limit: ten tenths are not 1. */
    if (limits->cohort_limit <= 0 || destination->failed_cohorts < limits->cohort_limit - 1e-9)
        return false;
    destination_kill(destination, reason, until);
    return true;
}

void destination_revive(struct destination *destination, const struct transport_limits *limits)
{
    free(destination->reason);
    destination->reason = NULL;
    destination->dead_until = 0;
    destination->delayed_until = 0;
    destination->successes = destination->failures = destination->failed_cohorts = 0;
    destination->window = first_window(limits);
}
