#include "base/moment.h"

#include <time.h>

int64_t moment_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moment_after(int64_t seconds)
{
    return moment_now() + seconds * 1000;
}

int64_t moment_left(int64_t deadline)
{
    int64_t left = deadline - moment_now();

    return left > 0 ? left : 0;
}

struct timeval wall_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
}

double wall_span(struct timeval earlier, struct timeval later)
{
    return (double)(later.tv_sec - earlier.tv_sec) +
           (double)(later.tv_usec - earlier.tv_usec) / 1e6;
}
